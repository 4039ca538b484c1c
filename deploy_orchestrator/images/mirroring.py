"""Copy images to another registry to the byte: every platform or some, with what refers to them.

Blobs that are there are skipped, and taken over from another repository of the same registry where that has
them. What a name leads to is changed last, so that nobody ever pulls half an image by it, and a copy that was
broken off goes on where it ended.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from threading import Lock
from typing import Final

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.images import attachments, oci
from deploy_orchestrator.images.errors import ImageError, ImageInvalid, ImageMissing
from deploy_orchestrator.images.remote import RemoteImages
from deploy_orchestrator.manifests import ImageReference
from deploy_orchestrator.outcomes import in_order, raised
from deploy_orchestrator.registries import MANIFEST, Blob

AT_A_TIME: Final = 4
"""How many images are copied at a time, and how many blobs of each."""

_MAX_DEPTH: Final = 3
_NO_LAYER: Final = ("nondistributable", "foreign")


class ImageDiffers(ImageError):
    """Another image is there already by the name that a copy would get."""


class MirrorState(StrEnum):
    """What became of an image that was to be copied."""

    COPIED = "copied"
    THERE = "already there"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a copy took: `bytes` of blobs that were sent, and how many blobs were `mounted` or there."""

    bytes: int = 0
    mounted: int = 0
    skipped: int = 0
    manifests: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(
            self.bytes + other.bytes,
            self.mounted + other.mounted,
            self.skipped + other.skipped,
            self.manifests + other.manifests,
        )


@dataclass(frozen=True, slots=True)
class MirroredImage:
    """What became of the image `source`, which goes `to` another registry, and why it `failed` if it did."""

    source: ImageReference
    to: ImageReference
    state: MirrorState
    digest: str | None = None
    sent: Sent = Sent()
    failure: OrchestratorError | None = None


