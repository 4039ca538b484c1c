"""How an answer of the board looks: a page, or JSON for who asks for `application/json`."""

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

import pydantic_core
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.templating import Jinja2Templates

from deploy_orchestrator.pipeline import Overview, State, age
from deploy_orchestrator.telemetry import span
from deploy_orchestrator.terms import DECIDED
from deploy_orchestrator.web.asking import MAX_REASON
from deploy_orchestrator.web.board.charts import MAX_ROWS
from deploy_orchestrator.web.board.pieces import Piece, gzipped
from deploy_orchestrator.web.board.rows import Filter, table
from deploy_orchestrator.web.board.sides import pairs
from deploy_orchestrator.web.board.watch import Watch
from deploy_orchestrator.web.people import Role, person_of
from deploy_orchestrator.web.templates import templates

MAX_KEPT: Final = 20
"""Tables, and parts of pages, of one look."""
_PART: Final = "X-Part"
_HTML: Final = "text/html"
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_MARK: Final = '<div id="shown">\n'
"""Of a page, where what changes of it begins. What is shown is escaped, and never has it."""
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
        "decided": DECIDED,
        "max_reason": MAX_REASON,
        "max_rows": MAX_ROWS,
    }
    return made


@dataclass(slots=True)
class _Shown:
    """What was made of one look, that `at` this time: each once, however many ask for it."""

    at: datetime
    tables: dict[Filter, Markup] = field(default_factory=dict[Filter, Markup])
    pieces: dict[Hashable, asyncio.Task[Piece]] = field(default_factory=dict[Hashable, asyncio.Task[Piece]])
    tabling: Lock = field(default_factory=Lock)


@dataclass(slots=True)
class Showing:
    """Answers beside what the `watch` saw last."""

    watch: Watch
    templates: Jinja2Templates = field(default_factory=_templates)
    _look: _Shown = field(default_factory=lambda: _Shown(_NEVER))
    _next: _Shown = field(default_factory=lambda: _Shown(_NEVER))

    def prepare(self, overview: Overview) -> None:
        """Make the tables of what is seen next that somebody asked for of what was seen last."""
        following = _Shown(overview.at)
        for wanted in tuple(self._look.tables):
            self._rows(following, overview, wanted)
        self._next = following

    async def page(
        self, request: Request, name: str, shown: Mapping[str, Any], same: Hashable = None
    ) -> Response:
        """The page `name`, which runs nothing but its own, and stands in no frame; or what changes of it, for
        the page that shows itself anew. That is made once, in a thread, for all whose pages are the `same` as
        long as nothing else is seen, and knows nothing of who asks; None: nobody's is.
        """
        watch, person = self.watch, person_of(request.scope)
        part = "shown" if request.headers.get(_PART) == "shown" else ""
        seen = {"overview": watch.overview, "trouble": watch.trouble, "request": request, **shown}
        asker = {"version": watch.version, "person": person, "operates": person.role >= Role.OPERATES}
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "Vary": _PART}
        if same is None:
            text = self._rendered(name, {**seen, **asker, "part": part})
            return Response(text, media_type=_HTML, headers=headers)
        pieces = [await self._shared(name, seen, same)]
        if not part:
            before, mark, after = self._rendered(name, {**seen, **asker, "part": "frame"}).partition(_MARK)
            pieces = [Piece.of(before + mark), *pieces, Piece.of(after)]
        headers["Vary"] = f"{_PART}, Accept-Encoding"
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(b"".join(each.plain for each in pieces), media_type=_HTML, headers=headers)
        headers["Content-Encoding"] = "gzip"
        return Response(gzipped(pieces), media_type=_HTML, headers=headers)

    async def _shared(self, name: str, seen: Mapping[str, Any], same: Hashable) -> Piece:
        """What changes of a page, made by the first who asks for it; whoever else asks meanwhile waits."""
        overview = seen["overview"]
        if self._look.at != overview.at:
            self._look = self._next if self._next.at == overview.at else _Shown(overview.at)
        look, asked = self._look, (seen["trouble"], name, same)
        if asked not in look.pieces:
            rows = partial(self._rows, look, overview)
            context = {**seen, "part": "shown", "rows": rows}
            making = run_in_threadpool(lambda: Piece.of(self._rendered(name, context)))
            _keep(look.pieces, asked, asyncio.create_task(making))
        return await asyncio.shield(look.pieces[asked])

    def _rows(self, look: _Shown, overview: Overview, wanted: Filter) -> Markup:
        with look.tabling:
            if wanted not in look.tables:
                shown = {"table": table(overview, wanted), "overview": overview}
                made = Markup(self._rendered("table.html", shown))  # noqa: S704 the template has escaped it
                _keep(look.tables, wanted, made)
            return look.tables[wanted]

    def _rendered(self, name: str, context: Mapping[str, Any]) -> str:
        return self.templates.get_template(name).render(context)


def _keep(kept: dict[Any, Any], key: Hashable, made: Any) -> None:
    """Keep no more than `MAX_KEPT`, and the newest."""
    kept[key] = made
    if len(kept) > MAX_KEPT:
        del kept[next(iter(kept))]


def wants_json(request: Request) -> bool:
    """Whether a program asks."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def as_json(told: Any) -> Response:
    """`told`, any nesting of models and plain types."""
    plain = pydantic_core.to_jsonable_python(told)
    return JSONResponse(plain, headers={"Cache-Control": "no-store"})
