"""What every object's metadata must be.

After `k8s.io/apimachinery/pkg/api/validation/objectmeta.go`, and the function for names of each kind.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Rule, Says, at, found, is_absent

_MAX_ANNOTATIONS: Final = 256 * 1024
_MAX_CRON_JOB: Final = 52

_OTHER_FINALIZERS: Final = frozenset(
    {"admissionregistration.k8s.io", "coordination.k8s.io", "node.k8s.io", "policy"}
)
"""Groups whose finalizers may be any name."""

_FINALIZERS: Final = frozenset({"kubernetes", "orphan", "foregroundDeletion"})

Kind = tuple[str, str]
"""Group and kind."""


def _cron_job(value: Any) -> str | None:
    too_long = len(value) > _MAX_CRON_JOB
    return f"must be no more than {_MAX_CRON_JOB} characters" if too_long else formats.dns_subdomain(value)


def _job(value: Any) -> str | None:
    return formats.label_value(value) or formats.dns_subdomain(value)


_NAMES: Final[Mapping[Kind, Says]] = {
    ("", "Namespace"): formats.dns_label,
    ("", "Service"): formats.dns_label,
    ("apps", "StatefulSet"): formats.dns_label,
    ("batch", "CronJob"): _cron_job,
    ("policy", "PodDisruptionBudget"): formats.path_segment,
    ("batch", "Job"): _job,
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
            "Node",
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
    ("networking.k8s.io", "Ingress"): formats.dns_subdomain,
    ("networking.k8s.io", "IngressClass"): formats.dns_subdomain,
    ("networking.k8s.io", "NetworkPolicy"): formats.dns_subdomain,
    ("node.k8s.io", "RuntimeClass"): formats.dns_subdomain,
    ("scheduling.k8s.io", "PriorityClass"): formats.dns_subdomain,
    **{
        ("admissionregistration.k8s.io", kind): formats.dns_subdomain
        for kind in (
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        )
    },
    ("apps", "ControllerRevision"): formats.dns_subdomain,
    ("coordination.k8s.io", "Lease"): formats.dns_subdomain,
    ("discovery.k8s.io", "EndpointSlice"): formats.dns_subdomain,
    ("resource.k8s.io", "DeviceClass"): formats.dns_subdomain,
    ("resource.k8s.io", "ResourceClaim"): formats.dns_subdomain,
    ("resource.k8s.io", "ResourceClaimTemplate"): formats.dns_subdomain,
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): formats.dns_subdomain,
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): formats.dns_subdomain,
    ("networking.k8s.io", "IPAddress"): formats.path_segment,
    ("networking.k8s.io", "ServiceCIDR"): formats.dns_subdomain,
    ("storage.k8s.io", "CSIStorageCapacity"): formats.dns_subdomain,
    ("storage.k8s.io", "VolumeAttachment"): formats.dns_subdomain,
    ("storage.k8s.io", "VolumeAttributesClass"): formats.dns_subdomain,
    ("storage.k8s.io", "CSIDriver"): formats.dns_subdomain,
    ("storage.k8s.io", "StorageClass"): formats.dns_subdomain,
}


def metadata_refusals(metadata: Fields, kind: Kind) -> Iterator[Refusal]:
    """What is wrong with an object's metadata, by paths below it."""
    name = metadata.get("name")
    if name and (said := _NAMES.get(kind, formats.path_segment)(name)):
        yield Refusal(("name",), found(said, name))
    yield from labelled(metadata)
    for index, owner in enumerate(untyped.mappings(metadata.get("ownerReferences"))):
        for field in ("apiVersion", "kind", "name", "uid"):
            if is_absent(owner.get(field)):
                yield Refusal(("ownerReferences", index, field), "required, and absent")
    for index, finalizer in enumerate(untyped.texts(metadata.get("finalizers"))):
        if said := formats.label_key(finalizer) or _finalizer(finalizer, kind):
            yield Refusal(("finalizers", index), found(said, finalizer))


def _finalizer(name: str, kind: Kind) -> str | None:
    is_known = "/" in name or name in _FINALIZERS
    return (
        None
        if is_known or kind not in _NAMES or kind[0] in _OTHER_FINALIZERS
        else "must have a domain before a '/'"
    )


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
