"""What the manifests run: read from registries, and judged."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.images.auditing import (
        AuditedImage,
        Runner,
        Running,
        Standing,
        Weight,
        audit,
        run_by,
        total,
        weights,
    )
    from deploy_orchestrator.images.errors import ImageError, ImageInvalid, ImageMissing
    from deploy_orchestrator.images.inventory import Image, Use, images
    from deploy_orchestrator.images.judging import ExaminedImages, examine_images, findings_of, judged, size
    from deploy_orchestrator.images.mirroring import (
        ImageDiffers,
        Mirror,
        MirroredImage,
        MirrorState,
        Sent,
        below,
    )
    from deploy_orchestrator.images.moving import Moved, lead_to, moved
    from deploy_orchestrator.images.oci import Platform
    from deploy_orchestrator.images.published import Attached, Layer, Published, Variant
    from deploy_orchestrator.images.remote import RemoteImages, remote_of
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "Attached",
    "AuditedImage",
    "ExaminedImages",
    "Image",
    "ImageDiffers",
    "ImageError",
    "ImageInvalid",
    "ImageMissing",
    "Layer",
    "Mirror",
    "MirrorState",
    "MirroredImage",
    "Moved",
    "Platform",
    "Published",
    "RemoteImages",
    "Runner",
    "Running",
    "Sent",
    "Standing",
    "Use",
    "Variant",
    "Weight",
    "audit",
    "below",
    "examine_images",
    "findings_of",
    "images",
    "judged",
    "lead_to",
    "moved",
    "remote_of",
    "run_by",
    "size",
    "total",
    "weights",
]
