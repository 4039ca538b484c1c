"""The exact objects of every tenant: rendered by Helm, checked, compared."""

from deploy_orchestrator.manifests.diffs import Diff, FieldChange, ObjectChange, diff
from deploy_orchestrator.manifests.errors import (
    DuplicateObject,
    InvalidObject,
    ManifestError,
    RenderError,
)
from deploy_orchestrator.manifests.findings import Finding, Severity
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.objects import ChartUsed, Manifests, Object, read

__all__ = [
    "ChartUsed",
    "Diff",
    "DuplicateObject",
    "FieldChange",
    "Finding",
    "InvalidObject",
    "ManifestError",
    "Manifests",
    "Object",
    "ObjectChange",
    "ObjectKey",
    "RenderError",
    "Severity",
    "diff",
    "read",
]
