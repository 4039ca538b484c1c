"""What `helm lint` says of the charts of a deployment."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.manifests.composition import ChartRelease, releases_of
from deploy_orchestrator.manifests.engines import ask
from deploy_orchestrator.manifests.findings import Finding, Severity
from deploy_orchestrator.manifests.workspace import Workspace

_SEVERITIES: Final[Mapping[int, Severity]] = {2: "warning", 3: "error"}


def lint(deployment: Deployment, fleet: Fleet, workspace: Workspace) -> list[Finding]:
    """What `helm lint` has against the charts of a deployment with its values, for its Kubernetes version.

    Raises:
        RenderError: linting took too long, or the values cannot be read.
        OrchestratorError: a chart, its values or its dependencies cannot be had.
    """
    releases = releases_of(deployment, fleet, workspace)
    return [finding for release in releases for finding in _findings(release, workspace)]


def _findings(release: ChartRelease, workspace: Workspace) -> Iterator[Finding]:
    messages: list[dict[str, Any]] = ask("lint", release, {"kubernetes": release.kubernetes}, workspace)
    for each in messages:
        severity = _SEVERITIES.get(each["severity"])
        if severity:
            place = Place(f"{release.source}/{each['path']}")
            yield Finding("lint", severity, None, f"{place}: {each['error'].strip()}", "mend the chart")
