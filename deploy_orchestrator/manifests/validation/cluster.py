"""What is mostly written by who runs a cluster: nodes, devices, address ranges, attachments, flow control.

After `k8s.io/kubernetes/pkg/apis/resource/validation`, `pkg/apis/networking/validation`,
`pkg/apis/storage/validation` and `pkg/apis/flowcontrol/validation`. Expressions are not compiled.
"""

from collections.abc import Iterator
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import (
    Fields,
    Refusal,
    Shape,
    each,
    exactly_one,
    found,
    is_absent,
    no_duplicates,
)
from deploy_orchestrator.manifests.validation.volumes import driver_name

_MAX_PRECEDENCE: Final = 10_000
_EXEMPT: Final = "exempt"


def _address(given: Fields) -> Iterator[Refusal]:
    name = untyped.at(given, "metadata", "name")
    if name and (said := formats.ip_address(name)):
        yield Refusal(("metadata", "name"), found(said, name))
    if untyped.at(given, "spec", "parentRef") is None:
        yield Refusal(("spec", "parentRef"), "required, and absent")


def _ranges(spec: Fields) -> Iterator[Refusal]:
    families = [range_.version for range_ in map(formats.network, untyped.texts(spec.get("cidrs"))) if range_]
    if len(set(families)) < len(families):
        yield Refusal(("cidrs",), "may be one of each family")


def _attached(source: Fields) -> Iterator[Refusal]:
    if source.get("persistentVolumeName") == "":
        yield Refusal(("persistentVolumeName",), "may be absent, and may not be empty")


def _precedence(schema: Fields) -> Iterator[Refusal]:
    precedence = untyped.at(schema, "spec", "matchingPrecedence")
    if precedence == 1 and untyped.at(schema, "metadata", "name") != _EXEMPT:
        yield Refusal(("spec", "matchingPrecedence"), f"may only be 1 for {_EXEMPT}")


def _named(reference: Fields) -> Iterator[Refusal]:
    name = untyped.at(reference, "priorityLevelConfiguration", "name")
    path = ("priorityLevelConfiguration", "name")
    if is_absent(name):
        yield Refusal(path, "required, and absent")
    elif said := formats.dns_subdomain(name):
        yield Refusal(path, found(said, name))


def _flow_rule(rule: Fields) -> Iterator[Refusal]:
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        yield Refusal(("resourceRules",), "needs resourceRules or nonResourceRules")


def _of_type(*types: str) -> Any:
    """A rule that the settings for each type are there for it, and for no other."""

    def rule(given: Fields) -> Iterator[Refusal]:
        wanted = untyped.text(given.get("type"))
        for type_ in types:
            field = type_.lower()
            if type_ == wanted and given.get(field) is None and type_ != "Exempt":
                yield Refusal((field,), f"required for the type {wanted}, and absent")
            elif type_ != wanted and given.get(field) is not None:
                yield Refusal((field,), f"may not be set for the type {wanted}")

    return rule


def _response(given: Fields) -> Iterator[Refusal]:
    if given.get("type") == "Reject" and given.get("queuing") is not None:
        yield Refusal(("queuing",), "may not be set for the type Reject")


def _count(request: Fields) -> Iterator[Refusal]:
    count, mode = request.get("count"), request.get("allocationMode") or "ExactCount"
    if isinstance(count, int) and count < 0:
        yield Refusal(("count",), found("must be more than 0", count))
    elif count and mode == "All":
        yield Refusal(("count",), "may not be set for the allocationMode All")


_REQUEST: Final = Shape(
    required=("deviceClassName",),
    fields={
        "deviceClassName": formats.dns_subdomain,
        "allocationMode": formats.one_of("All", "ExactCount"),
    },
    rules=(_count,),
)
_CONFIGURED: Final = Shape(required=("opaque",))

SHAPES: Final = {
    **{
        f"resource.{version}.{name}": shape
        for version in ("v1", "v1beta2")
        for name, shape in {
            "DeviceClaim": Shape(rules=(no_duplicates("requests", "name"),)),
            "DeviceRequest": Shape(
                required=("name",),
                fields={"name": formats.dns_label},
                rules=(exactly_one("exactly", "firstAvailable", of="request"),),
            ),
            "ExactDeviceRequest": _REQUEST,
            "DeviceSelector": Shape(required=("cel",)),
            "CELDeviceSelector": Shape(required=("expression",)),
            "DeviceConstraint": Shape(
                rules=(exactly_one("matchAttribute", "distinctAttribute", of="attribute"),)
            ),
            "DeviceClaimConfiguration": _CONFIGURED,
            "DeviceClassConfiguration": _CONFIGURED,
            "OpaqueDeviceConfiguration": Shape(
                required=("driver", "parameters"), fields={"driver": driver_name}
            ),
            "DeviceClassSpec": Shape(fields={"extendedResourceName": formats.domain_prefixed_path}),
        }.items()
    },
    "networking.v1.IPAddress": Shape(rules=(_address,)),
    "networking.v1.ParentReference": Shape(
        required=("name", "resource"),
        fields={
            "group": formats.dns_subdomain,
            "name": formats.path_segment,
            "namespace": formats.path_segment,
            "resource": formats.path_segment,
        },
    ),
    "networking.v1.ServiceCIDRSpec": Shape(
        required=("cidrs",), fields={"cidrs": each(formats.cidr)}, rules=(_ranges,)
    ),
    "storage.v1.VolumeAttachmentSpec": Shape(
        required=("attacher", "nodeName", "source"),
        fields={"attacher": driver_name, "nodeName": formats.dns_subdomain},
    ),
    "storage.v1.VolumeAttachmentSource": Shape(
        fields={"persistentVolumeName": formats.dns_subdomain},
        rules=(exactly_one("inlineVolumeSpec", "persistentVolumeName", of="source"), _attached),
    ),
    "flowcontrol.v1.FlowSchema": Shape(rules=(_precedence,)),
    "flowcontrol.v1.FlowSchemaSpec": Shape(
        fields={"matchingPrecedence": formats.within(0, _MAX_PRECEDENCE)}, rules=(_named,)
    ),
    "flowcontrol.v1.FlowDistinguisherMethod": Shape(
        required=("type",), fields={"type": formats.one_of("ByNamespace", "ByUser")}
    ),
    "flowcontrol.v1.PolicyRulesWithSubjects": Shape(required=("subjects",), rules=(_flow_rule,)),
    "flowcontrol.v1.Subject": Shape(
        required=("kind",), fields={"kind": formats.one_of("Group", "ServiceAccount", "User")}
    ),
    "flowcontrol.v1.PriorityLevelConfigurationSpec": Shape(
        required=("type",),
        fields={"type": formats.one_of("Exempt", "Limited")},
        rules=(_of_type("Exempt", "Limited"),),
    ),
    "flowcontrol.v1.LimitedPriorityLevelConfiguration": Shape(
        required=("limitResponse",),
        fields={
            "borrowingLimitPercent": formats.nonnegative,
            "lendablePercent": formats.within(0, 100),
            "nominalConcurrencyShares": formats.nonnegative,
        },
    ),
    "flowcontrol.v1.LimitResponse": Shape(
        required=("type",), fields={"type": formats.one_of("Queue", "Reject")}, rules=(_response,)
    ),
}
