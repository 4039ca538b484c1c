"""Decide as somebody whose private key is at hand: to try it out in the sandbox, where nobody signs in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Issuer
from deploy_orchestrator.git import Ident, Signer
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.web.asking import (
    Asked,
    AskedToStop,
    WayToDecide,
    asked,
    asked_of_all,
    asked_to_stop,
    require_stopper,
)
from deploy_orchestrator.web.people import Person

MAX_PUBLIC_KEY: Final = 16 * 1024
_VERBS: Final = frozenset({"approve", "reject", "pause", "resume"})


@dataclass(frozen=True, slots=True)
class ActingAs:
    """Signs what whoever sits at this machine decides with the key of one of these `people`, by address.

    What they decide is judged as everybody's: it counts where the rules name that person and their key.
    """

    people: Mapping[str, Path]
    orchestrator: Orchestrator

    @classmethod
    def of_folder(cls, folder: Path, orchestrator: Orchestrator) -> Self:
        """The people whose private keys lie in a folder, each beside the public one, whose comment is their
        address.
        """
        found: dict[str, Path] = {}
        for public in sorted(folder.glob("*.pub")):
            with public.open("rb") as file:
                words = file.read(MAX_PUBLIC_KEY).decode(errors="replace").split()
            if len(words) == 3 and public.with_suffix("").exists():
                found[words[2]] = public.with_suffix("").resolve()
        return cls(found, orchestrator)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/deployments/{environment}/{tenant}/decide", self._one, methods=["POST"]),
            Route("/changes/{commit}/decide", self._all, methods=["POST"]),
            Route("/stop", self._stop, methods=["POST"]),
        ]

    def way(self, person: Person, trusted: Sequence[Issuer]) -> WayToDecide | None:
        if not self.people:
            return None
        return WayToDecide(
            "Sandbox: nobody proves who they are here. It is signed with that person's key, which is on this "
            "machine.",
            _VERBS,
            tuple(self.people),
        )

    async def _one(self, request: Request) -> Response:
        return await run_in_threadpool(self._decided, await asked(request))

    async def _all(self, request: Request) -> Response:
        return await run_in_threadpool(self._decided, await asked_of_all(request))

    async def _stop(self, request: Request) -> Response:
        return await run_in_threadpool(self._stopped, await asked_to_stop(request))

    def _decided(self, said: Asked) -> Response:
        plans, signer = said.plans(self.orchestrator), self._signer(said.by)
        try:
            self.orchestrator.decide_all(plans, said.decision, said.reason, signer)
        except OrchestratorError as error:
            raise HTTPException(409, f"it is not decided: {error.what}") from error
        return RedirectResponse(said.then, 303)

    def _stopped(self, said: AskedToStop) -> Response:
        signer = self._signer(said.by)
        require_stopper(self.orchestrator, said, signer.person.email)
        try:
            self.orchestrator.stop(said.line, said.decision, said.reason, signer)
        except OrchestratorError as error:
            raise HTTPException(409, f"it is not decided: {error.what}") from error
        return RedirectResponse(said.then, 303)

    def _signer(self, who: str) -> Signer:
        key = self.people.get(who)
        if key is None:
            raise HTTPException(400, f"decide as one of {', '.join(self.people)}")
        return Signer(Ident(who.partition("@")[0], who), str(key))
