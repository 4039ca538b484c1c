"""How an answer of the board looks: a page, or JSON for who asks for `application/json`."""

import gzip
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pydantic_core
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.templating import Jinja2Templates

from deploy_orchestrator.pipeline import State, age
from deploy_orchestrator.telemetry import span
from deploy_orchestrator.web.asking import MAX_REASON
from deploy_orchestrator.web.board.charts import MAX_ROWS
from deploy_orchestrator.web.board.rows import Filter, table
from deploy_orchestrator.web.board.sides import pairs
from deploy_orchestrator.web.board.watch import Watch
from deploy_orchestrator.web.people import Role, person_of
from deploy_orchestrator.web.templates import templates

MAX_KEPT: Final = 20
"""Tables, and parts of pages, of one look."""
COMPRESSION: Final = 3
"""A table of thousands of rows is a tenth by it, and three times as fast as by more."""
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
    made = templates(Path(__file__).parent / "templates")
    made.env.filters |= {"age": age, "span": span, "pairs": pairs}  # pyright: ignore[reportUnknownMemberType]
    made.env.globals |= {  # pyright: ignore[reportUnknownMemberType]
        "signs": _SIGNS,
        "max_reason": MAX_REASON,
        "max_rows": MAX_ROWS,
    }
    return made


@dataclass(frozen=True, slots=True)
class Showing:
    """Answers beside what the `watch` saw last."""

    watch: Watch
    templates: Jinja2Templates = field(default_factory=_templates)
    _tables: dict[tuple[datetime, Filter], Markup] = field(
        default_factory=dict[tuple[datetime, Filter], Markup]
    )
    _parts: dict[tuple[datetime, object], bytes] = field(default_factory=dict[tuple[datetime, object], bytes])

    def rows(self, wanted: Filter) -> Markup:
        """The table of what is `wanted` of what the watch saw last, made once for all who look at it."""
        overview = self.watch.overview
        asked = overview.at, wanted
        if asked not in self._tables:
            _forget_others(self._tables, overview.at)
            shown = {"table": table(overview, wanted), "overview": overview}
            made = self.templates.get_template("table.html").render(shown)
            self._tables[asked] = Markup(made)  # noqa: S704 the template has escaped it
        return self._tables[asked]

    def page(self, request: Request, name: str, shown: Mapping[str, Any], same: Hashable = None) -> Response:
        """The page `name`, which runs nothing but its own, and stands in no frame; or what changes of it, for
        the page that shows itself anew. That is made and compressed once for all whose pages are the `same`
        as long as nothing else is seen; None: nobody's is.
        """
        watch, person, is_part = self.watch, person_of(request.scope), request.headers.get(_PART) == "shown"
        about = {
            "overview": watch.overview,
            "trouble": watch.trouble,
            "version": watch.version,
            "person": person,
            "operates": person.role >= Role.OPERATES,
            "rows": self.rows,
            "part": is_part,
        }
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "Vary": _PART}
        is_shared = is_part and same is not None and "gzip" in request.headers.get("accept-encoding", "")
        if not is_shared:
            return self.templates.TemplateResponse(request, name, {**shown, **about}, headers=headers)
        kept = watch.overview.at, (watch.trouble, name, same)
        if kept not in self._parts:
            _forget_others(self._parts, watch.overview.at)
            made = self.templates.TemplateResponse(request, name, {**shown, **about})
            self._parts[kept] = gzip.compress(bytes(made.body), COMPRESSION)
        headers |= {"Content-Encoding": "gzip", "Vary": f"{_PART}, Accept-Encoding"}
        return Response(self._parts[kept], media_type="text/html", headers=headers)


def _forget_others(kept: dict[tuple[datetime, Any], Any], at: datetime) -> None:
    """Keep what was made of the look `at` alone, and no more of that than `MAX_KEPT`."""
    if len(kept) >= MAX_KEPT or any(each != at for each, _ in kept):
        kept.clear()


def wants_json(request: Request) -> bool:
    """Whether a program asks."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def as_json(told: Any) -> Response:
    """`told`, any nesting of models and plain types."""
    plain = pydantic_core.to_jsonable_python(told)
    return JSONResponse(plain, headers={"Cache-Control": "no-store"})
