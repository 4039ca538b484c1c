"""Nothing reaches a tenant's pods, nor do they reach anything, that no policy names."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import hooks, untyped
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.objects import Manifests, Object

_DIRECTIONS: Final = ("Ingress", "Egress")
_LAST_PORT: Final = 65_535


def _open(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    own, *others = deployment.namespaces
    if deployment.kept_by in (None, deployment.tenant.name):  # Else the keeper brings it, and is held to it.
        for direction in _open_in(own, manifests):
            yield Broken(None, f"no NetworkPolicy denies {direction} to all pods by default")
    for namespace in others:
        for direction in _open_in(namespace, manifests):
            yield Broken(None, f"no NetworkPolicy in {namespace} denies {direction} to all pods by default")


def _open_in(namespace: str, manifests: Manifests) -> Iterator[str]:
    policies = [
        untyped.mapping(object_.body.get("spec"))
        for object_ in manifests.objects
        if (object_.key.group, object_.kind, object_.namespace)
        == ("networking.k8s.io", "NetworkPolicy", namespace)
        and not hooks.is_hook(object_)
    ]
    everywhere = [spec for spec in policies if not untyped.mapping(spec.get("podSelector"))]
    for direction in _DIRECTIONS:
        closed = (
            direction in untyped.texts(spec.get("policyTypes")) and not spec.get(direction.lower())
            for spec in everywhere
        )
        if not any(closed):
            yield direction.lower()


def _wide(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for object_ in manifests.objects:
        if (object_.key.group, object_.kind) == ("networking.k8s.io", "NetworkPolicy"):
            yield from _wide_rules(object_)


def _wide_rules(policy: Object) -> Iterator[Broken]:
    for field, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(untyped.mappings(untyped.at(policy.body, "spec", field))):
            if _is_any(rule.get(peers), _is_anybody) and _is_any(rule.get("ports"), _is_any_port):
                yield Broken(policy.key, f"spec.{field}[{index}] allows everything")


def _is_any(listed: Any, is_all: Callable[[Mapping[str, Any]], bool]) -> bool:
    return not listed or any(map(is_all, untyped.mappings(listed)))


def _is_anybody(peer: Mapping[str, Any]) -> bool:
    """Whether it is every address, or every pod of the cluster."""
    if peer.get("ipBlock"):
        block = untyped.mapping(peer["ipBlock"])
        return untyped.text(block.get("cidr")).endswith("/0") and not block.get("except")
    return peer.get("namespaceSelector") == {} and not peer.get("podSelector")


def _is_any_port(port: Mapping[str, Any]) -> bool:
    first, last = port.get("port"), port.get("endPort")
    return first is None or (first in (0, 1) and last == _LAST_PORT)


MANIFEST_CHECKS = (
    ManifestCheck(
        "default-deny",
        "error",
        "Where no policy denies it, any pod in the cluster may talk to the tenant's.",
        "add a NetworkPolicy with an empty podSelector, policyTypes Ingress and Egress, and no rules",
        _open,
    ),
    ManifestCheck(
        "network-open",
        "error",
        "A rule for any peer and any port undoes the default denial for its pods.",
        "name the peers or the ports",
        _wide,
    ),
)
