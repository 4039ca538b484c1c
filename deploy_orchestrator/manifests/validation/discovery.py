"""Where services are: EndpointSlices, and the leases of those that take turns.

After `k8s.io/kubernetes/pkg/apis/discovery/validation` and `pkg/apis/coordination/validation`.
"""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Shape, found, no_duplicates

_MAX_ADDRESSES: Final = 100


def _addresses(slice_: Fields) -> Iterator[Refusal]:
    is_named = slice_.get("addressType") == "FQDN"
    says = formats.dns_subdomain if is_named else formats.ip_address
    for index, endpoint in enumerate(untyped.mappings(slice_.get("endpoints"))):
        addresses = untyped.texts(endpoint.get("addresses"))
        if not 0 < len(addresses) <= _MAX_ADDRESSES:
            yield Refusal(("endpoints", index, "addresses"), f"must be 1 to {_MAX_ADDRESSES}")
        for position, address in enumerate(addresses):
            if said := says(address):
                yield Refusal(("endpoints", index, "addresses", position), found(said, address))


SHAPES: Final = {
    "discovery.v1.EndpointSlice": Shape(
        required=("addressType",),
        fields={"addressType": formats.one_of("FQDN", "IPv4", "IPv6")},
        rules=(_addresses, no_duplicates("ports", "name")),
    ),
    "discovery.v1.Endpoint": Shape(fields={"hostname": formats.dns_label, "nodeName": formats.dns_subdomain}),
    "discovery.v1.EndpointPort": Shape(
        fields={
            "appProtocol": formats.label_key,
            "name": formats.dns_label,
            "protocol": formats.one_of("SCTP", "TCP", "UDP"),
        },
        not_empty=("protocol", "appProtocol"),
    ),
    "coordination.v1.LeaseSpec": Shape(
        fields={"leaseDurationSeconds": formats.positive, "leaseTransitions": formats.nonnegative}
    ),
}
