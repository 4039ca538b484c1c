"""What can be wrong with a proof of who somebody is."""

from deploy_orchestrator.errors import OrchestratorError, Transient


class NotProved(OrchestratorError):
    """What was shown does not prove who somebody is."""


class ProviderUnreachable(Transient):
    """An OpenID provider does not answer, or answers what it should not."""
