"""The exact objects of every tenant: rendered by Helm, checked, compared."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.manifests import hooks, image_checks, untyped
    from deploy_orchestrator.manifests.changes import FieldChange, ObjectChange
    from deploy_orchestrator.manifests.checks import CHECKS, ISOLATION_CHECKS, MANIFEST_CHECKS, check
    from deploy_orchestrator.manifests.checks.rule import ManifestCheck
    from deploy_orchestrator.manifests.committed import (
        committed_content,
        committed_manifests,
        content_of_commit,
        remember_committed,
    )
    from deploy_orchestrator.manifests.composition import releases_of
    from deploy_orchestrator.manifests.diffs import Diff, diff
    from deploy_orchestrator.manifests.errors import (
        DuplicateObject,
        InvalidObject,
        ManifestError,
        RenderError,
    )
    from deploy_orchestrator.manifests.examination import examine
    from deploy_orchestrator.manifests.exceptions import excepted
    from deploy_orchestrator.manifests.fields import NamedPath, nulls, standing_at
    from deploy_orchestrator.manifests.findings import Check, Finding, Severity
    from deploy_orchestrator.manifests.keys import ObjectKey
    from deploy_orchestrator.manifests.kinds import is_built_in, is_cluster_scoped, scopes
    from deploy_orchestrator.manifests.linting import lint
    from deploy_orchestrator.manifests.naming import image_names, mirrored
    from deploy_orchestrator.manifests.objects import (
        NOTHING,
        ChartUsed,
        Manifests,
        Object,
        PackageUsed,
        ReleaseUsed,
        read_manifests,
    )
    from deploy_orchestrator.manifests.outline import Highlights, ImageChange, highlights
    from deploy_orchestrator.manifests.pods import Container, Pod, pod_of
    from deploy_orchestrator.manifests.printed import Printed, Printout, combined
    from deploy_orchestrator.manifests.provenance import Origin, layered_origins, origins
    from deploy_orchestrator.manifests.references import DOCKER_HUB, ImageReference, NotAnImage
    from deploy_orchestrator.manifests.secrets import is_of_sops, redacted
    from deploy_orchestrator.manifests.tenants import render, render_all
    from deploy_orchestrator.manifests.trial import require_rendering
    from deploy_orchestrator.manifests.verification import tested_after_sync
    from deploy_orchestrator.manifests.version_conflicts import conflicts
    from deploy_orchestrator.manifests.workers import Limits
    from deploy_orchestrator.manifests.workspace import Workspace
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "CHECKS",
    "DOCKER_HUB",
    "ISOLATION_CHECKS",
    "MANIFEST_CHECKS",
    "NOTHING",
    "ChartUsed",
    "Check",
    "Container",
    "Diff",
    "DuplicateObject",
    "FieldChange",
    "Finding",
    "Highlights",
    "ImageChange",
    "ImageReference",
    "InvalidObject",
    "Limits",
    "ManifestCheck",
    "ManifestError",
    "Manifests",
    "NamedPath",
    "NotAnImage",
    "Object",
    "ObjectChange",
    "ObjectKey",
    "Origin",
    "PackageUsed",
    "Pod",
    "Printed",
    "Printout",
    "ReleaseUsed",
    "RenderError",
    "Severity",
    "Workspace",
    "check",
    "combined",
    "committed_content",
    "committed_manifests",
    "conflicts",
    "content_of_commit",
    "diff",
    "examine",
    "excepted",
    "highlights",
    "hooks",
    "image_checks",
    "image_names",
    "is_built_in",
    "is_cluster_scoped",
    "is_of_sops",
    "layered_origins",
    "lint",
    "mirrored",
    "nulls",
    "origins",
    "pod_of",
    "read_manifests",
    "redacted",
    "releases_of",
    "remember_committed",
    "render",
    "render_all",
    "require_rendering",
    "scopes",
    "standing_at",
    "tested_after_sync",
    "untyped",
]
