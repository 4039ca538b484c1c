"""Manifests, indexes and configurations of images, as registries send them: parsed, bounded, contradictions
refused.

https://github.com/opencontainers/image-spec, https://distribution.github.io/distribution/spec/manifest-v2-2/
"""

import hashlib
import re
from typing import Annotated, Final, TypeVar

import msgspec

from deploy_orchestrator.images.errors import ImageInvalid
from deploy_orchestrator.registries import MANIFEST, RepositoryError, decoded

INDEX: Final = "application/vnd.oci.image.index.v1+json"
INDEXES: Final = frozenset({INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"})
MANIFESTS: Final = frozenset({MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"})
CONFIGURATIONS: Final = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
ACCEPTED: Final = ", ".join(sorted(INDEXES | MANIFESTS))

MAX_MEMBERS: Final = 256
"""How many manifests an index may name, and layers an image may have."""

_NONE: Final = msgspec.Raw(b"null")
_Read = TypeVar("_Read", bound=msgspec.Struct)
_SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


Word = Annotated[str, msgspec.Meta(max_length=64)]


class Platform(msgspec.Struct, frozen=True):
    """An operating system and a processor, as `linux/arm64/v8`."""

    os: Word
    architecture: Word
    variant: Word = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class Descriptor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a manifest or an index says of bytes elsewhere in the registry: their digest and their size."""

    digest: str
    size: int
    media_type: str = ""
    platform: Platform | None = None
    annotations: dict[str, str] | None = None
    artifact_type: str = ""


class ImageIndex(msgspec.Struct, frozen=True, rename="camel"):
    """Manifests that go by one name: of an image for several platforms, or what refers to one."""

    manifests: tuple[Descriptor, ...]
    media_type: str = ""
    artifact_type: str = ""
    annotations: dict[str, str] | None = None
    subject: Descriptor | None = None


class ImageManifest(msgspec.Struct, frozen=True, rename="camel"):
    """The configuration and the layers of an image for one platform, or of another artifact."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = ""
    artifact_type: str = ""
    annotations: dict[str, str] | None = None
    subject: Descriptor | None = None


class Run(msgspec.Struct, frozen=True):
    """What an image starts, and as whom."""

    user: str = msgspec.field(default="", name="User")
    entrypoint: tuple[str, ...] | None = msgspec.field(default=None, name="Entrypoint")
    command: tuple[str, ...] | None = msgspec.field(default=None, name="Cmd")
    ports: dict[str, object] | None = msgspec.field(default=None, name="ExposedPorts")


class BuildStep(msgspec.Struct, frozen=True):
    """A step of a build: what was done, and whether that made no layer."""

    created_by: str | None = None
    empty_layer: bool | None = None


class ImageConfiguration(msgspec.Struct, frozen=True):
    """The configuration of an image."""

    os: Word
    architecture: Word
    variant: Word = ""
    created: str | None = None
    run: Run | None = msgspec.field(default=None, name="config")
    history: tuple[BuildStep, ...] | None = None


class _Shape(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int | None = None
    media_type: str = ""
    manifests: msgspec.Raw = _NONE
    config: msgspec.Raw = _NONE
    layers: msgspec.Raw = _NONE


def parsed(body: bytes, content_type: str, about: str) -> ImageIndex | ImageManifest:
    """A manifest or an index, as what both it and the registry's `content_type` say that it is.

    Raises:
        ImageInvalid: it is neither, both at once, of schema 1, or larger than an image's may be.
    """
    sent = content_type.partition(";")[0].strip().lower()
    shape = _read(body, _Shape, about)
    if shape.schema_version == 1 or sent.startswith(_SCHEMA_1):
        raise ImageInvalid(
            f"{about} is a manifest of schema 1, which runtimes no longer take",
            fix="build it anew, or copy it with a tool that makes an OCI image of it",
        )
    is_index = shape.manifests != _NONE
    is_manifest = shape.config != _NONE or shape.layers != _NONE
    kinds = {said in INDEXES for said in (sent, shape.media_type) if said in INDEXES | MANIFESTS}
    if (is_index and is_manifest) or not kinds <= {is_index}:
        raise ImageInvalid(f"{about} can be read as a manifest and as an index, so that nobody knows which")
    if shape.schema_version != 2:
        raise ImageInvalid(f"{about} is no manifest of an image: it names no schemaVersion 2")
    found = _read(body, ImageIndex if is_index else ImageManifest, about)
    named = found.manifests if isinstance(found, ImageIndex) else (found.config, *found.layers)
    if len(named) > MAX_MEMBERS:
        raise ImageInvalid(f"{about} names {len(named):,} parts, more than {MAX_MEMBERS}")
    for each in named:
        if not _DIGEST.fullmatch(each.digest) or each.size < 0:
            raise ImageInvalid(f"{about} names a part by no digest and size: {each.digest[:80]!r}")
    return found


def index(members: tuple[Descriptor, ...]) -> bytes:
    """An index of these."""
    return msgspec.json.encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": members})


def configuration(body: bytes, about: str) -> ImageConfiguration:
    """The configuration of an image. Raises ImageInvalid for what is none."""
    return _read(body, ImageConfiguration, about)


def is_content_digest(text: str) -> bool:
    """Whether `text` is a digest that bytes can be held against here: SHA-256 or SHA-512."""
    return _DIGEST.fullmatch(text) is not None


def require(body: bytes, digest: str, size: int | None, about: str) -> None:
    """Raises ImageInvalid where `body` is not the bytes of that `digest` and `size`."""
    if size is not None and len(body) != size:
        raise ImageInvalid(f"{about} has {len(body):,} bytes in the registry, and is said to have {size:,}")
    if digest_of(body, digest) != digest:
        raise ImageInvalid(f"{about}: the registry sends other bytes than those of {digest}")


def digest_of(body: bytes, like: str = "sha256:") -> str:
    """The digest of `body`, by the algorithm of the one that it is to be held against."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def _read(body: bytes, kind: type[_Read], about: str) -> _Read:
    try:
        return decoded(body, kind, about)
    except RepositoryError as error:
        raise ImageInvalid(f"{about} is {error.what}") from error
