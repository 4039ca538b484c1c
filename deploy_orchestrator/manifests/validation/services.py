"""How pods are reached within a cluster and from outside: Services.

After `validateService` in `k8s.io/kubernetes/pkg/apis/core/validation`.
"""

import ipaddress
from collections.abc import Iterator
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.metadata import labels_at
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Shape, each, found, no_duplicates

_DEFAULT_TYPE: Final = "ClusterIP"
_HEADLESS: Final = "None"
_AFFINITY_SECONDS: Final = formats.within(1, 86_400)
_NOT_EXTERNAL: Final = ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
_RESERVED: Final = (
    ("is_unspecified", "may not be unspecified"),
    ("is_loopback", "may not be this machine's own"),
    ("is_link_local", "may not be link-local"),
)


def _type(spec: Fields) -> str:
    return spec.get("type") or _DEFAULT_TYPE


def _is_headless(spec: Fields) -> bool:
    return spec.get("clusterIP") == _HEADLESS or untyped.items(spec.get("clusterIPs"))[:1] == [_HEADLESS]


def _by_type(spec: Fields) -> Iterator[Refusal]:
    type_, headless = _type(spec), _is_headless(spec)
    if not spec.get("ports") and not headless and type_ != "ExternalName":
        yield Refusal(("ports",), "required, and absent")
    if headless and type_ in {"LoadBalancer", "NodePort"}:
        yield Refusal(("clusterIP",), f"may not be None for the type {type_}")
    if type_ == "ExternalName":
        yield from _external_name(spec)
    if type_ != "LoadBalancer":
        for field in ("loadBalancerSourceRanges", "allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if spec.get(field) not in (None, []):
                yield Refusal((field,), "may only be set for the type LoadBalancer")


def _external_name(spec: Fields) -> Iterator[Refusal]:
    name = untyped.text(spec.get("externalName")).removesuffix(".")
    if not name:
        yield Refusal(("externalName",), "required for the type ExternalName, and absent")
    elif said := formats.dns_subdomain(name):
        yield Refusal(("externalName",), found(said, name))
    for field in _NOT_EXTERNAL:
        if spec.get(field):
            yield Refusal((field,), "may not be set for the type ExternalName")
    if spec.get("clusterIP"):
        yield Refusal(("clusterIP",), "may not be set for the type ExternalName")


def _ports(spec: Fields) -> Iterator[Refusal]:
    ports = untyped.mappings(spec.get("ports"))
    is_inside = _type(spec) == "ClusterIP"
    numbers, outside = set[Any](), set[Any]()
    for index, port in enumerate(ports):
        if len(list(ports)) > 1 and not port.get("name"):
            yield Refusal(("ports", index, "name"), "required where there are several ports, and absent")
        protocol, node_port = port.get("protocol") or "TCP", port.get("nodePort")
        if node_port and is_inside:
            yield Refusal(("ports", index, "nodePort"), "may not be set for the type ClusterIP")
        if node_port and (protocol, node_port) in outside:
            yield Refusal(("ports", index, "nodePort"), found("stands twice", node_port))
        if (protocol, port.get("port")) in numbers:
            yield Refusal(("ports", index, "port"), found("stands twice", port.get("port")))
        outside.add((protocol, node_port))
        numbers.add((protocol, port.get("port")))


def _affinity(spec: Fields) -> Iterator[Refusal]:
    config = spec.get("sessionAffinityConfig")
    if spec.get("sessionAffinity") == "ClientIP":
        seconds = untyped.at(config, "clientIP", "timeoutSeconds")
        if seconds is not None and (said := _AFFINITY_SECONDS(seconds)):
            yield Refusal(("sessionAffinityConfig", "clientIP", "timeoutSeconds"), found(said, seconds))
    elif config:
        yield Refusal(("sessionAffinityConfig",), "may only be set where sessionAffinity is ClientIP")


def _traffic(spec: Fields) -> Iterator[Refusal]:
    type_, policy = _type(spec), spec.get("externalTrafficPolicy")
    is_reached = type_ in {"LoadBalancer", "NodePort"} or (type_ == "ClusterIP" and spec.get("externalIPs"))
    if policy and not is_reached:
        yield Refusal(("externalTrafficPolicy",), "may only be set for what is reached from outside")
    health = spec.get("healthCheckNodePort")
    if health and (said := formats.port_number(health)):
        yield Refusal(("healthCheckNodePort",), found(said, health))
    elif health and not (type_ == "LoadBalancer" and policy == "Local"):
        said = "may only be set for the type LoadBalancer with externalTrafficPolicy Local"
        yield Refusal(("healthCheckNodePort",), said)


def _addresses(spec: Fields) -> Iterator[Refusal]:
    if _type(spec) == "ExternalName":
        return
    one, several = spec.get("clusterIP"), untyped.texts(spec.get("clusterIPs"))
    if one and several and several[0] != one:
        yield Refusal(("clusterIPs",), found("must begin with clusterIP", several))
    elif several and not one:
        yield Refusal(("clusterIPs",), "must be empty where clusterIP is")
    for address in {*several, *([one] if one else [])}:
        if address != _HEADLESS and (said := formats.ip_address(address)):
            yield Refusal(("clusterIPs" if several else "clusterIP",), found(said, address))
    if len(several) > 2 or (_HEADLESS in several and len(several) > 1):
        yield Refusal(("clusterIPs",), found("may be two addresses, or None alone", several))


def _external_address(value: str) -> str | None:
    if said := formats.ip_address(value):
        return said
    address = ipaddress.ip_address(value)
    return next((said for is_so, said in _RESERVED if getattr(address, is_so)), None)


SHAPES: Final = {
    "core.v1.ServiceSpec": Shape(
        fields={
            "externalIPs": each(_external_address),
            "externalTrafficPolicy": formats.one_of("Cluster", "Local"),
            "internalTrafficPolicy": formats.one_of("Cluster", "Local"),
            "ipFamilies": each(formats.one_of("IPv4", "IPv6")),
            "ipFamilyPolicy": formats.one_of("PreferDualStack", "RequireDualStack", "SingleStack"),
            "loadBalancerClass": formats.label_key,
            "loadBalancerSourceRanges": each(formats.cidr),
            "sessionAffinity": formats.one_of("ClientIP", "None"),
            "trafficDistribution": formats.one_of("PreferClose", "PreferSameNode", "PreferSameZone"),
            "type": formats.one_of("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
        },
        not_empty=("internalTrafficPolicy", "ipFamilyPolicy", "loadBalancerClass", "trafficDistribution"),
        rules=(
            _by_type,
            _ports,
            _affinity,
            _traffic,
            _addresses,
            labels_at("selector"),
            no_duplicates("ports", "name"),
        ),
    ),
    "core.v1.ServicePort": Shape(
        required=("port",),
        fields={
            "appProtocol": formats.label_key,
            "name": formats.dns_label,
            "port": formats.port_number,
            "protocol": formats.one_of("SCTP", "TCP", "UDP"),
            "targetPort": lambda port: formats.port_number_or_name(port) if port else None,
        },
    ),
}
