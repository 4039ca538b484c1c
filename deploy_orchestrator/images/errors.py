"""What can be wrong with an image, as types with data."""

from deploy_orchestrator.errors import OrchestratorError


class ImageError(OrchestratorError):
    """An image that cannot be run, copied or judged as it is."""


class ImageMissing(ImageError):
    """The registry answers, and does not have the image, or a part of it."""


class ImageInvalid(ImageError):
    """What the registry has is no image that a runtime could take, or not what it is said to be."""
