"""Whose a host name is: who comes to take one that another has is told, also on a first release."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache, partial
from typing import Final

from deploy_orchestrator.manifests import NOTHING, Manifests, Object, untyped
from deploy_orchestrator.outcomes import attempt, values
from deploy_orchestrator.releases import Deployments, Plan, Release
from deploy_orchestrator.risk import HOST_TAKEN, Reason, host_of
from deploy_orchestrator.storage import cache_key
from deploy_orchestrator.terms import Verdict

_FORMAT: Final = "3"
_ROUTES: Final = frozenset({"GRPCRoute", "HTTPRoute", "TLSRoute"})

Hosts = frozenset[str]


def taken(
    deployments: Deployments, key: str, cluster: str, candidate: Manifests, released: Manifests | None
) -> Iterator[Reason]:
    """A reason for each host name of a `candidate` for `key` that its `released` manifests do not have, and
    those of somebody else in the same cluster do, released or waiting.
    """
    new = _noted(deployments, candidate) - (_noted(deployments, released) if released else Hosts())
    others = _others(deployments, key, cluster, new)
    for each in candidate.objects if others else ():
        for host in sorted(_of(each) & others.keys()):
            yield Reason(
                rule=HOST_TAKEN,
                severity=Verdict.NEEDS_APPROVAL,
                object=str(each.key),
                saw=others[host],
                why="Which of them gets its traffic is for the controller to choose, and may change.",
                do="Ask whose it is, then approve, or take another name.",
            )


def is_told(deployments: Deployments, plan: Plan) -> bool:
    """Whether a pending `plan` says of each host that it takes who else has it by now: those that were
    planned at once do not know of each other.
    """
    release = deployments.release(plan.environment, plan.tenant)
    new = _waiting(deployments, plan) - (_released(deployments, release) if release else Hosts())
    told = {each.saw for each in plan.reasons if each.rule == HOST_TAKEN}
    return told.issuperset(_others(deployments, plan.key, plan.cluster, new).values())


def _others(deployments: Deployments, key: str, cluster: str, hosts: Collection[str]) -> dict[str, str]:
    """What is said of those of the `hosts` in a cluster that others than `key` have."""
    if not hosts:
        return {}
    holders = _holders(deployments, deployments.repository.head())
    found = {
        host: sorted({who for each in _alike(host) for who in holders.get((cluster, each), ())} - {key})
        for host in hosts
    }
    return {host: host_of(host, others) for host, others in found.items() if others}


@lru_cache(maxsize=4)
def _holders(deployments: Deployments, head: str | None) -> Mapping[tuple[str, str], set[str]]:
    """Who has each host in each cluster, of what is released or waits at `head`."""
    found: dict[tuple[str, str], set[str]] = {}
    if head is None:
        return found
    looks: list[tuple[Plan | Release, Callable[[], Hosts]]] = [
        *((each, partial(_released, deployments, each)) for each in deployments.releases()),
        *((each, partial(_waiting, deployments, each)) for each in deployments.pending_plans()),
    ]
    for each, look in looks:
        for hosts in values([attempt(look)]):
            for host in hosts:
                found.setdefault((each.cluster, host), set()).add(each.key)
    return found


def _released(deployments: Deployments, release: Release) -> Hosts:
    return _remembered(deployments, release.content, partial(deployments.released_manifests, release))


def _waiting(deployments: Deployments, plan: Plan) -> Hosts:
    def look() -> Manifests:
        return deployments.manifests(plan.environment, plan.tenant) or NOTHING

    return _remembered(deployments, plan.content, look)


def _remembered(deployments: Deployments, content: str, look: Callable[[], Manifests]) -> Hosts:
    """The hosts of manifests, remembered by their content."""
    kept = _kept(deployments, content)
    return _noted(deployments, look()) if kept is None else kept


def _noted(deployments: Deployments, manifests: Manifests) -> Hosts:
    """The hosts of manifests that are at hand, for whoever has no more than their content."""
    kept = _kept(deployments, manifests.content)
    if kept is not None:
        return kept
    hosts = Hosts(host for each in manifests.objects for host in _of(each))
    written = json.dumps(sorted(hosts)).encode()
    deployments.repository.cache("hosts").write(cache_key(_FORMAT, manifests.content), written)
    return hosts


def _kept(deployments: Deployments, content: str) -> Hosts | None:
    kept = deployments.repository.cache("hosts").read(cache_key(_FORMAT, content))
    return None if kept is None else Hosts(json.loads(kept))


def _alike(host: str) -> Iterator[str]:
    """The host itself, and those with a `*` that stand for it, too."""
    yield host
    labels = host.split(".")
    yield from (f"*.{'.'.join(labels[number:])}" for number in range(1, len(labels)))


def _of(each: Object) -> Hosts:
    spec = untyped.mapping(each.body.get("spec"))
    if (each.key.group, each.kind) == ("networking.k8s.io", "Ingress"):
        named = [untyped.text(rule.get("host")) for rule in untyped.mappings(spec.get("rules"))]
        named += (
            host for each in untyped.mappings(spec.get("tls")) for host in untyped.texts(each.get("hosts"))
        )
    elif (each.key.group, each.kind) == ("cert-manager.io", "Certificate"):
        named = [*untyped.texts(spec.get("dnsNames")), untyped.text(spec.get("commonName"))]
    elif each.key.group == "gateway.networking.k8s.io" and each.kind in _ROUTES:
        named = untyped.texts(spec.get("hostnames"))
    else:
        named = []
    return Hosts(host.casefold() for host in named if host)
