"""What people with the role for it do on the board: sync, and go back."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import Person as Committer
from deploy_orchestrator.manifests import diff
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Release, WayBack
from deploy_orchestrator.terms import is_commit_id
from deploy_orchestrator.web.board.details import shown
from deploy_orchestrator.web.board.showing import Showing
from deploy_orchestrator.web.forms import read_form
from deploy_orchestrator.web.people import Person, Role, person_of

MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Acting:
    """Syncs and reverts releases for whoever operates here."""

    orchestrator: Orchestrator
    showing: Showing

    def routes(self) -> list[BaseRoute]:
        place = "/deployments/{environment}/{tenant}"
        return [
            Route(f"{place}/sync", self._sync, methods=["POST"], name="sync"),
            Route(f"{place}/rollback", self._look, methods=["GET"], name="rollback"),
            Route(f"{place}/rollback", self._go, methods=["POST"]),
        ]

    async def _sync(self, request: Request) -> Response:
        _require_role(person_of(request.scope))
        await run_in_threadpool(self._synced, *_place(request))
        return _back_to(request)

    async def _look(self, request: Request) -> Response:
        _require_role(person_of(request.scope))
        to = _commit(request.query_params.get("to", ""))
        way, text = await run_in_threadpool(self._way, *_place(request), to)
        told = {"now": way.now, "back": way.back, "undoes": way.commits, "diff": text}
        return self.showing.answer(request, "rollback.html", told, way=way, diff=text, to=to or "")

    async def _go(self, request: Request) -> Response:
        person, said = person_of(request.scope), await read_form(request)
        _require_role(person)
        await run_in_threadpool(self._gone_back, *_place(request), said, person)
        return _back_to(request)

    def _synced(self, environment: str, tenant: str) -> None:
        self.orchestrator.deployments.repository.fetch()
        release = self.orchestrator.deployments.release(environment, tenant)
        if release is None:
            raise HTTPException(404, f"nothing is released in {environment}/{tenant}")
        self._begin(release)

    def _way(self, environment: str, tenant: str, to: str | None) -> tuple[WayBack, str]:
        deployments = self.orchestrator.deployments
        try:
            way = deployments.way_back(environment, tenant, to)
            read = deployments.released_manifests
            found = diff(read(way.now), read(way.back))
        except OrchestratorError as error:
            raise HTTPException(409, str(error)) from error
        return way, shown(found.between(way.now.destination, way.back.destination))

    def _gone_back(self, environment: str, tenant: str, said: Mapping[str, str], person: Person) -> None:
        reason, to = said.get("reason", "").strip(), _commit(said.get("to", ""))
        if not 0 < len(reason) <= MAX_REASON or not reason.isprintable():
            raise HTTPException(400, f"say why, on one line of at most {MAX_REASON} characters")
        seen = said.get("now", "")
        if not is_commit_id(seen):
            raise HTTPException(400, "say which release it is that you have seen")
        self.orchestrator.deployments.repository.fetch()
        by = Committer(person.email.partition("@")[0], person.email) if person.email else None
        try:
            back = self.orchestrator.roll_back(environment, tenant, reason, by, to=to, seen=seen)
        except OrchestratorError as error:
            raise HTTPException(409, str(error)) from error
        self._begin(back)

    def _begin(self, release: Release) -> None:
        """Have it synced; how that goes is on its page."""
        try:
            self.orchestrator.deployments.check_intact(release)
            self.orchestrator.engine.announce(release)
            self.orchestrator.engine.sync(release)
        except OrchestratorError as error:
            raise HTTPException(502, str(error)) from error


def _place(request: Request) -> tuple[str, str]:
    return request.path_params["environment"], request.path_params["tenant"]


def _back_to(request: Request) -> Response:
    environment, tenant = _place(request)
    return RedirectResponse(f"/deployments/{quote(environment)}/{quote(tenant)}", 303)


def _commit(said: str) -> str | None:
    if said and not is_commit_id(said):
        raise HTTPException(400, "not the id of a commit")
    return said or None


def _require_role(person: Person) -> None:
    if person.role < Role.OPERATES:
        raise HTTPException(403, "this takes the role that operates here")
