"""The board's pages, each also as JSON at the same address: for who asks for `application/json`."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence, Set
from dataclasses import dataclass, replace
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

from deploy_orchestrator.git import RevisionNotFound
from deploy_orchestrator.pipeline import IsolationAudit, Orchestrator, Standing
from deploy_orchestrator.releases import RulesStanding
from deploy_orchestrator.telemetry import Dora, Past
from deploy_orchestrator.terms import Label
from deploy_orchestrator.web.asking import Ways, WayToDecide, refused, refused_stops
from deploy_orchestrator.web.board.acting import Acting, Looked
from deploy_orchestrator.web.board.audit import DAYS as AUDITED_DAYS
from deploy_orchestrator.web.board.audit import MAX_DAYS, Entry, as_csv, entries
from deploy_orchestrator.web.board.changes import Rollout
from deploy_orchestrator.web.board.changes import change as change_of
from deploy_orchestrator.web.board.charts import Built, SurveyPage
from deploy_orchestrator.web.board.details import details
from deploy_orchestrator.web.board.figures import DAYS, figures_now
from deploy_orchestrator.web.board.forms import Asks, Form, PageAnswer, document
from deploy_orchestrator.web.board.isolation import IsolationPage, isolation_now
from deploy_orchestrator.web.board.rows import Filter
from deploy_orchestrator.web.board.showing import Showing, as_json, wants_json
from deploy_orchestrator.web.board.tenants import TenantPage, tenant_of
from deploy_orchestrator.web.board.told import DeploymentPage, Now
from deploy_orchestrator.web.board.watch import Watch
from deploy_orchestrator.web.people import Person, person_of

_FOLDER: Final = Path(__file__).parent
LISTENING_SECONDS: Final = 300.0
"""How long somebody listens for news before they are asked anew who they are, as browsers do."""
_HEARTBEAT_SECONDS: Final = 20.0
_STILL: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


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
    def wanted(self) -> Filter:
        return Filter.said(self.model_dump())


class OneTenant(Asks):
    """A tenant in all its environments."""

    tenant: Label


class CommitAsked(Asks):
    """A commit of the fleet, by its id or as many digits of it as pages show."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]


class Days(Asks):
    """Of how many days, and whether as a table for a spreadsheet."""

    days: Annotated[int, Field(ge=1, le=MAX_DAYS), BeforeValidator(_whole)] = AUDITED_DAYS
    format: Literal["", "csv"] = ""


