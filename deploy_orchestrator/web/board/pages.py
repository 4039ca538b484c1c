"""The board's pages, each also as JSON at the same address: for who asks for `application/json`."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from deploy_orchestrator.fleet import Fleet, Issuer
from deploy_orchestrator.git import RevisionNotFound
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.pipeline import Orchestrator, Standing
from deploy_orchestrator.telemetry import Dora, Past
from deploy_orchestrator.terms import CommitId, Label
from deploy_orchestrator.web.asking import Way, Ways
from deploy_orchestrator.web.board.acting import Acting, Place
from deploy_orchestrator.web.board.audit import DAYS as AUDITED_DAYS
from deploy_orchestrator.web.board.audit import MAX_DAYS, Entry, as_csv, entries
from deploy_orchestrator.web.board.changes import Change
from deploy_orchestrator.web.board.changes import change as change_of
from deploy_orchestrator.web.board.charts import MAX_ROWS, Built, Survey
from deploy_orchestrator.web.board.details import details
from deploy_orchestrator.web.board.figures import DAYS, figures_now
from deploy_orchestrator.web.board.forms import Answer, Asks, Form, document
from deploy_orchestrator.web.board.rows import Wanted
from deploy_orchestrator.web.board.showing import Showing, as_json, wants_json
from deploy_orchestrator.web.board.tenants import Tenant, tenant_of
from deploy_orchestrator.web.board.told import Deployment, Now
from deploy_orchestrator.web.board.watch import Watch
from deploy_orchestrator.web.people import Person, person_of

_FOLDER: Final = Path(__file__).parent
_HEARTBEAT_SECONDS: Final = 20.0


def _whole(said: Any) -> Any:
    if isinstance(said, str) and not (said.isascii() and said.isdigit() and len(said) < 6):
        raise ValueError("expected a whole number")
    return said


class Nothing(Asks):
    """Nothing more is asked."""


class Rows(Asks):
    """Which deployments: those of one `environment`, with this text in the name of the `tenant`, in a
    `state`; and whether they stand together `by` chart or wave, on the page. Empty: all of them.
    """

    environment: str = ""
    tenant: str = ""
    state: str = ""
    by: str = ""

    @property
    def wanted(self) -> Wanted:
        return Wanted.said(self.model_dump())


class OneTenant(Asks):
    """A tenant in all its environments."""

    tenant: Label


class Commit(Asks):
    """A commit of the fleet."""

    commit: CommitId


class Days(Asks):
    """Of how many days, and whether as a table for a spreadsheet."""

    days: Annotated[int, Field(ge=1, le=MAX_DAYS), BeforeValidator(_whole)] = AUDITED_DAYS
    format: Literal["", "csv"] = ""


@dataclass(frozen=True, slots=True)
class Board:
    """The board over what `watch` sees, on which people decide where there are `ways`. `surveyed` tells what
    the fleet is built on, where something knows that.
    """

    watch: Watch
    orchestrator: Orchestrator
    past: Past
    ways: Ways | None
    surveyed: Callable[[], Survey | None]

    def forms(self) -> list[Form]:
        missing = (HTTPStatus.NOT_FOUND,)
        place = "/deployments/{environment}/{tenant}"
        return [
            Form("/", self.now),
            Form(place, self.deployment, refuses=missing),
            Form("/tenants/{tenant}", self.tenant, refuses=missing),
            Form("/changes/{commit}", self.change, refuses=missing),
            Form("/charts", self.charts),
            Form("/audit", self.audit, other="text/csv"),
            Form("/figures", self.figures),
            *Acting(self.orchestrator).forms(),
        ]

    async def now(self, request: Request, asked: Rows) -> Answer[Now]:
        """How everything stands, and who needs somebody."""
        overview, wanted, person = self.watch.overview, asked.wanted, person_of(request.scope)
        attention = sorted(overview.attention, key=lambda group: not _waits_for(person, group[0]))
        stopped = {each.line.environment for each in overview.paused} if self.ways else set[str]()
        shown = {"wanted": wanted, "attention": attention, "ways": await self._ways(person, stopped)}
        same = None if stopped else (wanted, person.email if person.email in overview.asked else None)
        return Answer(lambda: Now.of(overview, wanted, self.watch.trouble), "now.html", shown, same)

    async def deployment(self, request: Request, asked: Place) -> Answer[Deployment]:
        """One tenant in one environment: what waits with its gates and lines, what is live, what happened."""
        standing = self.watch.overview.find(asked.environment, asked.tenant)
        if standing is None:
            raise HTTPException(404, f"there is no {asked.environment}/{asked.tenant}")
        found = await run_in_threadpool(details, self.orchestrator, asked.environment, asked.tenant)
        way = self._way(person_of(request.scope), found.trusted)
        shown = {"each": standing, "found": found, "way": way}
        return Answer(lambda: Deployment.with_details(standing, found), "deployment.html", shown)

    async def tenant(self, request: Request, asked: OneTenant) -> Answer[Tenant]:
        """A tenant in all its environments, and what happened in them."""
        overview = self.watch.overview
        found = await run_in_threadpool(tenant_of, self.orchestrator, overview, self.past, asked.tenant)
        if found is None:
            raise HTTPException(404, f"there is no tenant {asked.tenant}")
        return Answer(lambda: found, "tenant.html", {"found": found})

    async def change(self, request: Request, asked: Commit) -> Answer[Change]:
        """A commit of the fleet on its way: where it waits, those together that wait alike, and where it is
        released.
        """
        try:
            found = await run_in_threadpool(change_of, self.orchestrator, self.watch.overview, asked.commit)
        except RevisionNotFound as error:
            raise HTTPException(404, error.what) from error
        names = {group.environment for group in found.waiting} if self.ways else set[str]()
        decides = await self._ways(person_of(request.scope), names)
        return Answer(lambda: found, "change.html", {"found": found, "decides": decides})

    async def charts(self, request: Request, asked: Nothing) -> Answer[Built | None]:
        """What the fleet is built on, where versions clash, and what is outdated, as the last survey found
        it.
        """
        found = await run_in_threadpool(self.surveyed)
        return Answer(lambda: found and found.built, "charts.html", {"found": found, "most": MAX_ROWS})

    async def audit(self, request: Request, asked: Days) -> Answer[list[Entry]] | Response:
        """Who released, reverted, removed and decided what, when and why."""
        found = await run_in_threadpool(entries, self.orchestrator, self.past, asked.days)
        if asked.format == "csv":
            named = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
            return Response(as_csv(found), media_type="text/csv", headers=named)
        return Answer(lambda: found, "audit.html", {"found": found, "days": asked.days})

    async def figures(self, request: Request, asked: Nothing) -> Answer[Dora]:
        """How often and how fast changes went out, and how many failed."""
        found = await run_in_threadpool(figures_now, self.past)
        return Answer(lambda: found, "figures.html", {"found": found, "days": DAYS})

    async def _ways(self, person: Person, environments: Set[str]) -> Mapping[str, Way | None]:
        """How `person` decides in each of these."""
        fleet = await run_in_threadpool(attempt, self.orchestrator.fleet) if environments else None
        known = fleet if isinstance(fleet, Fleet) else None
        return {name: self._way(person, known.trusted(name) if known else ()) for name in environments}

    def _way(self, person: Person, trusted: Sequence[Issuer]) -> Way | None:
        return self.ways.way(person, trusted) if self.ways else None


def board(
    watch: Watch,
    orchestrator: Orchestrator,
    ways: Ways | None = None,
    surveyed: Callable[[], Survey | None] = lambda: None,
) -> list[BaseRoute]:
    """The routes of the board, as `Board` is made of the same."""
    past = Past(orchestrator.fleet_repository, orchestrator.deployments)
    showing = Showing(watch)
    forms = Board(watch, orchestrator, past, ways, surveyed).forms()
    told = document(forms)

    async def events(request: Request) -> Response:
        return StreamingResponse(_events(watch, request), media_type="text/event-stream")

    async def graph(_: Request) -> Response:
        found = await run_in_threadpool(surveyed)
        if found is None or not found.drawing:
            raise HTTPException(404, "nothing was drawn yet")
        return Response(found.drawing, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})

    async def programs(request: Request) -> Response:
        return (
            as_json(told) if wants_json(request) else showing.page(request, "programs.html", {"told": told})
        )

    async def openapi(_: Request) -> Response:
        return as_json(told)

    return [
        *(form.route(showing) for form in forms),
        Route("/charts/graph.svg", graph, name="graph"),
        Route("/programs", programs),
        Route("/openapi.json", openapi),
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


def _waits_for(person: Person, each: Standing) -> bool:
    return each.waiting is not None and person.email in each.waiting.people
