"""Whose a host name is: who comes to take one that another has is told, also on a first release."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from deploy_orchestrator.manifests import Manifests, Object, untyped
from deploy_orchestrator.outcomes import attempt, values
from deploy_orchestrator.releases import Deployments, Release
from deploy_orchestrator.risk import Reason
from deploy_orchestrator.storage import cache_key
from deploy_orchestrator.terms import Verdict

RULE: Final = "host-taken"

_FORMAT: Final = "1"
_ROUTES: Final = frozenset({"GRPCRoute", "HTTPRoute", "TLSRoute"})


def taken(
    deployments: Deployments, key: str, cluster: str, candidate: Manifests, released: Manifests | None
) -> Iterator[Reason]:
    """A reason for each host name of a `candidate` for `key` that its `released` manifests do not have, and
    those of somebody else in the same cluster do.
    """
    had = _hosts(released) if released else frozenset[str]()
    wanted = [(each, host) for each in candidate.objects for host in sorted(_of(each)) if host not in had]
    if not wanted:
        return
    holders = _holders(deployments, deployments.repository.head())
    for each, host in wanted:
        others = sorted(other for other in holders.get((cluster, host), ()) if other != key)
        if others:
            yield Reason(
                rule=RULE,
                severity=Verdict.NEEDS_APPROVAL,
                object=str(each.key),
                saw=f"{host} is a host of {', '.join(others)} already",
                why="Which of them gets its traffic is for the controller to choose, and may change.",
                do="Ask whose it is, then approve, or take another name.",
            )


@lru_cache(maxsize=4)
def _holders(deployments: Deployments, head: str | None) -> Mapping[tuple[str, str], set[str]]:
    """Who has each host in each cluster, of what is released at `head`."""
    found: dict[tuple[str, str], set[str]] = {}
    for release in deployments.releases() if head else ():
        for hosts in values([attempt(_released, deployments, release)]):
            for host in hosts:
                found.setdefault((release.cluster, host), set()).add(release.key)
    return found


def _released(deployments: Deployments, release: Release) -> frozenset[str]:
    """The hosts of a release, remembered by Git's own id of its bytes."""
    repository = deployments.repository
    folder = repository.at(release.revision).id(release.path) or ""
    cache, key = repository.cache("hosts"), cache_key(_FORMAT, folder)
    kept = cache.read(key)
    if kept is not None:
        return frozenset(json.loads(kept))
    hosts = _hosts(deployments.released_manifests(release))
    cache.write(key, json.dumps(sorted(hosts)).encode())
    return hosts


def _hosts(manifests: Manifests) -> frozenset[str]:
    return frozenset(host for each in manifests.objects for host in _of(each))


def _of(each: Object) -> frozenset[str]:
    spec = untyped.mapping(each.body.get("spec"))
    if (each.key.group, each.kind) == ("networking.k8s.io", "Ingress"):
        named = [untyped.text(rule.get("host")) for rule in untyped.mappings(spec.get("rules"))]
    elif each.key.group == "gateway.networking.k8s.io" and each.kind in _ROUTES:
        named = untyped.texts(spec.get("hostnames"))
    else:
        named = []
    return frozenset(host.casefold() for host in named if host)
