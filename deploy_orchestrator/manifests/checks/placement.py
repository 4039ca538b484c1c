"""A tenant's objects are in its own namespace."""

from collections.abc import Iterator

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.kinds import is_cluster_scoped
from deploy_orchestrator.manifests.objects import Manifests, Object


def _foreign(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    for object_ in manifests.objects:
        if object_.namespace not in (None, deployment.namespace):
            yield Broken(object_.key, f"it goes to the namespace {object_.namespace}")


def _cluster_wide(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    permitted = deployment.environment.policy.cluster_scoped
    for object_ in manifests.objects:
        known = is_cluster_scoped(object_.key.group, object_.kind)
        outside = known or (known is None and object_.namespace is None)
        if outside and not _is_own(object_, deployment) and object_.key.group_kind not in permitted:
            yield Broken(object_.key, "it belongs to the whole cluster" if known else "it names no namespace")


def _is_own(object_: Object, deployment: Deployment) -> bool:
    return (object_.key.group, object_.kind, object_.name) == ("", "Namespace", deployment.namespace)


MANIFEST_CHECKS = (
    ManifestCheck(
        "foreign-namespace",
        "error",
        "A tenant may touch nothing of another.",
        "leave metadata.namespace out, or use .Release.Namespace",
        _foreign,
    ),
    ManifestCheck(
        "cluster-scoped",
        "error",
        "What belongs to the cluster touches every tenant.",
        "let the platform team install it, and turn it off in the chart's values; or list its kind in the "
        "environment's policy, as clusterScoped",
        _cluster_wide,
    ),
)
