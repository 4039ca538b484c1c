"""Who reaches whom, by what NetworkPolicies say:
https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/.

Two sets of policies are compared on one of each kind of peer that any of them tells apart: pods by their
labels and those of their namespace, addresses and ports by where ranges begin and end. What lets that one
through lets all of its kind through.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from itertools import product
from math import prod
from typing import Any, Final, Literal

from deploy_orchestrator.manifests import Object, hooks, untyped
from deploy_orchestrator.risk.selecting import selects

Direction = Literal["ingress", "egress"]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_PEERS: Final = 20_000
MAX_TRIES: Final = 200_000
"""Of what would take more, no more is tried: whatever is new is called wider."""
_NAME: Final = "kubernetes.io/metadata.name"
_OTHER: Final = "\0"
"""The value of a label that no selector names."""
_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class PodPeer:
    """Some pod, by its labels and those of its namespace."""

    namespace: Mapping[str, str]
    labels: Mapping[str, str]


Port = tuple[str, int | str]
"""A protocol, and a number or the name of a port that nobody knows the number of."""


@dataclass(frozen=True)
class Opening:
    """What one rule of a policy in a `namespace` lets through: `body` as it stands there, whose ports are
    `named` as the containers do that it is about.
    """

    direction: Direction
    namespace: str
    body: Mapping[str, Any]
    named: Mapping[str, int]

    @cached_property
    def peers(self) -> Sequence[Mapping[str, Any]]:
        """None of them are all."""
        return [*untyped.mappings(self.body.get("from" if self.direction == "ingress" else "to"))]

    @cached_property
    def ports(self) -> Sequence[tuple[str, int | str, int]]:
        """Ranges of ports, by protocol and both ends; none of them are all."""
        return [self._range(each) for each in untyped.mappings(self.body.get("ports"))]

    def lets(self, peer: PodPeer | Address) -> bool:
        return not self.peers or any(self._is(peer, each) for each in self.peers)

    def lets_port(self, port: Port) -> bool:
        return not self.ports or any(_within(port, each) for each in self.ports)

    def _is(self, peer: PodPeer | Address, wanted: Mapping[str, Any]) -> bool:
        if not isinstance(peer, PodPeer):
            inside, *outside = blocks_of(wanted)
            return (
                inside is not None and peer in inside and not any(each and peer in each for each in outside)
            )
        spaces = wanted.get("namespaceSelector")
        if "ipBlock" in wanted:
            return False
        in_space = (
            peer.namespace.get(_NAME) == self.namespace if spaces is None else _chosen(spaces, peer.namespace)
        )
        return in_space and _chosen(wanted.get("podSelector"), peer.labels)

    def _range(self, each: Mapping[str, Any]) -> tuple[str, int | str, int]:
        port, protocol = each.get("port"), untyped.text(each.get("protocol")) or "TCP"
        if isinstance(port, str):
            port = self.named.get(f"{protocol} {port}", port)
        if isinstance(port, str):
            return protocol, port, 0
        if not isinstance(port, int):
            return protocol, 0, _LAST_PORT
        end = each.get("endPort")
        return protocol, port, end if isinstance(end, int) else port

    def __str__(self) -> str:
        peers = " or ".join(map(_peer_in_words, self.peers)) or "anybody"
        ports = ", ".join(_ports_in_words(*each) for each in self.ports) or "any port"
        return f"{'from' if self.direction == 'ingress' else 'to'} {peers}, {ports}"


@dataclass(frozen=True, slots=True)
class Isolation:
    """Pods with these `labels` in a `namespace` (which has labels of its own), under `policies`.

    `named` are the numbers of their ports by protocol and name: `TCP http`.
    """

    namespace: str
    space: Mapping[str, str]
    labels: Mapping[str, str]
    named: Mapping[str, int]
    policies: Sequence[Object]

    def openings(self, direction: Direction) -> tuple[Opening, ...] | None:
        """What is let through; None where nothing is kept out."""
        found: list[Opening] | None = None
        for policy in self.policies:
            spec = untyped.mapping(policy.body.get("spec"))
            if policy.namespace != self.namespace or direction not in _directions(spec):
                continue
            if _chosen(spec.get("podSelector"), self.labels):
                found = found or []
                named = self.named if direction == "ingress" else dict[str, int]()
                rules = untyped.mappings(spec.get(direction))
                found += [Opening(direction, self.namespace, each, named) for each in rules]
        return None if found is None else tuple(found)


def widened(before: Isolation, after: Isolation) -> Iterator[str]:
    """What is let through after, and was not all let through before, in words."""
    for direction in ("ingress", "egress"):
        was, now = before.openings(direction), after.openings(direction)
        if was is None:
            continue
        if now is None:
            now = (Opening(direction, after.namespace, {}, {}),)
        known = {(repr(each.body), str(each.named)) for each in was}
        new = [each for each in now if (repr(each.body), str(each.named)) not in known]
        if new:
            yield from _new_openings(was, new, after)


def _new_openings(was: Sequence[Opening], new: Sequence[Opening], side: Isolation) -> Iterator[str]:
    ports, peers = {*_ports((*was, *new))}, _peers((*was, *new), side)
    if peers is None or len(peers) * len(ports) * len(new) * (len(was) + 1) > MAX_TRIES:
        yield from map(str, new)
        return
    found: dict[str, None] = {}
    for peer in peers:
        let_before = [each for each in was if each.lets(peer)]
        for each in new:
            if str(each) not in found and each.lets(peer):
                let = (port for port in ports if each.lets_port(port))
                if not all(any(one.lets_port(port) for one in let_before) for port in let):
                    found[str(each)] = None
    yield from found


def _peers(openings: Sequence[Opening], side: Isolation) -> Sequence[PodPeer | Address] | None:
    """One of each kind of peer that `openings` tell apart; None where these are too many to go through."""
    wanted = [peer for each in openings for peer in each.peers]
    labels = _vocabulary(peer.get("podSelector") for peer in wanted)
    spaces = _vocabulary(peer.get("namespaceSelector") for peer in wanted)
    names = {*spaces.pop(_NAME, ()), _OTHER} - {None, side.namespace}
    sizes = [len(each) for each in (*labels.values(), *spaces.values())]
    if prod(sizes) * (len(names) + 1) > MAX_PEERS:
        return None
    own = {**side.space, _NAME: side.namespace}
    others = [
        {**told, _NAME: str(name)} for told in _ways(spaces) for name in sorted(str(each) for each in names)
    ]
    pods = [PodPeer(space, told) for space in (own, *others) for told in _ways(labels)]
    return [*pods, *_addresses(wanted)]


def _vocabulary(selectors: Iterable[Any]) -> dict[str, tuple[str | None, ...]]:
    """The values that each label may have to be told apart: those that are named, another one, and none."""
    named: dict[str, set[str]] = {}
    for selector in selectors:
        for key, value in untyped.mapping(untyped.at(selector, "matchLabels")).items():
            named.setdefault(key, set()).add(str(value))
        for each in untyped.mappings(untyped.at(selector, "matchExpressions")):
            named.setdefault(untyped.text(each.get("key")), set()).update(untyped.texts(each.get("values")))
    return {key: (None, _OTHER, *sorted(values)) for key, values in sorted(named.items())}


def _ways(vocabulary: Mapping[str, Sequence[str | None]]) -> Iterator[dict[str, str]]:
    for values in product(*vocabulary.values()):
        yield {key: value for key, value in zip(vocabulary, values, strict=True) if value is not None}


def blocks_of(peer: Mapping[str, Any]) -> tuple[Network | None, ...]:
    """The range of an `ipBlock`, and those that are left out of it; None for what is no range."""
    block = untyped.mapping(peer.get("ipBlock"))
    return tuple(_network(each) for each in (block.get("cidr"), *untyped.items(block.get("except"))))


def _network(text: Any) -> Network | None:
    try:
        return ip_network(untyped.text(text), strict=False)
    except ValueError:
        return None


def _addresses(peers: Iterable[Mapping[str, Any]]) -> set[Address]:
    """The first of each range and the first behind it, of all that addresses are divided into by them."""
    found: set[Address] = {IPv4Address(0), IPv6Address(0)}
    for block in (each for peer in peers for each in blocks_of(peer) if each):
        found.add(block.network_address)
        if int(block.broadcast_address) + 1 < 2**block.max_prefixlen:
            found.add(block.broadcast_address + 1)
    return found


def _ports(openings: Sequence[Opening]) -> Iterator[Port]:
    """The first of each range and the first behind it, for each protocol, and every name."""
    for protocol in _PROTOCOLS:
        starts: set[int | str] = {1}
        for found, start, end in (each for opening in openings for each in opening.ports):
            if found == protocol:
                starts |= {start, end + 1} if isinstance(start, int) else {start}
        yield from ((protocol, each) for each in starts if isinstance(each, str) or 0 < each <= _LAST_PORT)


def _within(port: Port, wanted: tuple[str, int | str, int]) -> bool:
    protocol, start, end = wanted
    if port[0] != protocol:
        return False
    number = port[1]
    if isinstance(start, str) or isinstance(number, str):
        return number == start or (start, end) == (0, _LAST_PORT)
    return start <= number <= end


def _chosen(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether a selector selects by these labels; one that asks for nothing selects all."""
    asked = untyped.mapping(selector)
    return not (asked.get("matchLabels") or asked.get("matchExpressions")) or selects(selector, labels)


