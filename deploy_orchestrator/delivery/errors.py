from pathlib import Path

from deploy_orchestrator.delivery.status import Status
from deploy_orchestrator.errors import OrchestratorError, Place, Transient
from deploy_orchestrator.releases import Release

_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


class DeliveryError(OrchestratorError):
    """Something is wrong between a release and its being live."""


class EngineUnreachable(Transient, DeliveryError):
    """The engine, or what it needs, does not answer."""


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


class SyncUnhealthy(SyncError):
    """What the operation brought has been unhealthy for longer than its environment's policy allows."""


class SyncTimedOut(SyncError):
    """Not live and healthy by the deadline. It may still become so: following it again is of use."""


class SyncSuperseded(SyncError):
    """A later release took its place."""


class NoCluster(DeliveryError):
    """The kubeconfig is missing or broken, or does not have the context."""

    def __init__(self, kubeconfig: Path | None, context: str | None, error: Exception) -> None:
        super().__init__(
            f"cannot tell where the cluster{f' of context {context!r}' if context else ''} is: {error}",
            place=Place(str(kubeconfig)) if kubeconfig else None,
            fix="name a kubeconfig and a context in it, or run in the cluster",
        )


class KubeconfigRunsProgram(DeliveryError):
    """A kubeconfig names a program to run (`exec`, `auth-provider`), and the operator did not allow that."""

    def __init__(self, kubeconfig: Path | None, user: str) -> None:
        super().__init__(
            f"the kubeconfig has a program run for the user {user!r}",
            place=Place(str(kubeconfig)) if kubeconfig else None,
            fix="use a token or a client certificate, or allow it where the file is yours alone: "
            "DEPLOY_ORCHESTRATOR_KUBECONFIG_COMMANDS=true",
        )


class ClusterUnreachable(EngineUnreachable):
    """The Kubernetes API did not answer, and went on not answering."""

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"the Kubernetes API does not answer: {error}",
            fix="check the kubeconfig and that the API server runs; everything goes on where it was",
        )


class ClusterRefused(DeliveryError):
    """The Kubernetes API refused a request: `status` is the HTTP status, `said` are its words."""

    def __init__(self, status: int, said: str, *, fix: str | None = None) -> None:
        super().__init__(f"the Kubernetes API refused: {said}", fix=fix)
        self.status = status
        self.said = said

    @classmethod
    def of(cls, status: int, said: str, *, fix: str | None = None) -> "ClusterRefused":
        """The refusal that an HTTP status stands for."""
        kind = ClusterBusy if status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR else cls
        return kind(status, said, fix=fix)


class ClusterBusy(Transient, ClusterRefused):
    """The Kubernetes API has too much to do, or failed itself."""


class NotServed(DeliveryError):
    """The cluster has no such kind in that version."""


class OutOfTime(EngineUnreachable):
    """The cluster took longer for everything than it was given."""
