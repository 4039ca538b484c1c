"""All manifests of a tenant in an environment, rendered where they are not kept."""

import json
from collections.abc import Iterable, Iterator
from typing import Final

from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.manifests.engines import engines_identity
from deploy_orchestrator.manifests.findings import Finding
from deploy_orchestrator.manifests.objects import ChartUsed, Manifests
from deploy_orchestrator.manifests.workspace import Workspace
from deploy_orchestrator.outcomes import Outcome, in_order
from deploy_orchestrator.storage import cache_key

_FORMAT: Final = "11"


def render(deployment: Deployment, fleet: Fleet, workspace: Workspace) -> Manifests:
    """What would be applied: the objects of the platform release and of the tenant's own, and what was found.

    Unchanged inputs are never rendered again.

    Raises:
        RenderError: a chart does not render.
        InvalidObject, DuplicateObject: a template prints what is no object, or one that another prints too.
        OrchestratorError: the chart, its values or its dependencies cannot be had.
    """
    return _render(_key(engines_identity(), deployment, fleet), deployment, fleet, workspace)


def render_all(
    deployments: Iterable[Deployment], fleet: Fleet, workspace: Workspace
) -> Iterator[tuple[Deployment, Outcome[Manifests]]]:
    """As `render`, many at a time and in their order; an error stands in place of the manifests."""
    helm = engines_identity()
    return in_order(
        lambda each: _render(_key(helm, each, fleet), each, fleet, workspace),
        deployments,
        workspace.workers.count,
    )


def _render(key: str, deployment: Deployment, fleet: Fleet, workspace: Workspace) -> Manifests:
    if kept := _kept(key, workspace):
        return kept
    # Whoever finds everything kept has no need of what renders.
    from deploy_orchestrator.manifests.making import made

    workspace.workers.start()
    manifests = made(deployment, fleet, workspace)
    workspace.manifests.write(key, _packed(manifests))
    return manifests


def _key(helm: str, deployment: Deployment, fleet: Fleet) -> str:
    return cache_key(_FORMAT, helm, fleet.inputs(deployment))


def _kept(key: str, workspace: Workspace) -> Manifests | None:
    kept = workspace.manifests.read(key)
    return None if kept is None else _unpacked(kept)


def _packed(manifests: Manifests) -> bytes:
    about = {
        "chart": manifests.chart.model_dump() if manifests.chart else None,
        "findings": [finding.as_json() for finding in manifests.findings],
        "templates": [*manifests.templates.values()],
    }
    return json.dumps(about).encode() + b"\n" + manifests.canonical


def _unpacked(data: bytes) -> Manifests:
    about, _, canonical = data.partition(b"\n")
    kept = json.loads(about)
    chart = ChartUsed(**kept["chart"]) if kept["chart"] else None
    findings = map(Finding.from_json, kept["findings"])
    return Manifests.from_canonical(canonical, chart, findings, kept["templates"])
