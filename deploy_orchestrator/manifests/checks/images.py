"""What runs is what was seen."""

from collections.abc import Iterator

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests.checks.rule import Broken, Rule
from deploy_orchestrator.manifests.fields import dotted
from deploy_orchestrator.manifests.objects import Manifests
from deploy_orchestrator.manifests.pods import pod_of
from deploy_orchestrator.manifests.references import ImageReference, NotAnImage


def _unpinned(manifests: Manifests, _: Deployment) -> Iterator[Broken]:
    for pod in filter(None, map(pod_of, manifests.objects)):
        for container in pod.containers():
            where, image = dotted(container.path), container.body.get("image")
            try:
                if not isinstance(image, str) or not ImageReference.parse(image).pinned:
                    yield Broken(pod.owner.key, f"{where}.image {image!r} names no version")
            except NotAnImage as error:
                yield Broken(pod.owner.key, f"{where}: {error.what}", error.fix)


RULES = (
    Rule(
        "image-unpinned",
        "error",
        "Tomorrow the same manifest would run other software, and a rollback would not bring the old back.",
        "give the image a tag other than latest, better a digest",
        _unpinned,
    ),
)
