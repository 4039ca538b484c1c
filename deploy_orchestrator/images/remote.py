"""Read images from the registries that they are in: nothing of a layer but its last bytes is pulled."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import msgspec

from deploy_orchestrator.fleet import Fleet
from deploy_orchestrator.images import attachments, oci
from deploy_orchestrator.images.errors import ImageInvalid, ImageMissing
from deploy_orchestrator.images.published import Attached, Layer, Published, Variant
from deploy_orchestrator.manifests import DOCKER_HUB, ImageReference, Workspace
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.registries import (
    MAX_ANSWER_BYTES,
    Answer,
    Egress,
    Internet,
    Login,
    NoAnswer,
    Registry,
    RepositoryUnreachable,
    Web,
    login,
)
from deploy_orchestrator.storage import Cache, cache_key

FRESH: Final = timedelta(minutes=10)
"""For how long what refers to an image is not asked for again; the image itself always is."""

_HUB: Final = "registry-1.docker.io"
_FORMAT: Final = "4"
_MAX_DEPTH: Final = 3
_MAX_LAYERS: Final = 4_096
_MAX_DIGITS: Final = 15
_MAX_TOLD: Final = 200
"""Characters of what an image says of itself that are kept."""
_MAX_PAGES: Final = 10
_SILENT: Final = 3
"""After how many reads in a row that a registry leaves without an answer nothing more is asked of it."""

_FIX: Final = "check the registry and the network, then run this again"

_LEFT_ALONE: Final = 60.0
"""Seconds after which it is asked again."""

_SHELL: Final = "/bin/sh -c #(nop)"
"""How builders begin to tell a step that ran nothing."""
_UNPACKED: Final = "io.containers.estargz.uncompressed-size"
_NO_LAYER: Final = "nondistributable", "foreign"
_EARLIEST: Final = 2000
"""The first year that is believed as the time of a build; earlier ones stand for no time at all."""


class _Absent(Exception):
    """A member of an index that is not there."""


class RemoteImages:
    """Images in registries; what a digest fixes is kept in `cache`. Safe for several threads.

    A registry that falls silent is asked nothing more after a few tries.
    """

    def __init__(
        self, web: Web, cache: Cache | None = None, logins: Callable[[str], Login | None] = login
    ) -> None:
        self._web = web
        self._cache = cache or Cache()
        self._logins = logins
        self._registries: dict[str, Registry] = {}
        self._layers: dict[tuple[str, str, str], Layer] = {}
        self._silent: dict[str, tuple[int, float]] = {}

    def digest(self, image: ImageReference) -> str:
        """What the name of `image` leads to now.

        Raises:
            ImageMissing: to nothing.
            ImageInvalid: the registry answers a digest with another one.
            RepositoryError: the registry cannot be asked.
        """
        name = image.digest or image.tag or "latest"
        if image.digest and not oci.is_content_digest(image.digest):
            raise ImageInvalid(f"{image}: nothing can be held against a digest of that kind")
        answer = self._ask(image, f"manifests/{name}", method="HEAD", headers={"Accept": oci.ACCEPTED})
        if answer.status == 404:
            raise ImageMissing(
                f"{image} is not in {image.registry}",
                fix="push it, or name one that is there",
            )
        told = answer.headers.get("docker-content-digest", "")
        if image.digest:
            if told and told != image.digest:
                raise ImageInvalid(f"{image}: the registry calls it {told[:80]}")
            return image.digest
        if oci.is_content_digest(told):
            return told
        return oci.digest_of(self._found(image, f"manifests/{name}", {"Accept": oci.ACCEPTED}).body)

    def is_of_tag(self, image: ImageReference) -> bool:
        """Whether the name of `image` has no digest, or a tag that the registry says leads to it."""
        if image.digest is None:
            return True
        return image.tag is not None and attempt(self.digest, replace(image, digest=None)) == image.digest

    def manifest(
        self, image: ImageReference, digest: str, size: int | None = None
    ) -> tuple[oci.ImageIndex | oci.ImageManifest, Answer]:
        """The manifest or the index of that `digest` in the image's repository, and as it was sent.

        Raises:
            ImageMissing, ImageInvalid: it is not there, or not what it is said to be.
            RepositoryError: the registry cannot be asked.
        """
        answer = self._found(image, f"manifests/{digest}", {"Accept": oci.ACCEPTED})
        about = f"{_place(image)}@{digest}"
        oci.require(answer.body, digest, size, about)
        return oci.parsed(answer.body, answer.headers.get("content-type", ""), about), answer

    def published(self, image: ImageReference) -> Published:
        """All that the registry tells of an image. Raises as `digest` and `manifest`."""
        digest = self.digest(image)
        key = cache_key(_FORMAT, _place(image), digest)
        kept = self._cache.of("images").read(key)
        if kept is None:
            found = self._read(image, digest)
            if not found.absent:
                self._cache.of("images").write(key, msgspec.json.encode(found))
        else:
            found = msgspec.json.decode(kept, type=Published)
        attached = attachments.united([found.attached, self._attached(image, digest, key)])
        return msgspec.structs.replace(found, attached=attached)

    def referrers(self, image: ImageReference, digest: str) -> tuple[oci.Descriptor, ...]:
        """What refers to `digest` in the image's repository, as far as the registry or a tag lists it.

        Raises:
            ImageInvalid: the list is none.
            RepositoryError: the registry cannot be asked.
        """
        found: list[oci.Descriptor] = []
        path = f"referrers/{digest}"
        for _ in range(_MAX_PAGES):
            answer = self._ask(image, path, headers={"Accept": oci.INDEX}, accept=(200, 400, 404, 405))
            if answer.status != 200:
                path = f"manifests/{attachments.legacy_tag(digest)}"
                answer = self._ask(image, path, headers={"Accept": oci.INDEX})
                if answer.status == 404:
                    return tuple(found)
            listed = oci.parsed(answer.body, oci.INDEX, f"what refers to {_place(image)}@{digest}")
            found += listed.manifests if isinstance(listed, oci.ImageIndex) else ()
            following = _next(answer, image.repository)
            if following is None:
                break
            path = following
        return tuple(found)

    def has(self, image: ImageReference, tag: str) -> bool:
        """Whether the image's repository has a `tag`. Raises RepositoryError."""
        answer = self._ask(image, f"manifests/{tag}", method="HEAD", headers={"Accept": oci.ACCEPTED})
        return answer.status == 200

    def registry(self, host: str) -> Registry:
        """The registry that images of `host` are in; Docker Hub's is on another one."""
        if host not in self._registries:
            url = f"oci://{_HUB if host == DOCKER_HUB else host}"
            self._registries[host] = Registry(url, url, self._web, self._logins)
        return self._registries[host]

    def _read(self, image: ImageReference, digest: str) -> Published:
        variants: list[Variant] = []
        within: list[Attached] = []
        absent: list[str] = []
        walk = _Walk(self, image, absent)
        layers = 0
        for each, manifest, size in walk.below(oci.Descriptor(digest=digest, size=0)):
            layers += len(manifest.layers)
            if layers > _MAX_LAYERS:
                raise ImageInvalid(f"{image} names more than {_MAX_LAYERS:,} layers")
            if attachments.is_attestation(each):
                within.append(attachments.told_within(manifest))
            elif manifest.config.media_type not in oci.CONFIGURATIONS:
                if each.digest == digest:
                    raise ImageInvalid(f"{image} is no image, but {manifest.config.media_type[:80]!r}")
            else:
                variants.append(self._variant(image, each, manifest, size))
        if not variants:
            if absent:
                raise ImageMissing(f"{image} is there for none of its platforms", fix="push the image again")
            raise ImageInvalid(f"{image} is an index that names no image")
        return Published(digest, tuple(variants), attachments.united(within), tuple(absent))

    def _variant(
        self, image: ImageReference, described: oci.Descriptor, manifest: oci.ImageManifest, size: int
    ) -> Variant:
        about = f"the configuration of {_place(image)}@{described.digest}"
        body = self._found(image, f"blobs/{manifest.config.digest}").body
        oci.require(body, manifest.config.digest, manifest.config.size, about)
        config = oci.configuration(body, about)
        run = config.run or oci.Run()
        built_for = oci.Platform(config.os, config.architecture, config.variant)
        return Variant(
            platform=described.platform or built_for,
            built_for=built_for,
            digest=described.digest,
            layers=tuple(
                msgspec.structs.replace(self._layer(image, each), made_by=step)
                for each, step in zip(manifest.layers, _steps(config, len(manifest.layers)), strict=True)
            ),
            overhead=size + len(body),
            created=_moment(config.created),
            user=run.user[:_MAX_TOLD],
            entrypoint=_few(run.entrypoint or ()),
            command=_few(run.command or ()),
            ports=_few(sorted(run.ports or ())),
        )

    def _layer(self, image: ImageReference, layer: oci.Descriptor) -> Layer:
        key = (image.registry, image.repository, layer.digest)
        known = self._layers.get(key)
        if known is None or known.size != layer.size:
            known = self._layers[key] = self._look(image, layer)
        return known

    def _look(self, image: ImageReference, layer: oci.Descriptor) -> Layer:
        """A layer that the registry has, in the size that the manifest gives it."""
        if any(each in layer.media_type for each in _NO_LAYER):
            return Layer(layer.digest, layer.size, None, False)
        told = _count((layer.annotations or {}).get(_UNPACKED, ""))
        count = None if told is None else _plausible(told, layer.size)
        if layer.media_type.endswith("gzip") and count is None and layer.size:
            ending = self._ending(image, layer)
            return Layer(layer.digest, layer.size, _inflated(ending, layer.size), False)
        self._require_size(image, layer)
        is_plain = layer.media_type.endswith(".tar")
        return Layer(layer.digest, layer.size, layer.size if is_plain else count, is_plain)

    def _ending(self, image: ImageReference, layer: oci.Descriptor) -> bytes:
        """The last four bytes of a layer; none where the registry gives no parts."""
        headers = {"Range": "bytes=-4", "Accept-Encoding": "identity"}
        try:
            answer = self._ask(image, f"blobs/{layer.digest}", headers=headers, accept=(206, 404))
        except RepositoryUnreachable:
            self._require_size(image, layer)
            return b""
        self._require_there(image, layer, answer)
        self._require_told(image, layer, answer.headers.get("content-range", "").rpartition("/")[2])
        return answer.body

    def _require_size(self, image: ImageReference, layer: oci.Descriptor) -> None:
        answer = self._ask(
            image, f"blobs/{layer.digest}", method="HEAD", headers={"Accept-Encoding": "identity"}
        )
        self._require_there(image, layer, answer)
        self._require_told(image, layer, answer.headers.get("content-length", ""))

    def _require_there(self, image: ImageReference, layer: oci.Descriptor, answer: Answer) -> None:
        if answer.status == 404:
            raise ImageMissing(
                f"{_place(image)} has no layer {layer.digest}, which its manifest names",
                fix="push the image again",
            )

    def _require_told(self, image: ImageReference, layer: oci.Descriptor, told: str) -> None:
        if (count := _count(told)) is not None and count != layer.size:
            raise ImageInvalid(
                f"{_place(image)}: the layer {layer.digest} has {count:,} bytes in the registry, "
                f"and is said to have {layer.size:,}"
            )

    def _attached(self, image: ImageReference, digest: str, key: str) -> Attached:
        cache = self._cache.of("attached")
        if kept := cache.read(key):
            at, found = msgspec.json.decode(kept, type=tuple[float, Attached])
            if 0 <= time.time() - at < FRESH.total_seconds():
                return found
        found = attachments.told(self.referrers(image, digest))
        if not found.signatures and self.has(image, attachments.legacy_tag(digest, "sig")):
            found = attachments.united([found, Attached(signatures=("cosign tag",))])
        if not found.sboms and self.has(image, attachments.legacy_tag(digest, "sbom")):
            found = attachments.united([found, Attached(sboms=("cosign tag",))])
        cache.write(key, msgspec.json.encode((time.time(), found)))
        return found

    def _found(self, image: ImageReference, path: str, headers: dict[str, str] | None = None) -> Answer:
        answer = self._ask(image, path, headers=headers)
        if answer.status == 404:
            raise ImageMissing(f"{_place(image)} has no {path}", fix="push the image again")
        return answer

    def _ask(
        self,
        image: ImageReference,
        path: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        accept: tuple[int, ...] = (200, 404),
    ) -> Answer:
        registry = self.registry(image.registry)
        with self._listening(image.registry):
            return registry.ask(
                f"{registry.of(image.repository)}/{path}",
                image.repository,
                method=method,
                headers=headers,
                limit=MAX_ANSWER_BYTES,
                accept=accept,
            )

    @contextmanager
    def _listening(self, host: str) -> Generator[None]:
        count, since = self._silent.get(host, (0, 0.0))
        if count >= _SILENT and time.monotonic() - since < _LEFT_ALONE:
            raise NoAnswer(
                f"{host} did not answer, and is not asked again within {_LEFT_ALONE:.0f} seconds",
                url=f"oci://{host}",
                fix=_FIX,
            )
        try:
            yield
        except NoAnswer as error:
            self._silent[host] = (count + 1, time.monotonic())
            raise NoAnswer(error.what, url=error.url, fix=_FIX) from error
        self._silent.pop(host, None)