@dataclass(frozen=True, slots=True)
class Mirror:
    """Copies images between registries by a `remote`; of each, only `platforms`, as `linux/arm64`, where
    there are some. Safe for several threads.

    With `replaces` a name that leads to another image leads to the copy from then on.
    """

    remote: RemoteImages
    platforms: tuple[str, ...] = ()
    replaces: bool = False
    _holders: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    _locks: defaultdict[tuple[str, str], Lock] = field(default_factory=lambda: defaultdict(Lock))

    def copied(self, wanted: Iterable[tuple[ImageReference, ImageReference]]) -> Iterator[MirroredImage]:
        """Copy each image to where it goes, in their order, several at a time; no failure stops another."""
        for (source, to), outcome in in_order(lambda each: self.copy(*each), wanted, AT_A_TIME):
            if isinstance(outcome, OrchestratorError):
                yield MirroredImage(source, to, MirrorState.FAILED, failure=outcome)
            else:
                yield outcome

    def copy(self, source: ImageReference, to: ImageReference) -> MirroredImage:
        """Copy one image; may be repeated. The tag beside a digest is taken where nobody has it, and where it
        leads to that digest at the source: in place of what others run by it nothing else is put.

        Raises:
            ImageMissing, ImageInvalid: it is not there, or not what it is said to be.
            ImageDiffers: by that name another image is there.
            RepositoryError: a registry cannot be used.
        """
        digest = self.remote.digest(source)
        name = to
        if to.tag:
            name = replace(to, digest=None) if self.remote.is_of_tag(source) else replace(to, tag=None)
        there = self._there(name)
        if there not in (None, digest) and not self.replaces and to.digest is None:
            raise _differs(to, there, source, digest)
        sent = self._tree(source, to, digest, 0)
        if there is None or (there != digest and self.replaces):
            sent += self._named(source, name, digest)
        if self._there(to) != digest:
            raise ImageInvalid(f"{to}: the registry took {digest}, and leads to something else")
        state = MirrorState.COPIED if sent.manifests else MirrorState.THERE
        return MirroredImage(source, to, state, digest, sent)

    def _there(self, to: ImageReference) -> str | None:
        try:
            return self.remote.digest(to)
        except ImageMissing:
            return None

    def _tree(self, source: ImageReference, to: ImageReference, digest: str, depth: int) -> Sent:
        """A manifest or an index with all below it and all that refers to it, by digest."""
        if depth > _MAX_DEPTH:
            raise ImageInvalid(f"{source} leads deeper than {_MAX_DEPTH} levels")
        found, answer = self.remote.manifest(source, digest)
        sent = Sent()
        if isinstance(found, oci.ImageIndex):
            for each in self._members(source, found):
                sent += self._tree(source, to, each.digest, depth + 1)
            sent += self._put(to, digest, answer.body, oci.INDEX, found)
        elif self._there(replace(to, tag=None, digest=digest)) is None:
            blobs = {each.digest: each for each in (found.config, *found.layers) if not _is_foreign(each)}
            copies = in_order(partial(self._blob, source, to), blobs.values(), AT_A_TIME)
            sent = sum((raised(each) for _, each in copies), sent)
            sent += self._put(to, digest, answer.body, MANIFEST, found)
        return sent + self._attached(source, to, digest, depth)

    def _members(self, source: ImageReference, index: oci.ImageIndex) -> Sequence[oci.Descriptor]:
        if not self.platforms:
            return index.manifests
        chosen = [each for each in index.manifests if self._is_wanted(each)]
        if not chosen:
            there = ", ".join(str(each.platform) for each in index.manifests if each.platform)
            raise ImageMissing(
                f"{source} is not there for {', '.join(self.platforms)}, only for {there}",
                fix="name a platform that it is there for",
            )
        kept = {each.digest for each in chosen}
        return [
            each
            for each in index.manifests
            if each.digest in kept or (each.annotations or {}).get("vnd.docker.reference.digest") in kept
        ]

    def _is_wanted(self, member: oci.Descriptor) -> bool:
        if attachments.is_attestation(member):
            return False
        told = str(member.platform or "")
        return not told or any(told == each or told.startswith(f"{each}/") for each in self.platforms)

    def _put(
        self,
        to: ImageReference,
        name: str,
        body: bytes,
        kind: str,
        found: oci.ImageIndex | oci.ImageManifest,
    ) -> Sent:
        place = replace(to, tag=None, digest=name) if ":" in name else replace(to, tag=name, digest=None)
        if self._there(place) == oci.digest_of(body, name if ":" in name else "sha256:"):
            return Sent()
        registry = self.remote.registry(to.registry)
        answer = registry.ask(
            f"{registry.of(to.repository)}/manifests/{name}",
            to.repository,
            method="PUT",
            headers={"Content-Type": found.media_type or kind},
            content=body,
            accept=(201, 400, 404) if self.platforms and isinstance(found, oci.ImageIndex) else (201,),
        )
        if answer.status != 201:
            raise ImageInvalid(
                f"{to.registry} takes no index without all of its platforms",
                fix="copy all of them: leave --platform out",
            )
        if found.subject and not answer.headers.get("oci-subject"):
            self._listed(to, found.subject.digest, oci.digest_of(body), body, found)
        return Sent(manifests=1)

    def _listed(
        self,
        to: ImageReference,
        subject: str,
        digest: str,
        body: bytes,
        found: oci.ImageIndex | oci.ImageManifest,
    ) -> None:
        """Keep a referrer in the index that stands in for a registry's own list:
        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests-with-subject
        """
        registry, tag = self.remote.registry(to.registry), attachments.legacy_tag(subject)
        with self._locks[to.registry, f"{to.repository}:{tag}"]:
            known = [each for each in self.remote.referrers(to, subject) if each.digest != digest]
            kind = found.artifact_type
            if isinstance(found, oci.ImageManifest):
                kind = kind or found.config.media_type
            described = oci.Descriptor(
                digest=digest,
                size=len(body),
                media_type=found.media_type or MANIFEST,
                annotations=found.annotations,
                artifact_type=kind,
            )
            registry.ask(
                f"{registry.of(to.repository)}/manifests/{tag}",
                to.repository,
                method="PUT",
                headers={"Content-Type": oci.INDEX},
                content=oci.index((*known, described)),
                accept=(201,),
            )

    def _attached(self, source: ImageReference, to: ImageReference, digest: str, depth: int) -> Sent:
        """What refers to a digest: by the registry's list, or under cosign's tags."""
        sent = Sent()
        for each in self.remote.referrers(source, digest):
            sent += self._tree(source, to, each.digest, depth + 1)
        for suffix in attachments.LEGACY if depth < _MAX_DEPTH else ():
            tag = attachments.legacy_tag(digest, suffix)
            if self.remote.has(source, tag):
                tagged = replace(source, tag=tag, digest=None)
                there = self.remote.digest(tagged)
                sent += self._tree(source, to, there, _MAX_DEPTH)
                name = replace(to, tag=tag, digest=None)
                if self.replaces or self._adds(tagged, name, there):
                    sent += self._named(source, name, there)
        return sent

    def _adds(self, source: ImageReference, to: ImageReference, digest: str) -> bool:
        """Whether what cosign keeps under a tag at the source is more than what stands there: the copies may
        have signatures of their own, which are never lost.
        """
        there = self._there(to)
        if there in (None, digest):
            return there is None
        known, new = self._parts(to, there), self._parts(source, digest)
        if not (known <= new or new <= known):
            raise _differs(to, there, source, digest)
        return known < new

    def _parts(self, image: ImageReference, digest: str) -> set[tuple[str, frozenset[tuple[str, str]]]]:
        """The digests with their annotations, where cosign has the signature itself."""
        found, _ = self.remote.manifest(image, digest)
        parts = found.layers if isinstance(found, oci.ImageManifest) else found.manifests
        return {(each.digest, frozenset((each.annotations or {}).items())) for each in parts}

    def _named(self, source: ImageReference, to: ImageReference, digest: str) -> Sent:
        if to.tag is None:
            return Sent()
        found, answer = self.remote.manifest(source, digest)
        kind = oci.INDEX if isinstance(found, oci.ImageIndex) else MANIFEST
        return self._put(to, to.tag, answer.body, kind, found)

    def _blob(self, source: ImageReference, to: ImageReference, blob: oci.Descriptor) -> Sent:
        place = (to.registry, blob.digest)
        described = Blob(blob.media_type, blob.digest, blob.size)
        target = self.remote.registry(to.registry)
        with self._locks[place]:
            if target.holds(to.repository, blob.digest):
                self._holders.setdefault(place, to.repository)
                return Sent(skipped=1)
            holder = source.repository if source.registry == to.registry else self._holders.get(place)
            if holder is None:
                upload = target.begin(to.repository)
            else:
                upload = target.mount(to.repository, blob.digest, holder)
                if upload is None:
                    return Sent(mounted=1)
            with self.remote.registry(source.registry).blob(source.repository, described) as chunks:
                target.finish(to.repository, upload, described, chunks)
            self._holders[place] = to.repository
            return Sent(bytes=blob.size)


def _differs(to: ImageReference, there: str | None, source: ImageReference, digest: str) -> ImageDiffers:
    return ImageDiffers(
        f"{to} is there as {there}, and {source} is {digest}",
        fix="find out which is right; give another name, or let the copy replace it (--replace)",
    )


def _is_foreign(layer: oci.Descriptor) -> bool:
    """Whether a layer is never pushed, but pulled from where its maker keeps it."""
    return any(each in layer.media_type for each in _NO_LAYER)


def below(place: str, name: ImageReference) -> ImageReference:
    """Where an image goes below a `place`, as `registry.example.com/hub`: under its own registry and
    repository, so that no two meet.
    """
    host, _, path = place.strip("/").partition("/")
    parts = (path, name.registry.replace(":", "-"), name.repository)
    return replace(name, registry=host, repository="/".join(filter(None, parts)))
