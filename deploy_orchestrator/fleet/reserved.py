"""Names that are taken before there is any tenant: Argo CD's, Kubernetes' and the orchestrator's own.

An AppProject is called after its tenant, and Argo CD's own is called `default`. Whoever may write into the
namespace of an Argo CD is its administrator:
https://argo-cd.readthedocs.io/en/stable/operator-manual/security/.
"""

from collections.abc import Iterable
from typing import Final

from deploy_orchestrator.fleet.model import ArgoCDInstance

ORCHESTRATOR: Final = "deploy-orchestrator"
PROJECT: Final = "default"


def whose_name(name: str, instances: Iterable[ArgoCDInstance]) -> str | None:
    """Whose name a tenant would take with `name`; None where it is nobody's."""
    if name == PROJECT:
        return "Argo CD's own project"
    if name == ORCHESTRATOR:
        return "the orchestrator"
    return next(
        (f"the namespace of the Argo CD {each.name}" for each in instances if name == each.namespace), None
    )


def is_of_kubernetes(namespace: str) -> bool:
    """Whether Kubernetes has made `namespace`, or may."""
    return namespace == "default" or namespace.startswith("kube-")


def whose_namespace(namespace: str, instances: Iterable[ArgoCDInstance]) -> str | None:
    """Whom `namespace` belongs to; None where a tenant may have it."""
    if is_of_kubernetes(namespace):
        return "Kubernetes"
    if namespace == ORCHESTRATOR:
        return "the orchestrator"
    return next((f"the Argo CD {each.name}" for each in instances if namespace == each.namespace), None)
