"""What runs where: the manifests that the fleet asks for, and those that are released."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from deploy_orchestrator.errors import OrchestratorError, Place
from deploy_orchestrator.fleet import FLEET_FILE, Deployment, Fleet, FleetError, is_image_place
from deploy_orchestrator.images import Running, Standing, below, run_by
from deploy_orchestrator.manifests import ImageReference, Manifests, Workspace, mirrored, render_all
from deploy_orchestrator.outcomes import Outcome, attempt, failures, raised, values
from deploy_orchestrator.releases import Deployments, Release


def candidates(
    fleet: Fleet, wanted: Sequence[Deployment], workspace: Workspace
) -> Iterator[tuple[str, Outcome[Running]]]:
    """What `wanted` deployments of `fleet` would run, by key; an error in place of what cannot be told."""
    for deployment, manifests in render_all(wanted, fleet, workspace):
        cluster = deployment.environment.cluster
        yield deployment.key, attempt(_running, deployment.key, cluster, "candidate", manifests)


@dataclass(frozen=True, slots=True)
class ToMirror:
    """Images by the names that charts give them, each with where it is copied to; those that are `left` where
    they are; and what cannot be told of whom.
    """

    pairs: tuple[tuple[ImageReference, ImageReference], ...]
    left: tuple[ImageReference, ...]
    failures: tuple[tuple[str, OrchestratorError], ...]


def to_mirror(
    fleet: Fleet, wanted: Sequence[Deployment], workspace: Workspace, place: str | None
) -> ToMirror:
    """What `wanted` deployments of `fleet` would run, and where it is copied to: below a `place`, or where
    the fleet's mirrors of images are.

    Raises:
        FleetError: there is neither, or the place is none.
    """
    if place is None and not fleet.image_mirrors:
        raise FleetError(
            "no place is named that images are copied to",
            place=Place(FLEET_FILE, field="imageMirrors"),
            fix="name places there, or one with --to oci://HOST/PATH",
        )
    if place is not None and not is_image_place(place):
        raise FleetError(
            f"{place!r} is no place for images",
            fix="write it as a registry, or a part of one, such as registry.example.com/hub",
        )
    found = list(candidates(replace(fleet, image_mirrors=()), wanted, workspace))
    environments = {each.key: each.environment.name for each in wanted}
    goes: dict[tuple[ImageReference, ImageReference], None] = {}
    left: dict[ImageReference, None] = {}
    for name, runners in run_by(values(each for _, each in found)).items():
        for environment in dict.fromkeys(environments[each.key] for each in runners):
            to = below(place, name) if place else mirrored(name, fleet.image_mirrors_of(environment))
            if to is None:
                left[name] = None
            else:
                goes[name, to] = None
    return ToMirror(tuple(goes), tuple(left), tuple(failures(found)))


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
