from deploy_orchestrator.errors import OrchestratorError


class WebhookError(OrchestratorError):
    """The receiver of webhooks cannot do its work."""


class DagsterUnreachable(WebhookError):
    """Dagster's web server does not answer, or not as expected. The sensors follow all the same."""


class Refused(WebhookError):
    """A delivery that starts nothing, with the HTTP `status` that its sender gets."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status
