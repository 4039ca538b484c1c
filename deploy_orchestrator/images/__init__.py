"""What the manifests run."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.images.inventory import Image, Use, images
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = ["Image", "Use", "images"]