@dataclass(slots=True)
class _Walk:
    """What an index leads to, within bounds on all that is `asked` for it; what is not there is told in
    `absent`.
    """

    remote: RemoteImages
    image: ImageReference
    absent: list[str]
    asked: int = 0

    def below(
        self, described: oci.Descriptor, depth: int = 0
    ) -> Iterator[tuple[oci.Descriptor, oci.ImageManifest, int]]:
        """The manifests below an index, or the one that is there."""
        if depth > _MAX_DEPTH:
            raise ImageInvalid(f"{self.image} is an index of indexes of indexes, which no runtime follows")
        self.asked += 1
        if self.asked > oci.MAX_MEMBERS:
            raise ImageInvalid(f"{self.image} names more than {oci.MAX_MEMBERS} manifests")
        size = described.size if depth else None
        try:
            found, answer = self.remote.manifest(self.image, described.digest, size)
        except ImageMissing as error:
            raise error if depth == 0 else _Absent from error
        if isinstance(found, oci.ImageManifest):
            yield described, found, len(answer.body)
            return
        for each in found.manifests:
            try:
                yield from self.below(each, depth + 1)
            except _Absent:
                if not attachments.is_attestation(each):
                    self.absent.append(str(each.platform or each.digest))


def remote_of(fleet: Fleet, workspace: Workspace) -> RemoteImages:
    """The registries that the fleet's `egress` lets reach; what they give is kept in the workspace."""
    return _remote(fleet.egress, workspace.images)


