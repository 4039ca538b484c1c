"""A tenant's objects are in its own namespaces."""

from collections.abc import Iterator

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.kinds import is_cluster_scoped, scopes
from deploy_orchestrator.manifests.objects import Manifests, Object


def _foreign(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    own = (None, *deployment.namespaces)
    for object_ in manifests.objects:
        if object_.namespace not in own:
            yield Broken(object_.key, f"it goes to the namespace {object_.namespace}")


def _cluster_wide(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    permitted = deployment.environment.policy.cluster_scoped
    for object_, scope in _scoped(manifests, deployment):
        if scope and not _is_own(object_, deployment) and object_.key.group_kind not in permitted:
            yield Broken(object_.key, "it belongs to the whole cluster")


def _unknown(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    permitted = deployment.environment.policy.cluster_scoped
    for object_, scope in _scoped(manifests, deployment):
        kind = object_.key.group_kind
        if scope is None and object_.namespace is None and kind not in permitted:
            yield Broken(
                object_.key,
                f"it names no namespace, and nobody says whether {kind} has one",
                f"write `{kind}: Namespaced` or `{kind}: Cluster` below customKinds of the environment in "
                "fleet.yaml, as its CustomResourceDefinition has it",
            )


def _scoped(manifests: Manifests, deployment: Deployment) -> Iterator[tuple[Object, bool | None]]:
    custom = scopes((each.body for each in manifests.objects), deployment.environment.custom_kinds)
    for object_ in manifests.objects:
        yield object_, is_cluster_scoped(object_.key, custom)


def _is_own(object_: Object, deployment: Deployment) -> bool:
    named = (object_.key.group, object_.kind, object_.name) == ("", "Namespace", deployment.namespace)
    return named and deployment.makes_namespace


def _shared(_: Manifests, deployment: Deployment) -> Iterator[Broken]:
    if deployment.placing.shared:
        yield Broken(None, f"it shares the namespace {deployment.namespace} with whoever else lives there")


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
    ManifestCheck(
        "unknown-scope",
        "error",
        "It may be the tenant's own, or touch every tenant.",
        "say in fleet.yaml which it is",
        _unknown,
    ),
    ManifestCheck(
        "shared-namespace",
        "warning",
        "A namespace is one domain of trust: whoever may start pods in it can read all Secrets there, and "
        "use every ServiceAccount.",
        "give each tenant a namespace of its own where they do not trust each other",
        _shared,
    ),
)
