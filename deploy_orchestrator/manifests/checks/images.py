"""What runs is what was seen, and from hands that are trusted."""

from collections.abc import Iterator

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.fields import NamedPath, dotted
from deploy_orchestrator.manifests.objects import Manifests, Object
from deploy_orchestrator.manifests.pods import Pod, pod_of
from deploy_orchestrator.manifests.references import ImageReference, NotAnImage


def _images(manifests: Manifests) -> Iterator[tuple[Object, str, ImageReference | NotAnImage]]:
    """The image of each container and volume, or what is wrong with it: the object, the path to it, and what
    it names.
    """
    for pod in filter(None, map(pod_of, manifests.objects)):
        for path, image in _named(pod):
            field = dotted((*pod.path, *path))
            try:
                yield pod.owner, field, ImageReference.parse(image if isinstance(image, str) else "")
            except NotAnImage as error:
                yield pod.owner, field, error


def _named(pod: Pod) -> Iterator[tuple[NamedPath, object]]:
    for container in pod.containers():
        yield (container.list, f"[{container.name}]", "image"), container.body.get("image")
    for volume in untyped.mappings(pod.spec.get("volumes")):
        if volume.get("image") is not None:
            path = "volumes", f"[{volume.get('name')}]", "image", "reference"
            yield path, untyped.at(volume, "image", "reference")


def _unpinned(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for object_, field, image in _images(manifests):
        if isinstance(image, NotAnImage):
            yield Broken(object_.key, f"{field}: {image.what}", image.fix)
        elif not image.pinned:
            yield Broken(object_.key, f"{field}: {image} names no version")


def _foreign(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    allowed = deployment.environment.policy.registries
    for object_, field, image in _images(manifests):
        if allowed and isinstance(image, ImageReference) and not any(map(image.comes_from, allowed)):
            yield Broken(object_.key, f"{field}: {image} comes from none of {', '.join(allowed)}")


MANIFEST_CHECKS = (
    ManifestCheck(
        "image-unpinned",
        "error",
        "Tomorrow the same manifest would run other software, and a rollback would not bring the old back.",
        "give the image a tag other than latest, better a digest",
        _unpinned,
    ),
    ManifestCheck(
        "image-registry",
        "error",
        "The environment's policy names the registries that it trusts.",
        "mirror the image to one of them",
        _foreign,
    ),
)