@lru_cache(maxsize=8)
def _remote(egress: Egress, cache: Cache) -> RemoteImages:
    return RemoteImages(Internet(egress), cache)


def _place(image: ImageReference) -> str:
    return f"{image.registry}/{image.repository}"


def _next(answer: Answer, repository: str) -> str | None:
    """The path of the next page, below the repository; None where this is the last one."""
    link = answer.headers.get("link", "")
    address, _, relation = link.partition(">")
    if 'rel="next"' not in relation:
        return None
    try:
        parts = urlsplit(address.lstrip("< "))
    except ValueError as error:
        raise ImageInvalid(f"{repository}: the registry's link to the next page is none: {error}") from error
    _, found, path = parts.path.rpartition(f"/v2/{repository}/")
    return f"{path}?{parts.query}" if found and path.startswith("referrers/") else None


def _inflated(ending: bytes, size: int) -> int | None:
    """What the end of a gzip of `size` bytes says that it unpacks to: of its last member alone, and modulo
    2^32 (https://www.rfc-editor.org/rfc/rfc1952). None where that cannot be all.
    """
    return _plausible(int.from_bytes(ending, "little"), size) if len(ending) == 4 else None


def _plausible(unpacked: int, size: int) -> int | None:
    """What `size` bytes are said to unpack to; None where that cannot be all, for nothing packs so badly."""
    return unpacked if unpacked >= size // 2 else None


def _steps(config: oci.ImageConfiguration, layers: int) -> list[str]:
    """The step of the build that made each of so many layers, in letters that can stand anywhere; nothing of
    any where the history tells of more or fewer.
    """
    made = [each.created_by or "" for each in config.history or () if not each.empty_layer]
    if len(made) != layers:
        return [""] * layers
    told = (each.removeprefix(_SHELL).strip()[:_MAX_TOLD].replace("`", "'") for each in made)
    return ["".join(filter(str.isprintable, each)) for each in told]


def _few(said: Sequence[str]) -> tuple[str, ...]:
    return tuple(each[:_MAX_TOLD] for each in said[:_MAX_TOLD])


def _count(told: str) -> int | None:
    """So many bytes; None for what is no number of them."""
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= _MAX_DIGITS else None


def _moment(created: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(created or "")
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return moment if moment.year >= _EARLIEST else None
