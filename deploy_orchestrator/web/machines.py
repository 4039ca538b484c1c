"""Machines that ask the board, by the tokens that they show: https://www.rfc-editor.org/rfc/rfc6750."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Final

from deploy_orchestrator.errors import OrchestratorError, Transient
from deploy_orchestrator.fleet import MachineToken
from deploy_orchestrator.identity import TOKEN_PREFIX, shown_by
from deploy_orchestrator.outcomes import Outcome, attempt
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.web.people import NOBODY, Person, Role

_SCHEME: Final = "bearer "
_ROLES: Final[Mapping[str, Role]] = {"see": Role.SEES, "operate": Role.OPERATES}


def bearer(authorization: str) -> str | None:
    """What the header of that name bears; None where it bears nothing."""
    scheme, shown = authorization[: len(_SCHEME)], authorization[len(_SCHEME) :].strip()
    return shown if scheme.lower() == _SCHEME else None


def shown_token(authorization: str) -> str | None:
    """The token of a machine in the header of that name; None where it shows none. A proxy that people signed
    in to sends tokens along that are no machine's.
    """
    shown = bearer(authorization)
    return shown if shown and shown.startswith(TOKEN_PREFIX) else None


@dataclass(slots=True)
class Machines:
    """The machines that the fleet of an `orchestrator` lets in."""

    orchestrator: Orchestrator
    _listed: tuple[object, Outcome[Sequence[MachineToken]]] = (None, ())
    _reading: Lock = field(default_factory=Lock)

    def person(self, token: str, *, anew: bool) -> Person:
        """Which machine shows `token`, by what was fetched last; and `anew`, where it is one that operates,
        by what the repositories say now. Nobody, where it is none.

        Raises:
            OrchestratorError: that cannot be told.
        """
        found = self._found(token)
        if found is not None and anew and _ROLES[found.may] >= Role.OPERATES:
            self.orchestrator.fleet_repository.fetch()
            self.orchestrator.deployments.repository.fetch()
            found = self._found(token)
        if found is None:
            return NOBODY
        return Person(f"machine {found.name}", found.name, _ROLES[found.may], is_machine=True)

    def _found(self, token: str) -> MachineToken | None:
        listed = self._read()
        if isinstance(listed, OrchestratorError):
            # It is kept, and would keep the frames of everybody who was ever told it.
            raise listed.with_traceback(None)
        return shown_by(token, listed, datetime.now(UTC))

    def _read(self) -> Outcome[Sequence[MachineToken]]:
        """What is listed, or why that cannot be read: found once for what both repositories have."""
        with self._reading:
            heads = self.orchestrator.fleet_repository.head(), self.orchestrator.deployments.repository.head()
            if self._listed[0] != heads:
                found = attempt(self.orchestrator.machines)
                self._listed = (None if isinstance(found, Transient) else heads), found
            return self._listed[1]
