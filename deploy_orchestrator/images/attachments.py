"""SBOMs, signatures and provenance of images, told from what refers to them.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers,
https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md,
https://docs.docker.com/build/metadata/attestations/attestation-storage/
"""

from collections.abc import Iterable
from itertools import chain
from typing import Final

from deploy_orchestrator.images.oci import Descriptor, ImageManifest
from deploy_orchestrator.images.published import Attached

LEGACY: Final = ("sig", "sbom", "att")
"""The suffixes of tags in which cosign keeps what belongs to an image, where it knows no referrers."""

_BUNDLE: Final = "application/vnd.dev.sigstore.bundle"
_PREDICATE: Final = ("dev.sigstore.bundle.predicateType", "in-toto.io/predicate-type")
_SIGNATURES: Final = (
    "application/vnd.cncf.notary.signature",
    "application/vnd.dev.cosign.artifact.sig",
    "application/vnd.dev.cosign.simplesigning",
)
_SBOMS: Final = ("spdx", "cyclonedx", "syft", "cosign.artifact.sbom")
_SIGNED: Final = "cosign/sign"


def legacy_tag(digest: str, suffix: str = "") -> str:
    """The tag for what refers to `digest`: the index of referrers, or with a suffix what cosign keeps."""
    return digest.replace(":", "-") + (f".{suffix}" if suffix else "")


def is_attestation(member: Descriptor) -> bool:
    """Whether a member of an image's index is none of its platforms, but what BuildKit says of one: for a
    platform that no node is. What annotations say is nothing to a node.
    """
    return member.platform is not None and member.platform.os == "unknown"


def told(referrers: Iterable[Descriptor]) -> Attached:
    """What referrers are, by the types that they give."""
    return united(_told(each.artifact_type or each.media_type, _predicate(each)) for each in referrers)


def told_within(attestation: ImageManifest) -> Attached:
    """What BuildKit keeps beside an image in the image's own index."""
    return united(_told("in-toto", _predicate(each)) for each in attestation.layers)


def united(found: Iterable[Attached]) -> Attached:
    """All of it, each kind once."""
    every = list(found)
    return Attached(
        sboms=_once(each.sboms for each in every),
        signatures=_once(each.signatures for each in every),
        provenance=_once(each.provenance for each in every),
    )


def _told(kind: str, predicate: str) -> Attached:
    named = predicate or kind
    if any(each in named.lower() for each in _SBOMS):
        return Attached(sboms=(named,))
    if "slsa.dev/provenance" in predicate:
        return Attached(provenance=(predicate,))
    if kind.startswith(_SIGNATURES) or (kind.startswith(_BUNDLE) and (_SIGNED in predicate or not predicate)):
        return Attached(signatures=(kind,))
    return Attached()


def _predicate(described: Descriptor) -> str:
    annotations = described.annotations or {}
    return next((annotations[each] for each in _PREDICATE if annotations.get(each)), "")


def _once(kinds: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(kinds)))
