"""What every object's metadata must be.

After `k8s.io/apimachinery/pkg/api/validation/objectmeta.go`, and the function for names of each kind.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Rule, Says, at, found

_MAX_ANNOTATIONS: Final = 256 * 1024
_MAX_CRON_JOB: Final = 52

Kind = tuple[str, str]
"""Group and kind."""


def _cron_job(value: Any) -> str | None:
    too_long = len(value) > _MAX_CRON_JOB
    return f"must be no more than {_MAX_CRON_JOB} characters" if too_long else formats.dns_subdomain(value)


_NAMES: Final[Mapping[Kind, Says]] = {
    ("", "Namespace"): formats.dns_label,
    ("", "Service"): formats.dns_label,
    ("apps", "StatefulSet"): formats.dns_label,
    ("batch", "CronJob"): _cron_job,
    ("policy", "PodDisruptionBudget"): formats.path_segment,
    ("rbac.authorization.k8s.io", "ClusterRole"): formats.path_segment,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): formats.path_segment,
    ("rbac.authorization.k8s.io", "Role"): formats.path_segment,
    ("rbac.authorization.k8s.io", "RoleBinding"): formats.path_segment,
    **{
        ("", kind): formats.dns_subdomain
        for kind in (
            "ConfigMap",
            "Endpoints",
            "LimitRange",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "ServiceAccount",
        )
    },
    **{("apps", kind): formats.dns_subdomain for kind in ("DaemonSet", "Deployment", "ReplicaSet")},
    ("autoscaling", "HorizontalPodAutoscaler"): formats.dns_subdomain,
    ("batch", "Job"): formats.dns_subdomain,
    ("networking.k8s.io", "Ingress"): formats.dns_subdomain,
    ("networking.k8s.io", "IngressClass"): formats.dns_subdomain,
    ("networking.k8s.io", "NetworkPolicy"): formats.dns_subdomain,
    ("node.k8s.io", "RuntimeClass"): formats.dns_subdomain,
    ("scheduling.k8s.io", "PriorityClass"): formats.dns_subdomain,
    ("storage.k8s.io", "CSIDriver"): formats.dns_subdomain,
    ("storage.k8s.io", "StorageClass"): formats.dns_subdomain,
}


def metadata_refusals(metadata: Fields, kind: Kind) -> Iterator[Refusal]:
    """What is wrong with an object's metadata, by paths below it."""
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if name and (said := _NAMES.get(kind, formats.path_segment)(name)):
        yield Refusal(("name",), found(said, name))
    if namespace and (said := formats.dns_label(namespace)):
        yield Refusal(("namespace",), found(said, namespace))
    yield from labelled(metadata)
    for index, finalizer in enumerate(untyped.texts(metadata.get("finalizers"))):
        if said := formats.label_key(finalizer):
            yield Refusal(("finalizers", index), found(said, finalizer))


def labelled(metadata: Fields) -> Iterator[Refusal]:
    """What is wrong with labels and annotations."""
    yield from at(("labels",), labels(untyped.mapping(metadata.get("labels"))))
    annotations = untyped.mapping(metadata.get("annotations"))
    for key in annotations:
        if said := formats.annotation_key(key):
            yield Refusal(("annotations", key), found(said, key))
    size = sum(len(key.encode()) + len(untyped.text(value).encode()) for key, value in annotations.items())
    if size > _MAX_ANNOTATIONS:
        yield Refusal(("annotations",), f"may hold {_MAX_ANNOTATIONS:,} bytes, and hold {size:,}")


def labels(given: Fields) -> Iterator[Refusal]:
    """What is wrong with a map of labels."""
    for key, value in given.items():
        if said := formats.label_key(key):
            yield Refusal((key,), found(said, key))
        if said := formats.label_value(value):
            yield Refusal((key,), found(said, value))


def labels_at(field: str) -> Rule:
    """A rule that what stands at `field` is a map of labels."""
    return lambda given: at((field,), labels(untyped.mapping(given.get(field))))