def _directions(spec: Mapping[str, Any]) -> tuple[str, ...]:
    types = [each.lower() for each in untyped.texts(spec.get("policyTypes"))]
    return tuple(types) or (("ingress", "egress") if untyped.items(spec.get("egress")) else ("ingress",))


def _peer_in_words(peer: Mapping[str, Any]) -> str:
    if "ipBlock" in peer:
        block = untyped.mapping(peer["ipBlock"])
        left_out = untyped.texts(block.get("except"))
        return untyped.text(block.get("cidr")) + (f" without {', '.join(left_out)}" if left_out else "")
    pods = _selector_in_words(peer.get("podSelector"))
    spaces = peer.get("namespaceSelector")
    if spaces is None:
        return f"{pods} of its namespace"
    return f"{pods} of {_selector_in_words(spaces).replace('pods', 'namespaces')}"


def _selector_in_words(selector: Any) -> str:
    told = [f"{key}={value}" for key, value in untyped.mapping(untyped.at(selector, "matchLabels")).items()]
    for each in untyped.mappings(untyped.at(selector, "matchExpressions")):
        told.append(
            f"{each.get('key')} {each.get('operator')} {' '.join(untyped.texts(each.get('values')))}".strip()
        )
    return f"pods with {', '.join(told)}" if told else "all pods"


def _ports_in_words(protocol: str, start: int | str, end: int) -> str:
    if (start, end) == (0, _LAST_PORT):
        return f"any port of {protocol}"
    return f"{protocol} {start}" + (f"-{end}" if isinstance(start, int) and end != start else "")


def policies_of(objects: Iterable[Object]) -> list[Object]:
    """The NetworkPolicies among them that stay."""
    wanted = ("networking.k8s.io", "NetworkPolicy")
    return [each for each in objects if (each.key.group, each.kind) == wanted and not hooks.is_hook(each)]
