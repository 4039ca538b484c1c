"""Every image of many deployments, as the registries have it, with what they share where they run."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from deploy_orchestrator.images.inventory import Use, images
from deploy_orchestrator.images.published import Published
from deploy_orchestrator.images.remote import RemoteImages
from deploy_orchestrator.manifests import ImageReference, Manifests
from deploy_orchestrator.outcomes import Outcome, in_order

AT_A_TIME: Final = 16

Standing = Literal["candidate", "released"]
"""Whether manifests are what the fleet asks for, or what is released."""


@dataclass(frozen=True, slots=True)
class Running:
    """The manifests of the deployment `key`, in a `cluster`, and the `digests` that names of their images led
    to when they were released, as far as that was written down.
    """

    key: str
    cluster: str
    standing: Standing
    manifests: Manifests
    digests: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Runner:
    """Who runs an image: a deployment, in a cluster, by what is released or asked for."""

    key: str
    cluster: str
    standing: Standing
    use: Use


@dataclass(frozen=True, slots=True)
class AuditedImage:
    """An image by the name that manifests give it, who runs it, and what its registry has under that name;
    or why nobody can tell.
    """

    name: ImageReference
    run_by: tuple[Runner, ...]
    found: Outcome[Published]

    @property
    def deployments(self) -> tuple[str, ...]:
        """The keys of those who run it."""
        return tuple(dict.fromkeys(each.key for each in self.run_by))


def run_by(running: Iterable[Running]) -> dict[ImageReference, tuple[Runner, ...]]:
    """Every image that manifests name, with who runs it, by registry, repository, tag and digest.

    Raises:
        NotAnImage: a container names what no runtime takes for an image.
    """
    found: defaultdict[ImageReference, list[Runner]] = defaultdict(list)
    for each in running:
        for image in images(each.manifests):
            found[image.name] += (Runner(each.key, each.cluster, each.standing, use) for use in image.used_by)
    return {name: tuple(found[name]) for name in sorted(found, key=str)}


def audit(named: Mapping[ImageReference, tuple[Runner, ...]], remote: RemoteImages) -> Iterator[AuditedImage]:
    """What the registries have of each image, in their order, many at a time; an error in place of one."""
    for name, found in in_order(remote.published, named, AT_A_TIME):
        yield AuditedImage(name, named[name], found)


@dataclass(frozen=True, slots=True)
class Weight:
    """What an image adds to a cluster, in bytes of its largest platform: layers that others there have, too,
    and those that it has `alone`.
    """

    shared: int
    alone: int


def weights(audited: Iterable[AuditedImage]) -> dict[tuple[str, str], Weight]:
    """What each image weighs in each cluster that it runs in, by its digest and the cluster's name."""
    layers: defaultdict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for each in audited:
        if isinstance(each.found, Published):
            sizes = {layer.digest: layer.size for layer in each.found.largest.layers}
            for runner in each.run_by:
                layers[runner.cluster][each.found.digest] = sizes
    found: dict[tuple[str, str], Weight] = {}
    for cluster, there in layers.items():
        users = _users(there.values())
        found |= {(digest, cluster): _weight(sizes, users) for digest, sizes in there.items()}
    return found


def total(audited: Iterable[AuditedImage]) -> int:
    """What all of them take to download to a place where nothing is yet, each layer once, in bytes."""
    found = (each.found.largest.layers for each in audited if isinstance(each.found, Published))
    return sum({layer.digest: layer.size for layers in found for layer in layers}.values())


def _users(images: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for sizes in images:
        for digest in sizes:
            counts[digest] += 1
    return counts


def _weight(sizes: Mapping[str, int], users: Mapping[str, int]) -> Weight:
    shared = sum(size for digest, size in sizes.items() if users[digest] > 1)
    return Weight(shared, sum(sizes.values()) - shared)