@dataclass(frozen=True, slots=True)
class Board:
    """The board over what `watch` sees, on which people decide where there are `ways`. `surveyed` tells what
    the fleet is built on, as far as something knows that, `isolating` what keeps its tenants apart.
    """

    watch: Watch
    orchestrator: Orchestrator
    past: Past
    ways: Ways | None
    surveyed: Callable[[], SurveyPage]
    isolating: IsolationAudit

    def forms(self) -> list[Form]:
        missing = (HTTPStatus.NOT_FOUND,)
        place = "/deployments/{environment}/{tenant}"
        return [
            Form("/", self.now),
            Form(place, self.deployment, refuses=missing),
            Form("/tenants/{tenant}", self.tenant, refuses=missing),
            Form("/changes/{commit}", self.change, refuses=missing),
            Form("/charts", self.charts, refuses=(HTTPStatus.SERVICE_UNAVAILABLE,)),
            Form("/isolation", self.isolation),
            Form("/audit", self.audit, other="text/csv"),
            Form("/figures", self.figures),
            *Acting(self.orchestrator).forms(),
        ]

    async def now(self, request: Request, asked: Rows) -> PageAnswer[Now]:
        """How everything stands, and who needs somebody."""
        overview, wanted, person = self.watch.overview, asked.wanted, person_of(request.scope)
        people = {group[0].waiting.people for group in overview.attention if group[0].waiting}
        own = frozenset(each for each in people if person.email in each)
        attention = sorted(overview.attention, key=lambda group: not _waits_for(own, group[0]))
        stopped = dict.fromkeys(each.line.environment for each in overview.paused)
        found = {name: self._stops(person, name) for name in stopped}
        resuming = frozenset({"resume"})
        # Who may not is told how at the prompt, and not why: all of them see the same page.
        ways = {
            name: replace(way, verbs=resuming, refusals=())
            for name, way in found.items()
            if way and resuming <= way.verbs
        }
        shown = {"wanted": wanted, "attention": attention, "own": own, "ways": ways}
        same = wanted, own, frozenset(ways.items())
        return PageAnswer(lambda: Now.of(overview, wanted, self.watch.trouble), "now.html", shown, same)

    async def deployment(self, request: Request, asked: Looked) -> PageAnswer[DeploymentPage]:
        """One tenant in one environment: what waits with its gates and lines, what is live, what happened."""
        standing = self.watch.overview.find(asked.environment, asked.tenant)
        if standing is None:
            raise HTTPException(404, f"there is no {asked.environment}/{asked.tenant}")
        found = await run_in_threadpool(details, self.orchestrator, asked.environment, asked.tenant)
        person = person_of(request.scope)
        decides = self._decides(person, standing, {each.who for each in found.decisions if each.approves})
        stops = self._stops(person, asked.environment)
        surveyed = await run_in_threadpool(self.surveyed)
        shown = {"each": standing, "found": found, "decides": decides, "stops": stops}
        shown |= {"surveyed": surveyed, "clash": surveyed.clashes.get(standing.key)}
        shown |= {"side": asked.lines == "side"}
        return PageAnswer(lambda: DeploymentPage.with_details(standing, found), "deployment.html", shown)

    async def tenant(self, request: Request, asked: OneTenant) -> PageAnswer[TenantPage]:
        """A tenant in all its environments, and what happened in them."""
        overview = self.watch.overview
        found = await run_in_threadpool(tenant_of, self.orchestrator, overview, self.past, asked.tenant)
        if found is None:
            raise HTTPException(404, f"there is no tenant {asked.tenant}")
        return PageAnswer(lambda: found, "tenant.html", {"found": found})

    async def change(self, request: Request, asked: CommitAsked) -> PageAnswer[Rollout]:
        """A commit of the fleet on its way: where it waits, those together that wait alike, and where it is
        released.
        """
        try:
            found = await run_in_threadpool(change_of, self.orchestrator, self.watch.overview, asked.commit)
        except RevisionNotFound as error:
            raise HTTPException(404, error.what) from error
        person = person_of(request.scope)
        decides = [self._decides_all(person, group.standings) for group in found.waiting]
        return PageAnswer(lambda: found, "change.html", {"found": found, "decides": decides})

    async def charts(self, request: Request, asked: Nothing) -> PageAnswer[Built | None]:
        """What the fleet is built on, where versions clash, and what is outdated, as the last survey found
        it.
        """
        found = await run_in_threadpool(self.surveyed)
        if found.trouble and found.built is None and wants_json(request):
            raise HTTPException(503, found.trouble)
        return PageAnswer(lambda: found.built, "charts.html", {"found": found})

    async def isolation(self, request: Request, asked: Nothing) -> PageAnswer[IsolationPage]:
        """What keeps each release apart from other tenants, by the checks of now, and what it is let off."""
        found = await run_in_threadpool(isolation_now, self.isolating)
        return PageAnswer(lambda: found, "isolation.html", {"found": found})

    async def audit(self, request: Request, asked: Days) -> PageAnswer[list[Entry]] | Response:
        """Who released, reverted, removed and decided what, when and why."""
        found = await run_in_threadpool(entries, self.orchestrator, self.past, asked.days)
        if asked.format == "csv":
            named = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
            return Response(as_csv(found), media_type="text/csv", headers=named)
        return PageAnswer(lambda: found, "audit.html", {"found": found, "days": asked.days})

    async def figures(self, request: Request, asked: Nothing) -> PageAnswer[Dora]:
        """How often and how fast changes went out, and how many failed."""
        found = await run_in_threadpool(figures_now, self.past)
        return PageAnswer(lambda: found, "figures.html", {"found": found, "days": DAYS})

    def _way(self, person: Person, environment: str) -> tuple[WayToDecide | None, RulesStanding | None]:
        """How `person` proves decisions there, and the rules by which these count."""
        counting = self.watch.overview.counting.get(environment)
        trusted = counting.in_force.issuers if counting else ()
        return self.ways.way(person, trusted) if self.ways else None, counting

    def _decides(
        self, person: Person, each: Standing, approved: Set[str] = frozenset()
    ) -> WayToDecide | None:
        """How `person` decides on what waits there, which these have `approved`; None: not here."""
        way, _ = self._way(person, each.environment)
        if way is None or way.people or each.waiting is None:
            return way
        why: dict[str, str] = {**refused(each.waiting.plan, self.watch.overview.counting, person.address)}
        if each.waiting.is_blocked:
            why |= {"approve": "it is blocked, and nobody lets that through"}
        elif person.address in approved:
            why |= {"approve": "they have, and that counts"}
        return way.without(person.address, why)

    def _decides_all(self, person: Person, standings: Sequence[Standing]) -> WayToDecide | None:
        """How `person` decides on all of these at once; None: not here."""
        ways = [way for each in standings if (way := self._decides(person, each))]
        if not ways:
            return None
        verbs = frozenset[str].intersection(*(each.verbs for each in ways))
        refusals = dict.fromkeys(why for each in ways for why in each.refusals)
        return replace(ways[0], verbs=verbs, refusals=tuple(refusals))

    def _stops(self, person: Person, environment: str) -> WayToDecide | None:
        """How `person` stops the line there, and starts it again; None: not here."""
        way, counting = self._way(person, environment)
        if way is None or way.people or counting is None:
            return way
        return way.without(person.address, refused_stops(counting, person.address))


