from deploy_orchestrator.errors import OrchestratorError


class NotificationError(OrchestratorError):
    """Somebody cannot be told."""
