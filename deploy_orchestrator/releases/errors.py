"""Why something is not proposed, released, decided on or reverted."""

from typing import TYPE_CHECKING

from deploy_orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from deploy_orchestrator.releases.gates import Gate


class ReleaseError(OrchestratorError):
    """Something that this room refuses to do."""


class Superseded(ReleaseError):
    """What was planned is not what is pending now, or what it replaces has changed: plan again."""


class GatesClosed(ReleaseError):
    """Not every gate is open; `gates` holds those that are not."""

    def __init__(self, what: str, gates: "tuple[Gate, ...]") -> None:
        super().__init__(
            f"{what}: {'; '.join(gate.reason for gate in gates)}",
            fix="see `deploy-orchestrator pending`; it goes out once nothing stands in its way",
        )
        self.gates = gates


class RevertRefused(ReleaseError):
    """A release cannot be undone safely."""
