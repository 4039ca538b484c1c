"""What the platform offers to choose from: storage, priorities, runtimes.

After `k8s.io/kubernetes/pkg/apis/storage/validation`, `pkg/apis/scheduling/validation` and
`pkg/apis/node/validation`.
"""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Shape, found

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


SHAPES: Final = {
    "storage.v1.StorageClass": Shape(
        required=("provisioner",),
        fields={
            "provisioner": formats.annotation_key,
            "reclaimPolicy": formats.one_of("Delete", "Retain"),
            "volumeBindingMode": formats.one_of("Immediate", "WaitForFirstConsumer"),
        },
        rules=(_parameters,),
    ),
    "scheduling.v1.PriorityClass": Shape(
        fields={"preemptionPolicy": formats.one_of("Never", "PreemptLowerPriority")}, rules=(_priority,)
    ),
    "node.v1.RuntimeClass": Shape(required=("handler",), fields={"handler": formats.dns_label}),
}
