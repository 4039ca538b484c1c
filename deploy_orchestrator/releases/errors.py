"""Why something is not proposed, released, decided on or reverted."""

from deploy_orchestrator.errors import OrchestratorError, Transient

EARLIER = "it was planned by an earlier version, whose digest tells neither its place nor what it replaces"
"""Why a plan of format 1 is void, and all decisions on it."""


class ReleaseError(OrchestratorError):
    """Something that this room refuses to do."""


class Superseded(Transient, ReleaseError):
    """What was planned is not what is pending now, or what it replaces has changed: plan again."""


class TooLarge(ReleaseError):
    """Something that could not be read again, once it is written down."""


class RevertRefused(ReleaseError):
    """A release cannot be undone safely."""
