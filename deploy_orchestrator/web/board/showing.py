"""How an answer of the board looks: a page, or JSON for who asks for `application/json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pydantic_core
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.templating import Jinja2Templates

from deploy_orchestrator.pipeline import State, age
from deploy_orchestrator.telemetry import span
from deploy_orchestrator.web.board.rows import Wanted, table
from deploy_orchestrator.web.board.watch import Watch
from deploy_orchestrator.web.people import Role, person_of

MAX_TABLES: Final = 20
"""Of one look, as far as they are kept."""
_PART: Final = "X-Part"
_POLICY: Final = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"


_SIGNS: Final[Mapping[State, str]] = {
    State.LIVE: "✓",
    State.PROGRESSING: "…",
    State.DEGRADED: "✗",
    State.DRIFTED: "≠",
    State.UNKNOWN: "?",
    State.NOT_RELEASED: "–",
}


def _templates() -> Jinja2Templates:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"age": age, "span": span}  # pyright: ignore[reportUnknownMemberType]
    environment.globals |= {"signs": _SIGNS}  # pyright: ignore[reportUnknownMemberType]
    return Jinja2Templates(env=environment)


@dataclass(frozen=True, slots=True)
class Showing:
    """Answers beside what the `watch` saw last."""

    watch: Watch
    templates: Jinja2Templates = field(default_factory=_templates)
    _tables: dict[tuple[datetime, Wanted], Markup] = field(
        default_factory=dict[tuple[datetime, Wanted], Markup]
    )

    def rows(self, wanted: Wanted) -> Markup:
        """The table of what is `wanted` of what the watch saw last, made once for all who look at it."""
        overview = self.watch.overview
        asked = overview.at, wanted
        if asked not in self._tables:
            if len(self._tables) >= MAX_TABLES or any(at != overview.at for at, _ in self._tables):
                self._tables.clear()
            shown = {"table": table(overview, wanted), "overview": overview}
            made = self.templates.get_template("table.html").render(shown)
            self._tables[asked] = Markup(made)  # noqa: S704 the template has escaped it
        return self._tables[asked]

    def page(self, request: Request, name: str, **shown: Any) -> Response:
        """The page `name`, which runs nothing but its own, and stands in no frame; or what changes of it, for
        the page that shows itself anew.
        """
        watch, person = self.watch, person_of(request.scope)
        about = {
            "overview": watch.overview,
            "trouble": watch.trouble,
            "version": watch.version,
            "person": person,
            "operates": person.role >= Role.OPERATES,
            "rows": self.rows,
            "part": request.headers.get(_PART) == "shown",
        }
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "Vary": _PART}
        return self.templates.TemplateResponse(request, name, shown | about, headers=headers)


def wants_json(request: Request) -> bool:
    """Whether a program asks."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def as_json(told: Any) -> Response:
    """`told`, any nesting of models and plain types."""
    plain = pydantic_core.to_jsonable_python(told)
    return JSONResponse(plain, headers={"Cache-Control": "no-store"})
