from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from deploy_orchestrator.manifests import Diff, Manifests, Object, diff

if TYPE_CHECKING:
    from deploy_orchestrator.delivery.cluster import ClusterClient


def apply(
    cluster: "ClusterClient", objects: Iterable[Mapping[str, Any]], namespace: str, *, dry_run: bool
) -> Iterator[tuple[Object, Diff]]:
    """Applies `objects` in their order, and tells of each what that changed in the cluster, or would.

    Applying them again changes nothing. `namespace` is for those that do not name their own.

    Raises:
        ClusterUnreachable, ClusterRefused, NotServed: the objects before that one stay as applied.
    """
    for wanted in map(Object, objects):
        before = cluster.read(wanted, namespace)
        after = cluster.apply(wanted, namespace, dry_run=dry_run)
        yield wanted, diff(Manifests([before]) if before else None, Manifests([after]))
