"""What can be wrong with a tenant's manifests; each fails that tenant alone."""

from deploy_orchestrator.errors import OrchestratorError


class ManifestError(OrchestratorError):
    """A tenant's manifests cannot be had, or are not what Kubernetes objects must be."""


class InvalidObject(ManifestError):
    """Something in manifests is no Kubernetes object: it lacks apiVersion, kind or a name."""


class DuplicateObject(ManifestError):
    """Two manifests describe one object, so the one applied last would win."""


class RenderError(ManifestError):
    """A chart does not render: its values, a template, or the engine under it failed."""
