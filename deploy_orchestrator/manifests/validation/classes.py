"""What the platform offers to choose from: storage, priorities, runtimes.

After `k8s.io/kubernetes/pkg/apis/storage/validation`, `pkg/apis/scheduling/validation` and
`pkg/apis/node/validation`.
"""

from collections.abc import Iterator
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.metadata import labels_at
from deploy_orchestrator.manifests.validation.resources import amount, container_resource_name
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Shape, each, found, no_duplicates
from deploy_orchestrator.manifests.validation.volumes import ACCESS_MODES, driver_name
from deploy_orchestrator.terms import quantity

_OF_EVERY_VOLUME: Final = frozenset(
    {
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    }
)
_SYSTEM: Final = "system-"
_SYSTEM_CLASSES: Final = frozenset({"system-cluster-critical", "system-node-critical"})
_HIGHEST_PRIORITY: Final = 1_000_000_000
_MAX_PARAMETERS: Final = 512
_MAX_PARAMETER_BYTES: Final = 256 * 1024


def _priority(given: Fields) -> Iterator[Refusal]:
    name, value = untyped.text(untyped.at(given, "metadata", "name")), given.get("value") or 0
    if name.startswith(_SYSTEM):
        if name not in _SYSTEM_CLASSES:
            yield Refusal(("metadata", "name"), found(f"may not begin with {_SYSTEM}", name))
    elif value > _HIGHEST_PRIORITY:
        yield Refusal(("value",), found(f"must be at most {_HIGHEST_PRIORITY}", value))


def _parameters(given: Fields) -> Iterator[Refusal]:
    parameters = untyped.mapping(given.get("parameters"))
    size = sum(len(key.encode()) + len(untyped.text(value).encode()) for key, value in parameters.items())
    if len(parameters) > _MAX_PARAMETERS or size > _MAX_PARAMETER_BYTES:
        yield Refusal(("parameters",), f"may be {_MAX_PARAMETERS} of {_MAX_PARAMETER_BYTES:,} bytes together")
    if "" in parameters:
        yield Refusal(("parameters", ""), "needs a name")


def _any_parameters(given: Fields) -> Iterator[Refusal]:
    if not given.get("parameters"):
        yield Refusal(("parameters",), "required, and absent")


def _volume(spec: Fields) -> Iterator[Refusal]:
    capacity = untyped.mapping(spec.get("capacity"))
    number = quantity(capacity.get("storage"))
    if set(capacity) != {"storage"}:
        yield Refusal(("capacity",), "must be of storage alone")
    elif number is not None and number <= 0:
        yield Refusal(("capacity", "storage"), found("must be more than 0", capacity["storage"]))
    sources = [name for name in spec if name not in _OF_EVERY_VOLUME and spec[name] is not None]
    if len(sources) != 1:
        yield Refusal((), f"needs one source, and has {' and '.join(sources) or 'none'}")
    if "local" in sources and spec.get("nodeAffinity") is None:
        yield Refusal(("nodeAffinity",), "required for a local volume, and absent")


def _zones(given: Fields) -> Iterator[Refusal]:
    values = untyped.texts(given.get("values"))
    if len(set(values)) < len(values):
        yield Refusal(("values",), found("must be each once", values))


def _at_least_none(value: Any) -> str | None:
    number = quantity(value)
    return "must be at least 0" if number is not None and number < 0 else None


def _overhead(given: Fields) -> Iterator[Refusal]:
    for name, value in untyped.mapping(given.get("podFixed")).items():
        if said := container_resource_name(name) or amount(name, value):
            yield Refusal(("podFixed", name), said)


SHAPES: Final = {
    "storage.v1.StorageClass": Shape(
        required=("provisioner",),
        fields={
            "provisioner": formats.annotation_key,
            "reclaimPolicy": formats.one_of("Delete", "Retain"),
            "volumeBindingMode": formats.one_of("Immediate", "WaitForFirstConsumer"),
        },
        not_empty=("volumeBindingMode",),
        rules=(_parameters,),
    ),
    "scheduling.v1.PriorityClass": Shape(
        fields={"preemptionPolicy": formats.one_of("Never", "PreemptLowerPriority")},
        not_empty=("preemptionPolicy",),
        rules=(_priority,),
    ),
    "core.v1.TopologySelectorTerm": Shape(rules=(no_duplicates("matchLabelExpressions", "key"),)),
    "core.v1.TopologySelectorLabelRequirement": Shape(
        required=("key", "values"), fields={"key": formats.label_key}, rules=(_zones,)
    ),
    "core.v1.PersistentVolumeSpec": Shape(
        required=("accessModes",),
        fields={
            "accessModes": each(formats.one_of(*ACCESS_MODES)),
            "persistentVolumeReclaimPolicy": formats.one_of("Delete", "Recycle", "Retain"),
            "storageClassName": formats.dns_subdomain,
            "volumeAttributesClassName": formats.dns_subdomain,
            "volumeMode": formats.one_of("Block", "Filesystem"),
        },
        not_empty=("volumeMode",),
        rules=(_volume,),
    ),
    "core.v1.CSIPersistentVolumeSource": Shape(
        required=("driver", "volumeHandle"), fields={"driver": driver_name}
    ),
    "core.v1.VolumeNodeAffinity": Shape(required=("required",)),
    "storage.v1.CSIDriverSpec": Shape(
        fields={
            "fsGroupPolicy": formats.one_of("File", "None", "ReadWriteOnceWithFSType"),
            "nodeAllocatableUpdatePeriodSeconds": formats.within(10),
            "volumeLifecycleModes": each(formats.one_of("Ephemeral", "Persistent")),
        },
        not_empty=("fsGroupPolicy",),
    ),
    "storage.v1.CSIStorageCapacity": Shape(
        required=("storageClassName",),
        fields={"storageClassName": formats.dns_subdomain, "capacity": _at_least_none},
    ),
    "storage.v1.VolumeAttributesClass": Shape(
        required=("driverName",), fields={"driverName": formats.annotation_key}, rules=(_any_parameters,)
    ),
    "node.v1.Scheduling": Shape(rules=(labels_at("nodeSelector"),)),
    "node.v1.Overhead": Shape(rules=(_overhead,)),
    "node.v1.RuntimeClass": Shape(required=("handler",), fields={"handler": formats.dns_label}),
}
