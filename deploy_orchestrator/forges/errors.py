"""What goes wrong with a forge."""

from deploy_orchestrator.errors import OrchestratorError


class ForgeError(OrchestratorError):
    """The forge refuses, or answers what nobody can read."""


class NotThere(ForgeError):
    """The forge knows no such thing, or does not tell of it."""


class NoForge(OrchestratorError, LookupError):
    """A repository of which nobody says on which forge it is."""