def board(
    watch: Watch,
    orchestrator: Orchestrator,
    ways: Ways | None = None,
    surveyed: Callable[[], SurveyPage] = SurveyPage,
) -> list[BaseRoute]:
    """The routes of the board, as `Board` is made of the same."""
    past = Past(orchestrator.fleet_repository, orchestrator.deployments)
    showing = Showing(watch)
    watch.prepares = showing.prepare
    forms = Board(watch, orchestrator, past, ways, surveyed, IsolationAudit(orchestrator)).forms()
    told = document(forms)

    async def events(request: Request) -> Response:
        return StreamingResponse(_events(watch, request), media_type="text/event-stream")

    async def graph(_: Request) -> Response:
        found = await run_in_threadpool(surveyed)
        return _drawing(found.drawing)

    async def clash(request: Request) -> Response:
        found, path = await run_in_threadpool(surveyed), request.path_params
        clash = found.clashes.get(f"{path['environment']}/{path['tenant']}")
        return _drawing(clash.drawing if clash else b"")

    async def programs(request: Request) -> Response:
        if wants_json(request):
            return as_json(told)
        return await showing.page(request, "programs.html", {"told": told})

    async def openapi(_: Request) -> Response:
        return as_json(told)

    return [
        *(form.route(showing) for form in forms),
        Route("/charts/graph.svg", graph, name="graph"),
        Route("/deployments/{environment}/{tenant}/clash.svg", clash),
        Route("/programs", programs),
        Route("/openapi.json", openapi),
        Route("/events", events),
        Mount("/static", StaticFiles(directory=_FOLDER / "static")),
    ]


def _drawing(drawn: bytes) -> Response:
    """A picture that runs nothing, whatever stands in it."""
    if not drawn:
        raise HTTPException(404, "nothing was drawn yet")
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": _STILL}
    return Response(drawn, media_type="image/svg+xml", headers=headers)


async def _events(watch: Watch, request: Request) -> AsyncGenerator[str]:
    seen, until = watch.version, time.monotonic() + LISTENING_SECONDS
    while time.monotonic() < until and not await request.is_disconnected():
        try:
            seen = await asyncio.wait_for(watch.after(seen), _HEARTBEAT_SECONDS)
            yield f"data: {seen}\n\n"
        except TimeoutError:
            yield ": still here\n\n"


def _waits_for(own: Set[tuple[str, ...]], each: Standing) -> bool:
    return each.waiting is not None and each.waiting.people in own
