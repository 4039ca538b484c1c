"""The names of images in objects of any kind, and others in their place."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from deploy_orchestrator.fleet import ImageMirror
from deploy_orchestrator.manifests.references import ImageReference, NotAnImage

_CONTAINERS: Final = frozenset({"containers", "ephemeralContainers", "initContainers"})


def image_names(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """The name of each container and image volume below `value`, with the image that it names.

    Pods are found in objects of any kind, custom ones included.
    """
    if isinstance(value, Mapping):
        for name, inner in cast(Mapping[str, Any], value).items():
            yield from image_names(inner, name)
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            if isinstance(item, Mapping):
                known = cast(Mapping[str, Any], item)
                if reference := _reference(field, known):
                    yield str(known.get("name", "")), reference
            yield from image_names(item)


def renamed(value: Any, rename: Callable[[str], str], field: str = "") -> Any:
    """`value` with another name in place of each that `image_names` finds in it."""
    if isinstance(value, Mapping):
        known = cast(Mapping[str, Any], value)
        return {name: renamed(inner, rename, name) for name, inner in known.items()}
    if isinstance(value, list):
        return [_renamed(renamed(item, rename), rename, field) for item in cast(list[Any], value)]
    return value


def mirrored(name: ImageReference, mirrors: Iterable[ImageMirror]) -> ImageReference | None:
    """Where an image is read from by the first of the `mirrors` that has it; None where none does."""
    for each in mirrors:
        if name.comes_from(each.of):
            rest = f"{name.registry}/{name.repository}".removeprefix(each.of).strip("/")
            host, _, path = each.to.partition("/")
            repository = "/".join(filter(None, (path, rest)))
            return ImageReference(host, repository, name.tag, name.digest)
    return None


def by_mirrors(mirrors: Iterable[ImageMirror]) -> Callable[[str], str]:
    """The name that an image is read by; what is no name of an image stays as it is."""
    known = tuple(mirrors)

    def name(text: str) -> str:
        try:
            found = mirrored(ImageReference.parse(text), known)
        except NotAnImage:
            return text
        return str(found) if found else text

    return name


def _renamed(item: Any, rename: Callable[[str], str], field: str) -> Any:
    if not isinstance(item, Mapping):
        return item
    known = cast(Mapping[str, Any], item)
    reference = _reference(field, known)
    if reference is None:
        return known
    image: Any = rename(reference)
    if field not in _CONTAINERS:
        image = {**cast(Mapping[str, Any], known["image"]), "reference": image}
    return {**known, "image": image}


def _reference(field: str, item: Mapping[str, Any]) -> str | None:
    image = item.get("image")
    if field == "volumes" and isinstance(image, Mapping):
        image = cast(Mapping[str, Any], image).get("reference")
    elif field not in _CONTAINERS:
        return None
    return image if isinstance(image, str) else None
