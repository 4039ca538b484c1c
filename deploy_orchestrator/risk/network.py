"""Who may talk to whom, and under which address others find it."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.manifests import FieldChange, Manifests, NamedPath, Object, ObjectKey, untyped
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.pods import containers_of, labels_of, spec_of
from deploy_orchestrator.risk.reachability import Isolation, policies_of, widened
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict

_POLICY: Final = ("networking.k8s.io", "NetworkPolicy")
_ENTRANCES: Final = {
    ("networking.k8s.io", "Ingress"),
    *(("gateway.networking.k8s.io", f"{kind}Route") for kind in ("GRPC", "HTTP", "TCP", "TLS", "UDP")),
    ("gateway.networking.k8s.io", "Gateway"),
    ("networking.istio.io", "Gateway"),
    ("networking.istio.io", "VirtualService"),
    ("route.openshift.io", "Route"),
    ("traefik.io", "IngressRoute"),
}
_DIRECTIONS: Final = ("ingress", "egress")
_NAMED: Final = 3
_SERVICE_ADDRESS: Final = frozenset(
    [
        "clusterIP",
        "clusterIPs",
        "externalIPs",
        "externalName",
        "externalTrafficPolicy",
        "ipFamilies",
        "ipFamilyPolicy",
        "loadBalancerClass",
        "loadBalancerIP",
        "loadBalancerSourceRanges",
        "ports",
        "selector",
        "type",
    ]
)


class NetworkLoosened(Rule):
    id = "network-loosened"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a NetworkPolicy allows more, covers fewer pods, is removed, or a new one opens something"
    why = "Traffic flows that was kept out until now."
    do = "Check that the opening is needed, and no wider than needed, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            if _is_policy(each) and any(_openings(each, direction) for direction in _DIRECTIONS):
                yield Sighting("a new policy opens something", each.key, ((),))
        for each in change.removed:
            if _is_policy(each):
                yield Sighting("the policy is removed, and what it kept out gets in", each.key, ((),))
        for altered in change.altered:
            paths = _loosened(altered)
            if paths:
                yield Sighting(
                    f"it changes {', '.join(sorted({'.'.join(path[:2]) for path in paths}))}",
                    altered.key,
                    paths,
                )


class NetworkTightened(Rule):
    id = "network-tightened"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a NetworkPolicy allows less than before, or a new one only closes"
    why = "Traffic that something relies on may be cut."
    do = "Check that nobody uses what is closed now, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            if _is_policy(each) and not any(_openings(each, direction) for direction in _DIRECTIONS):
                yield Sighting("a new policy closes", each.key, ((),))
        for altered in change.altered:
            if _is_policy(altered.after):
                loosened = set(_loosened(altered))
                paths = tuple(
                    field.path
                    for field in altered.fields
                    if field.path[0] == "spec" and field.path not in loosened
                )
                if paths:
                    yield Sighting("it allows less", altered.key, paths)


class ReachabilityWidened(Rule):
    id = "reachability-widened"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "pods that stay reach somebody, or are reached by somebody, whom the NetworkPolicies with them kept "
        "out until now: policies change, or labels that they select by"
    )
    why = "Traffic flows that was kept out until now."
    do = "Check that these may speak with each other, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        before = policies_of(change.before.objects) if change.before else []
        if change.before is None or not before:
            return
        after = policies_of(change.after.objects)
        changed = [each.after for each in change.altered]
        policed = any(map(_is_policy, (*change.added, *change.removed, *changed)))
        found: dict[str, list[ObjectKey]] = {}
        for each in change.kept if policed else changed:
            old = change.before_of(each.key)
            if old is None or not spec_of(each):
                continue
            sides = _isolation(old, before, change.before), _isolation(each, after, change.after)
            if words := "; ".join(widened(*sides)):
                found.setdefault(words, []).append(each.key)
        for words, keys in found.items():
            of = f" of {first_few([str(key) for key in keys], _NAMED)}" if len(keys) > 1 else ""
            yield Sighting(f"traffic{of} is let through {words}", keys[0] if len(keys) == 1 else None)


def _isolation(each: Object, policies: Sequence[Object], among: Manifests) -> Isolation:
    namespace = each.namespace or ""
    spaces = (one.labels for one in among.objects if (one.kind, one.name) == ("Namespace", namespace))
    named = {
        f"{untyped.text(port.get('protocol')) or 'TCP'} {untyped.text(port.get('name'))}": number
        for container in containers_of(each)
        for port in untyped.mappings(container.body.get("ports"))
        if isinstance(number := port.get("containerPort"), int)
    }
    return Isolation(namespace, next(spaces, dict[str, str]()), labels_of(each), named, policies)


class AddressChanged(FieldRule):
    id = "address-changed"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "the type, ports, selector or address of a Service changes, or the hosts and routes of an Ingress "
        "or its like"
    )
    why = "Whoever calls it under the old name, port or path no longer finds it, or finds something else."
    do = "Tell those who call it, or serve both for a while, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        group_kind = (altered.key.group, altered.key.kind)
        if group_kind == ("", "Service"):
            concerned = field.path[0] == "spec" and field.path[1:2] and field.path[1] in _SERVICE_ADDRESS
        else:
            concerned = group_kind in _ENTRANCES and field.path[0] == "spec"
        return f"{field.field} changes" if concerned else None


class Exposed(Rule):
    id = "exposed"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "something new is reachable from outside: an Ingress, a route, a Service of type LoadBalancer or "
        "NodePort"
    )
    why = "It can be reached from outside of the cluster."
    do = "Check who can reach it, and that it asks who they are, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            kind = untyped.text(untyped.at(each.body, "spec", "type"))
            if (each.key.group, each.kind) in _ENTRANCES:
                yield Sighting("a new entrance", each.key, ((),))
            elif is_open_service(each):
                yield Sighting(
                    f"a new Service of type {kind}" if kind else "a new Service with external addresses",
                    each.key,
                    ((),),
                )


def _is_policy(each: Object) -> bool:
    return (each.key.group, each.kind) == _POLICY


def is_open_service(each: Object) -> bool:
    spec = untyped.mapping(each.body.get("spec"))
    return (each.key.group, each.kind) == ("", "Service") and (
        spec.get("type") in {"LoadBalancer", "NodePort"} or bool(spec.get("externalIPs"))
    )


def _openings(policy: Object, direction: str) -> list[Any]:
    return untyped.items(untyped.at(policy.body, "spec", direction))


def _loosened(altered: Altered) -> tuple[NamedPath, ...]:
    """The fields of a policy that may let more through: all but those that certainly only close."""
    if not _is_policy(altered.after):
        return ()
    closing = {direction for direction in _DIRECTIONS if _only_closes(altered, direction)}
    if len(closing) == len(_DIRECTIONS):
        closing.add("policyTypes")
    return tuple(
        field.path
        for field in altered.fields
        if field.path[0] == "spec" and field.path[1:2] and field.path[1] not in closing
    )


def _only_closes(altered: Altered, direction: str) -> bool:
    if not _isolates(altered.before, direction):
        return True
    before, after = (_openings(each, direction) for each in (altered.before, altered.after))
    return _isolates(altered.after, direction) and all(
        any(_within(narrow, wide) for wide in before) for narrow in after
    )


def _isolates(policy: Object, direction: str) -> bool:
    """Whether a policy closes what it does not open; without policyTypes it does, for egress only if it
    names some.
    """
    types = untyped.items(untyped.at(policy.body, "spec", "policyTypes"))
    return (
        direction.capitalize() in types
        if types
        else direction == "ingress" or bool(_openings(policy, direction))
    )


def _within(narrow: Any, wide: Any) -> bool:
    """Whether all that one opening lets through, another does too; absent peers or ports are any."""
    return all(
        not untyped.items(untyped.at(wide, part))
        or (
            bool(untyped.items(untyped.at(narrow, part)))
            and all(
                item in untyped.items(untyped.at(wide, part))
                for item in untyped.items(untyped.at(narrow, part))
            )
        )
        for part in ("from", "to", "ports")
    )


RULES = (NetworkLoosened(), NetworkTightened(), ReachabilityWidened(), AddressChanged(), Exposed())
