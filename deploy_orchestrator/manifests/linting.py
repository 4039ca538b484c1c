"""What `helm lint` says of the charts of a deployment."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.manifests.composition import ChartRelease, releases_of
from deploy_orchestrator.manifests.engines import ask
from deploy_orchestrator.manifests.exceptions import excepted
from deploy_orchestrator.manifests.findings import Check, Finding, Severity
from deploy_orchestrator.manifests.workspace import Workspace
from deploy_orchestrator.outcomes import attempt

LINT: Final = Check(
    "lint", "error", "So says helm lint, which knows the habits of good charts.", "mend the chart"
)
_SEVERITIES: Final[Mapping[int, Severity]] = {2: "warning", 3: "error"}


def lint(deployment: Deployment, fleet: Fleet, workspace: Workspace) -> list[Finding]:
    """What `helm lint` has against the charts of a deployment, for its Kubernetes version.

    A chart that lints clean with the values that stand in it is linted once for all that use it: what other
    values make of its objects is held by the other checks. Else the deployment's own values count.

    Raises:
        RenderError: linting took too long, or the values cannot be read.
        OrchestratorError: a chart, its values or its dependencies cannot be had.
    """
    releases = releases_of(deployment, fleet, workspace)
    found = (finding for release in releases for finding in _findings(release, workspace))
    return excepted(found, deployment, datetime.now(UTC))


def _findings(release: ChartRelease, workspace: Workspace) -> Iterator[Finding]:
    if attempt(_said, _by_itself(release), workspace) == []:
        return
    for each in _said(release, workspace):
        place = Place(f"{release.source}/{each['path']}")
        finding = LINT.finding(None, f"{place}: {each['error'].strip()}", place=place)
        yield replace(finding, severity=_SEVERITIES[each["severity"]])


def _said(release: ChartRelease, workspace: Workspace) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = ask("lint", release, {"kubernetes": release.kubernetes}, workspace)
    return [each for each in messages if each["severity"] in _SEVERITIES]


def _by_itself(release: ChartRelease) -> ChartRelease:
    own = f"{release.source}/"
    layers = tuple(layer for layer in release.layers if layer.path.startswith(own))
    return replace(release, name="release", namespace="default", layers=layers)
