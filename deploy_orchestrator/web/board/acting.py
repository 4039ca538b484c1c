"""What people with the role for it do on the board: sync, and go back."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.manifests import diff
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Release, ReleaseFile, WayBack
from deploy_orchestrator.terms import CommitId, Label
from deploy_orchestrator.web.asking import MAX_REASON
from deploy_orchestrator.web.board.details import shown
from deploy_orchestrator.web.board.forms import Asks, Form, PageAnswer
from deploy_orchestrator.web.people import Person, Role, person_of


def _on_one_line(text: str) -> str:
    reason = text.strip()
    if not reason or not reason.isprintable():
        raise ValueError("expected a reason on one line")
    return reason


class TenantPlace(Asks):
    """A tenant in an environment."""

    environment: Label
    tenant: Label


class Going(TenantPlace):
    """Where to go back from, and the commit of the release to go back `to`; none: the one before."""

    to: CommitId | Literal[""] = ""


class Looked(TenantPlace):
    """How the `lines` that change are shown on the page: side by side, or below each other."""

    lines: Literal["", "side"] = ""


class Foreseen(Going, Looked):
    """What going back would change."""


class Gone(Going):
    """Why somebody goes back, who has seen that `now` this commit is what is released."""

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON), AfterValidator(_on_one_line)]
    now: CommitId


@dataclass(frozen=True, slots=True)
class Back:
    """What is released now and would be then, the commits that going there `undoes`, and the lines."""

    now: Release
    back: ReleaseFile
    undoes: tuple[str, ...]
    diff: str


@dataclass(frozen=True, slots=True)
class Acting:
    """Syncs and reverts releases for whoever operates here."""

    orchestrator: Orchestrator

    def forms(self) -> list[Form]:
        place, role = "/deployments/{environment}/{tenant}", Role.OPERATES
        missing, late, beyond = HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY
        return [
            Form(f"{place}/sync", self.sync, "POST", (missing, beyond), role=role),
            Form(f"{place}/rollback", self.rollback, "GET", (missing, late), role=role),
            Form(f"{place}/rollback", self.go_back, "POST", (missing, late, beyond), role=role),
        ]

    async def sync(self, request: Request, asked: TenantPlace) -> Response:
        """Have what is released made live again."""
        await run_in_threadpool(self._synced, asked, person_of(request.scope))
        return _back_to(asked)

    async def rollback(self, request: Request, asked: Foreseen) -> PageAnswer[Back]:
        """What going back would change."""
        way, text = await run_in_threadpool(self._way, asked.environment, asked.tenant, asked.to or None)
        shown = {"way": way, "diff": text, "to": asked.to, "side": asked.lines == "side"}
        return PageAnswer(lambda: Back(way.now, way.back, tuple(way.commits), text), "rollback.html", shown)

    async def go_back(self, request: Request, asked: Gone) -> Response:
        """Go back to a release; what was released since is in quarantine then."""
        await run_in_threadpool(self._gone_back, asked, person_of(request.scope))
        return _back_to(asked)

    def _synced(self, asked: TenantPlace, person: Person) -> None:
        self.orchestrator.deployments.repository.fetch()
        release = self.orchestrator.deployments.release(asked.environment, asked.tenant)
        if release is None:
            raise HTTPException(404, f"nothing is released in {asked.environment}/{asked.tenant}")
        self._begin(release, person)

    def _way(self, environment: str, tenant: str, to: str | None) -> tuple[WayBack, str]:
        deployments = self.orchestrator.deployments
        try:
            way = deployments.way_back(environment, tenant, to)
            read = deployments.released_manifests
            found = diff(read(way.now), read(way.back))
        except OrchestratorError as error:
            raise HTTPException(409, str(error)) from error
        return way, shown(found.between(way.now.destination, way.back.destination))

    def _gone_back(self, asked: Gone, person: Person) -> None:
        where, to = (asked.environment, asked.tenant), asked.to or None
        self.orchestrator.deployments.repository.fetch()
        try:
            back = self.orchestrator.roll_back(*where, asked.reason, person.signature, to=to, seen=asked.now)
        except OrchestratorError as error:
            raise HTTPException(409, str(error)) from error
        self._begin(back, person)

    def _begin(self, release: Release, person: Person) -> None:
        """Have it synced; how that goes is on its page."""
        try:
            self.orchestrator.deployments.check_intact(release)
            self.orchestrator.engine.announce(release)
            self.orchestrator.engine.sync(release, by=person.who if person.signed_in else None)
        except OrchestratorError as error:
            raise HTTPException(502, str(error)) from error


def _back_to(asked: TenantPlace) -> Response:
    return RedirectResponse(f"/deployments/{quote(asked.environment)}/{quote(asked.tenant)}", 303)
