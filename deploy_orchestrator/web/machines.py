"""Machines that ask the board, by the tokens that they show: https://www.rfc-editor.org/rfc/rfc6750."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from deploy_orchestrator.fleet import MachineToken
from deploy_orchestrator.identity import shown_by
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.web.people import NOBODY, Person, Role

_SCHEME: Final = "bearer "
_ROLES: Final[Mapping[str, Role]] = {"see": Role.SEES, "operate": Role.OPERATES}


def shown_token(authorization: str) -> str | None:
    """The token in the header of that name; None where it shows none."""
    scheme, shown = authorization[: len(_SCHEME)], authorization[len(_SCHEME) :].strip()
    return shown if scheme.lower() == _SCHEME else None


@dataclass(slots=True)
class Machines:
    """The machines that the fleet of an `orchestrator` lets in."""

    orchestrator: Orchestrator
    _listed: tuple[object, Sequence[MachineToken]] = (None, ())

    def person(self, token: str, *, anew: bool) -> Person:
        """Which machine shows `token`, by what was fetched last; and `anew`, where it is one, by what the
        repositories say now. Nobody, where it is none.

        Raises:
            OrchestratorError: that cannot be told.
        """
        found = self._found(token)
        if found is not None and anew:
            self.orchestrator.fleet_repository.fetch()
            self.orchestrator.deployments.repository.fetch()
            found = self._found(token)
        if found is None:
            return NOBODY
        return Person(f"machine {found.name}", found.name, _ROLES[found.may], is_machine=True)

    def _found(self, token: str) -> MachineToken | None:
        heads = self.orchestrator.fleet_repository.head(), self.orchestrator.deployments.repository.head()
        known, listed = self._listed
        if known != heads:
            listed = self.orchestrator.machines()
            self._listed = heads, listed
        return shown_by(token, listed, datetime.now(UTC))
