import json
from pathlib import Path

from deploy_orchestrator.delivery.errors import DeliveryError, EngineUnreachable
from deploy_orchestrator.errors import Place


class NoCluster(DeliveryError):
    """The kubeconfig is missing or broken."""

    def __init__(self, kubeconfig: Path | None, error: Exception) -> None:
        super().__init__(
            f"cannot tell where Argo CD's cluster is: {error}",
            place=Place(str(kubeconfig)) if kubeconfig else None,
            fix="name a kubeconfig, or run in the cluster",
        )


class ClusterUnreachable(EngineUnreachable):
    """The Kubernetes API did not answer, and went on not answering."""

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"the Kubernetes API of Argo CD's cluster does not answer: {error}",
            fix="check the kubeconfig and that the API server runs; everything goes on where it was",
        )


class ClusterRefused(DeliveryError):
    """The Kubernetes API refused a request; `status` is the HTTP status."""

    def __init__(self, status: int | None, reason: str | None, body: str | None) -> None:
        super().__init__(
            f"the Kubernetes API refused: {_message(body) or reason}", fix=_FIXES.get(status or 0)
        )
        self.status = status


_FIXES = {
    401: "renew the token of the orchestrator's ServiceAccount",
    403: "apply what `deploy-orchestrator argocd bootstrap` prints",
    404: "apply what `deploy-orchestrator argocd bootstrap` prints",
    422: "apply what `deploy-orchestrator argocd bootstrap` prints",
    429: "the API server is overloaded; try again later",
}


def _message(body: str | None) -> str | None:
    try:
        return json.loads(body or "")["message"]
    except (ValueError, KeyError, TypeError):
        return body
