from deploy_orchestrator.delivery.status import Status
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.releases import Release


class DeliveryError(OrchestratorError):
    """Something is wrong between a release and its being live."""


class EngineUnreachable(DeliveryError):
    """The engine, or what it needs, does not answer. The same call may succeed later."""


class NotDeployed(DeliveryError):
    """Nothing of that tenant is live in that environment."""


class SyncError(DeliveryError):
    """`release` did not become live; `status` is how it stands, where it was seen."""

    def __init__(self, what: str, release: Release, status: Status | None, *, fix: str | None = None) -> None:
        super().__init__(f"{release.environment}/{release.tenant}: {what}", fix=fix)
        self.release = release
        self.status = status


class SyncFailed(SyncError):
    """The operation is over and failed: it will not come right by waiting."""


class SyncTimedOut(SyncError):
    """Not live and healthy by the deadline. It may still become so: following it again is of use."""


class SyncSuperseded(SyncError):
    """A later release took its place."""
