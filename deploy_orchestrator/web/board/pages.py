"""The board's pages, each also as JSON at the same address: for who asks for `application/json`."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import pydantic_core
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from deploy_orchestrator.fleet import Fleet
from deploy_orchestrator.git import RevisionNotFound
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.pipeline import Orchestrator, Overview, Standing
from deploy_orchestrator.telemetry import Past
from deploy_orchestrator.terms import is_commit_id
from deploy_orchestrator.web.asking import Ways
from deploy_orchestrator.web.board.acting import Acting
from deploy_orchestrator.web.board.audit import DAYS as AUDITED_DAYS
from deploy_orchestrator.web.board.audit import MAX_DAYS, as_csv, entries
from deploy_orchestrator.web.board.changes import change
from deploy_orchestrator.web.board.details import details
from deploy_orchestrator.web.board.figures import DAYS, figures_now
from deploy_orchestrator.web.board.rows import Wanted
from deploy_orchestrator.web.board.showing import Showing, as_json, wants_json
from deploy_orchestrator.web.board.tenants import tenant_of
from deploy_orchestrator.web.board.watch import Watch
from deploy_orchestrator.web.people import Person, person_of

_FOLDER: Final = Path(__file__).parent
_HEARTBEAT_SECONDS: Final = 20.0


def board(watch: Watch, orchestrator: Orchestrator, ways: Ways | None = None) -> list[BaseRoute]:
    """The routes of the board, on which people decide where there are `ways`."""
    showing = Showing(watch)
    past = Past(orchestrator.fleet_repository, orchestrator.deployments)

    async def now(request: Request) -> Response:
        overview = watch.overview
        if wants_json(request):
            said = {"trouble": watch.trouble, "attention": _groups(overview), **_all(overview)}
            return as_json({**said, "paused": list(map(str, overview.paused))})
        wanted, person = Wanted.said(request.query_params), person_of(request.scope)
        attention = sorted(overview.attention, key=lambda group: not _waits_for(person, group[0]))
        return showing.page(
            request,
            "now.html",
            rows=showing.rows(wanted),
            wanted=wanted,
            attention=attention,
            way=ways and ways.way(person, ()),
        )

    async def deployment(request: Request) -> Response:
        environment, tenant = request.path_params["environment"], request.path_params["tenant"]
        standing = watch.overview.find(environment, tenant)
        if standing is None:
            raise HTTPException(404, f"there is no {environment}/{tenant}")
        found = await run_in_threadpool(details, orchestrator, environment, tenant)
        if wants_json(request):
            return as_json(
                {**pydantic_core.to_jsonable_python(standing), **pydantic_core.to_jsonable_python(found)}
            )
        way = ways and ways.way(person_of(request.scope), found.trusted)
        return showing.page(request, "deployment.html", each=standing, found=found, way=way)

    async def tenant(request: Request) -> Response:
        name = request.path_params["tenant"]
        found = await run_in_threadpool(tenant_of, orchestrator, watch.overview, past, name)
        if found is None:
            raise HTTPException(404, f"there is no tenant {name}")
        told = {**pydantic_core.to_jsonable_python(found), "paused": list(map(str, found.paused))}
        return showing.answer(request, "tenant.html", told, found=found)

    async def one_change(request: Request) -> Response:
        commit = request.path_params["commit"]
        if not is_commit_id(commit):
            raise HTTPException(404, "not the id of a commit")
        try:
            found = await run_in_threadpool(change, orchestrator, watch.overview, commit)
        except RevisionNotFound as error:
            raise HTTPException(404, error.what) from error
        fleet = attempt(orchestrator.fleet) if ways else None
        person, names = person_of(request.scope), {group.environment for group in found.waiting}
        decides = {
            name: ways.way(person, fleet.trusted(name) if isinstance(fleet, Fleet) else ()) if ways else None
            for name in names
        }
        return showing.answer(request, "change.html", found, found=found, decides=decides)

    async def audit(request: Request) -> Response:
        days = _days(request.query_params.get("days", ""))
        found = await run_in_threadpool(entries, orchestrator, past, days)
        if request.query_params.get("format") == "csv":
            named = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
            return Response(as_csv(found), media_type="text/csv", headers=named)
        return showing.answer(request, "audit.html", found, found=found, days=days)

    async def figures(request: Request) -> Response:
        found = await run_in_threadpool(figures_now, past)
        return showing.answer(request, "figures.html", found, found=found, days=DAYS)

    async def events(request: Request) -> Response:
        return StreamingResponse(_events(watch, request), media_type="text/event-stream")

    return [
        Route("/", now, name="now"),
        Route("/deployments/{environment}/{tenant}", deployment, name="deployment"),
        Route("/tenants/{tenant}", tenant, name="tenant"),
        Route("/changes/{commit}", one_change, name="change"),
        Route("/audit", audit),
        Route("/figures", figures),
        Route("/events", events),
        *Acting(orchestrator, showing).routes(),
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


def _waits_for(person: Person, each: Standing) -> bool:
    return each.waiting is not None and person.email in each.waiting.people


def _days(said: str) -> int:
    if said and not (said.isascii() and said.isdigit() and 0 < int(said[:5]) <= MAX_DAYS):
        raise HTTPException(400, f"expected a number of days, 1 to {MAX_DAYS}")
    return int(said[:5]) if said else AUDITED_DAYS


def _groups(overview: Overview) -> list[Any]:
    return pydantic_core.to_jsonable_python(
        overview.attention, exclude={"__all__": {"__all__": {"status": True}}}
    )


def _all(overview: Overview) -> dict[str, Any]:
    """The overview without what each deployment's own page tells: thousands may be on it."""
    return pydantic_core.to_jsonable_python(
        overview, exclude={"errors": True, "deployments": {"__all__": {"status": True}}}
    )
