"""What a reviewer looks for first in a change: which images run, and which kinds are defined."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.diffs import Diff
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.objects import Object
from deploy_orchestrator.manifests.pods import pod_of

_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")


@dataclass(frozen=True, slots=True)
class ImageChange:
    """An image that containers of `objects` run in place of another; None: of none, or none any more."""

    before: str | None
    after: str | None
    objects: tuple[ObjectKey, ...]


@dataclass(frozen=True, slots=True)
class Highlights:
    """The `images` that change; the CustomResourceDefinitions that are `added`, `changed` or `removed`."""

    images: tuple[ImageChange, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def highlights(difference: Diff) -> Highlights:
    """What stands out in a difference; what is the same before and after is left out."""
    together: defaultdict[tuple[str | None, str | None], list[ObjectKey]] = defaultdict(list)
    pairs: list[tuple[ObjectKey, Object | None, Object | None]] = [
        *((each.key, None, each) for each in difference.added),
        *((each.key, each, None) for each in difference.removed),
        *((each.key, each.before, each.after) for each in difference.changed),
    ]
    for key, before, after in sorted(pairs, key=lambda each: each[0]):
        for change in dict.fromkeys(_changes(_images(before), _images(after))):
            together[change].append(key)
    return Highlights(
        images=tuple(ImageChange(*change, tuple(keys)) for change, keys in together.items()),
        added=_definitions(each.key for each in difference.added),
        changed=_definitions(each.key for each in difference.changed),
        removed=_definitions(each.key for each in difference.removed),
    )


def _images(object_: Object | None) -> Mapping[tuple[str, str], str]:
    """The images of an object's pods, by list and name of the containers."""
    pod = pod_of(object_) if object_ else None
    return {
        (each.list, each.name): image
        for each in (pod.containers() if pod else ())
        if (image := untyped.text(each.body.get("image")))
    }


def _changes(
    before: Mapping[tuple[str, str], str], after: Mapping[tuple[str, str], str]
) -> Iterator[tuple[str | None, str | None]]:
    for container in {**before, **after}:
        if before.get(container) != after.get(container):
            yield before.get(container), after.get(container)


def _definitions(keys: Iterable[ObjectKey]) -> tuple[str, ...]:
    return tuple(each.name for each in keys if (each.group, each.kind) == _DEFINITION)
