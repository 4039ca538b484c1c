from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from deploy_orchestrator.delivery.argocd import names

if TYPE_CHECKING:
    from deploy_orchestrator.delivery.cluster import ClusterClient


def unused_projects(
    cluster: "ClusterClient", bootstrapped: Iterable[Mapping[str, Any]], namespace: str
) -> list[str]:
    """The AppProjects in Argo CD's `namespace` that an earlier bootstrap made, that are none of those that
    are `bootstrapped` now, and that no Application is in.

    Raises:
        ClusterUnreachable, ClusterRefused, NotServed
    """
    wanted = {each["metadata"]["name"] for each in bootstrapped if each["kind"] == "AppProject"}
    made = cluster.list(names.API_VERSION, "AppProject", namespace, names.OURS)
    applications = cluster.list(names.API_VERSION, "Application", namespace)
    used = {each.body["spec"].get("project") for each in applications}
    return sorted(each.name for each in made if each.name not in wanted | used)
