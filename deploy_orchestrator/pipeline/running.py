"""What runs where: the manifests that the fleet asks for, and those that are released."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.images import Running, Standing, run_by
from deploy_orchestrator.manifests import Manifests, Workspace, render_all
from deploy_orchestrator.outcomes import Outcome, attempt, raised
from deploy_orchestrator.releases import Deployments, Release


def candidates(
    fleet: Fleet, wanted: Sequence[Deployment], workspace: Workspace
) -> Iterator[tuple[str, Outcome[Running]]]:
    """What `wanted` deployments of `fleet` would run, by key; an error in place of what cannot be told."""
    for deployment, manifests in render_all(wanted, fleet, workspace):
        cluster = deployment.environment.cluster
        yield deployment.key, attempt(_running, deployment.key, cluster, "candidate", manifests)


def released(releases: Sequence[Release], deployments: Deployments) -> Iterator[tuple[str, Outcome[Running]]]:
    """What is released, by key; an error in place of what cannot be read."""
    for release in releases:
        manifests = attempt(deployments.released_manifests, release)
        digests = release.images or {}
        yield release.key, attempt(_running, release.key, release.cluster, "released", manifests, digests)


def _running(
    key: str,
    cluster: str,
    standing: Standing,
    manifests: Outcome[Manifests],
    digests: Mapping[str, str] = MappingProxyType({}),
) -> Running:
    found = Running(key, cluster, standing, raised(manifests), digests)
    run_by([found])
    return found
