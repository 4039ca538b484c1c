"""The container images that manifests name, wherever pods are described."""

from collections import defaultdict
from dataclasses import dataclass

from deploy_orchestrator.errors import Place
from deploy_orchestrator.manifests import ImageReference, Manifests, NotAnImage, ObjectKey, image_names


@dataclass(frozen=True, slots=True)
class Use:
    """A container or an image volume called `name` in an object."""

    object: ObjectKey
    name: str

    def __str__(self) -> str:
        return f"{self.object} ({self.name})"


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its `reference` as manifests give it, its parts as a runtime fills them in, its users."""

    reference: str
    registry: str
    repository: str
    tag: str | None
    digest: str | None
    pinned: bool
    used_by: tuple[Use, ...]

    @property
    def name(self) -> ImageReference:
        """What a runtime asks for."""
        return ImageReference(self.registry, self.repository, self.tag, self.digest)


def images(manifests: Manifests) -> list[Image]:
    """Every image that the manifests name, once a spelling, by registry, repository, tag and digest.

    Pods are found in objects of any kind, custom ones included.

    Raises:
        NotAnImage: a container names what no runtime takes for an image.
    """
    users: defaultdict[str, list[Use]] = defaultdict(list)
    for object_ in manifests.objects:
        for name, reference in image_names(object_.body):
            users[reference].append(Use(object_.key, name))
    found = [_image(reference, tuple(uses)) for reference, uses in users.items()]
    return sorted(found, key=lambda each: (each.registry, each.repository, each.tag or "", each.digest or ""))


def _image(text: str, uses: tuple[Use, ...]) -> Image:
    try:
        reference = ImageReference.parse(text)
    except NotAnImage as error:
        raise NotAnImage(
            error.what, place=Place(uses[0].object.file, field=uses[0].name), fix=error.fix
        ) from error
    return Image(
        reference=text,
        registry=reference.registry,
        repository=reference.repository,
        tag=reference.tag,
        digest=reference.digest,
        pinned=reference.pinned,
        used_by=uses,
    )
