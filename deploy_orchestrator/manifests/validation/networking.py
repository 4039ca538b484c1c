"""Who reaches whom: Ingresses and NetworkPolicies.

After `k8s.io/kubernetes/pkg/apis/networking/validation`.
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
)

_CLASS: Final = "kubernetes.io/ingress.class"
_NOT_IN_PATHS: Final = ("//", "/./", "/../", "%2f", "%2F")
_NOT_AT_THEIR_END: Final = ("/..", "/.")
_MAX_CONTROLLER: Final = 250


def _host(value: str) -> str | None:
    if formats.ip_address(value) is None:
        return "must be a name, not an address"
    return _tls_host(value)


def _tls_host(value: str) -> str | None:
    if "*" not in value:
        return formats.dns_subdomain(value)
    first, _, rest = value.partition(".")
    return None if first == "*" and rest and not formats.dns_subdomain(rest) else "must be *. and a name"


def _ingress(spec: Fields) -> Iterator[Refusal]:
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        yield Refusal(("rules",), "needs rules or a defaultBackend")


def _class(ingress: Fields) -> Iterator[Refusal]:
    annotated = untyped.mapping(untyped.at(ingress, "metadata", "annotations")).get(_CLASS)
    named = untyped.at(ingress, "spec", "ingressClassName")
    if annotated is not None and named is not None and annotated != named:
        yield Refusal(("spec", "ingressClassName"), found(f"must be the annotation's {annotated}", named))


def _path(given: Fields) -> Iterator[Refusal]:
    path, type_ = untyped.text(given.get("path")), given.get("pathType")
    if type_ in {"Exact", "Prefix"}:
        if not path.startswith("/"):
            yield Refusal(("path",), found("must begin with /", path))
        for part in _NOT_IN_PATHS:
            if part in path:
                yield Refusal(("path",), found(f"must not have {part} in it", path))
        if path.endswith(_NOT_AT_THEIR_END):
            yield Refusal(("path",), found("must not end with /. or /..", path))
    elif path and not path.startswith("/"):
        yield Refusal(("path",), found("must begin with /", path))


def _port(port: Fields) -> Iterator[Refusal]:
    if port.get("name") and port.get("number"):
        yield Refusal((), "may not have both name and number")
    elif not port.get("name") and not port.get("number"):
        yield Refusal((), "needs a name or a number")


def _backend(backend: Fields) -> Iterator[Refusal]:
    service = untyped.mapping(backend.get("service"))
    if service and service.get("port") is None:
        yield Refusal(("service", "port"), "required, and absent")


def _policy_port(given: Fields) -> Iterator[Refusal]:
    port, end = given.get("port"), given.get("endPort")
    if end is None:
        return
    if not isinstance(port, int):
        yield Refusal(("endPort",), "may only be set where port is a number")
    elif end < port:
        yield Refusal(("endPort",), found(f"must be at least {port}", end))


def _peer(peer: Fields) -> Iterator[Refusal]:
    present = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(name) is not None]
    if not present:
        yield Refusal((), "needs a peer")
    elif "ipBlock" in present and len(present) > 1:
        yield Refusal(("ipBlock",), "may not stand beside a selector")


def _block(block: Fields) -> Iterator[Refusal]:
    range_ = formats.network(block.get("cidr"))
    for index, text in enumerate(untyped.texts(block.get("except"))):
        left_out = formats.network(text)
        if range_ is None or left_out is None:
            continue
        is_within = range_.version == left_out.version and left_out.network_address in range_
        if not is_within or left_out.prefixlen <= range_.prefixlen:
            yield Refusal(("except", index), found(f"must be a part of {block['cidr']}", text))


def _parameters(reference: Fields) -> Iterator[Refusal]:
    is_namespaced = reference.get("scope") == "Namespace"
    if is_namespaced and is_absent(reference.get("namespace")):
        yield Refusal(("namespace",), "required for the scope Namespace, and absent")
    elif not is_namespaced and reference.get("namespace") is not None:
        yield Refusal(("namespace",), "may only be set for the scope Namespace")


def _policy_types(value: Any) -> str | None:
    return "may be two" if len(value) > 2 else each(formats.one_of("Egress", "Ingress"))(value)


def _controller(value: str) -> str | None:
    too_long = len(value) > _MAX_CONTROLLER
    said = f"must be no more than {_MAX_CONTROLLER} characters"
    return said if too_long else formats.domain_prefixed_path(value)


SHAPES: Final = {
    "networking.v1.Ingress": Shape(rules=(_class,)),
    "networking.v1.IngressSpec": Shape(
        fields={"ingressClassName": formats.dns_subdomain},
        not_empty=("ingressClassName",),
        rules=(_ingress,),
    ),
    "networking.v1.IngressTLS": Shape(fields={"hosts": each(_tls_host), "secretName": formats.dns_subdomain}),
    "networking.v1.IngressRule": Shape(fields={"host": _host}),
    "networking.v1.HTTPIngressRuleValue": Shape(required=("paths",)),
    "networking.v1.HTTPIngressPath": Shape(
        required=("pathType",),
        fields={"pathType": formats.one_of("Exact", "ImplementationSpecific", "Prefix")},
        rules=(_path,),
    ),
    "networking.v1.IngressBackend": Shape(rules=(exactly_one("resource", "service", of="backend"), _backend)),
    "networking.v1.IngressServiceBackend": Shape(required=("name",), fields={"name": formats.dns_label}),
    "networking.v1.ServiceBackendPort": Shape(
        fields={
            "name": formats.port_name,
            "number": lambda port: formats.port_number(port) if port else None,
        },
        rules=(_port,),
    ),
    "networking.v1.IngressClassSpec": Shape(required=("controller",), fields={"controller": _controller}),
    "networking.v1.IngressClassParametersReference": Shape(
        required=("kind", "name"),
        fields={
            "apiGroup": formats.dns_subdomain,
            "kind": formats.path_segment,
            "name": formats.path_segment,
            "scope": formats.one_of("Cluster", "Namespace"),
        },
        rules=(_parameters,),
    ),
    "networking.v1.NetworkPolicySpec": Shape(fields={"policyTypes": _policy_types}),
    "networking.v1.NetworkPolicyPort": Shape(
        fields={
            "port": formats.port_number_or_name,
            "endPort": formats.port_number,
            "protocol": formats.one_of("SCTP", "TCP", "UDP"),
        },
        not_empty=("protocol",),
        rules=(_policy_port,),
    ),
    "networking.v1.NetworkPolicyPeer": Shape(rules=(_peer,)),
    "networking.v1.IPBlock": Shape(
        required=("cidr",),
        fields={"cidr": formats.cidr, "except": each(formats.cidr)},
        rules=(_block,),
    ),
}
