"""What the manifests run."""

from deploy_orchestrator.images.inventory import Image, Use, images

__all__ = ["Image", "Use", "images"]
