"""The board's pages, each also as JSON at the same address: for who asks for `application/json`."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import pydantic_core
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from deploy_orchestrator.fleet import Issuer
from deploy_orchestrator.pipeline import Orchestrator, Overview, Standing, age
from deploy_orchestrator.telemetry import Past, span
from deploy_orchestrator.web.board.details import details
from deploy_orchestrator.web.board.figures import DAYS, figures_now
from deploy_orchestrator.web.board.watch import Watch
from deploy_orchestrator.web.people import Person, person_of

_FOLDER: Final = Path(__file__).parent
_HEARTBEAT_SECONDS: Final = 20.0
_POLICY: Final = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"


class Deciding(Protocol):
    """Tells by which provider somebody can decide here."""

    def issuer(self, person: Person, trusted: Sequence[Issuer]) -> Issuer | None: ...


def board(watch: Watch, orchestrator: Orchestrator, deciding: Deciding | None = None) -> list[BaseRoute]:
    """The routes of the board, on which people decide where there is a `deciding`."""
    templates = Jinja2Templates(_FOLDER / "templates")
    past = Past(orchestrator.fleet_repository, orchestrator.deployments)
    templates.env.filters["age"] = age  # pyright: ignore[reportUnknownMemberType]
    templates.env.filters["span"] = span  # pyright: ignore[reportUnknownMemberType]

    def page(name: str, request: Request, **shown: Any) -> Response:
        about = {"overview": watch.overview, "trouble": watch.trouble, "version": watch.version}
        shown |= about | {"person": person_of(request.scope)}
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
        return templates.TemplateResponse(request, name, shown, headers=headers)

    async def now(request: Request) -> Response:
        overview = watch.overview
        if _wants_json(request):
            said = {"trouble": watch.trouble, "attention": overview.attention, **_plain(overview)}
            return _json({**said, "paused": list(map(str, overview.paused))})
        only = request.query_params.get("environment", ""), request.query_params.get("tenant", "").strip()
        shown = [each for each in overview.deployments if _is_shown(each, *only)]
        return page("now.html", request, shown=shown, environment=only[0], tenant=only[1])

    async def deployment(request: Request) -> Response:
        environment, tenant = request.path_params["environment"], request.path_params["tenant"]
        standing = watch.overview.find(environment, tenant)
        if standing is None:
            raise HTTPException(404, f"there is no {environment}/{tenant}")
        found = await run_in_threadpool(details, orchestrator, environment, tenant)
        if _wants_json(request):
            return _json({**_plain(standing), **pydantic_core.to_jsonable_python(found)})
        decides = deciding is not None and deciding.issuer(person_of(request.scope), found.trusted)
        return page("deployment.html", request, each=standing, found=found, decides=decides)

    async def figures(request: Request) -> Response:
        found = await run_in_threadpool(figures_now, past)
        if _wants_json(request):
            return _json(pydantic_core.to_jsonable_python(found))
        return page("figures.html", request, found=found, days=DAYS)

    async def events(request: Request) -> Response:
        return StreamingResponse(_events(watch, request), media_type="text/event-stream")

    return [
        Route("/", now, name="now"),
        Route("/deployments/{environment}/{tenant}", deployment, name="deployment"),
        Route("/figures", figures),
        Route("/events", events),
        Mount("/static", StaticFiles(directory=_FOLDER / "static")),
    ]


async def _events(watch: Watch, request: Request) -> AsyncGenerator[str]:
    seen = watch.version
    while not await request.is_disconnected():
        try:
            seen = await asyncio.wait_for(watch.after(seen), _HEARTBEAT_SECONDS)
            yield f"data: {seen}\n\n"
        except TimeoutError:
            yield ": still here\n\n"


def _is_shown(each: Standing, environment: str, tenant: str) -> bool:
    return environment in ("", each.environment) and tenant in each.tenant


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def _plain(value: Overview | Standing) -> dict[str, Any]:
    return pydantic_core.to_jsonable_python(value, exclude={"errors"})


def _json(value: dict[str, Any]) -> Response:
    return JSONResponse(pydantic_core.to_jsonable_python(value), headers={"Cache-Control": "no-store"})
