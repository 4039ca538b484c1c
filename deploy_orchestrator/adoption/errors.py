"""What stops one release from being adopted, and no other."""

from deploy_orchestrator.errors import OrchestratorError


class AdoptionError(OrchestratorError):
    """Something about adopting went wrong."""


class NotAdoptable(AdoptionError):
    """A release uses something that has no counterpart here; `fix` says what a person can do."""


class NotCompared(AdoptionError):
    """Nobody could tell whether ours are the original's objects."""
