"""All manifests of a tenant in an environment: both its releases rendered, in one canonical set."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from itertools import islice
from typing import Any, Final

from deploy_orchestrator.charts import load
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import ChartReference, Deployment, Fleet, ValueLayer, layer_names
from deploy_orchestrator.manifests.assembly import AssembledChart, assembled_local, assembled_published
from deploy_orchestrator.manifests.cache import cache_key
from deploy_orchestrator.manifests.findings import Finding
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.objects import ChartUsed, Manifests, Object
from deploy_orchestrator.manifests.printed import combined, skipped_hook, volatile
from deploy_orchestrator.manifests.rendering import (
    ChartRelease,
    RenderedRelease,
    helm_identity,
    render_release,
)
from deploy_orchestrator.manifests.workspace import Workspace

_FORMAT: Final = "1"
PLATFORM: Final = "platform"
FLEET_FILE: Final = "fleet.yaml"


def render(deployment: Deployment, fleet: Fleet, workspace: Workspace) -> Manifests:
    """What would be applied: the objects of the platform release and of the tenant's own, and what was found.

    Unchanged inputs are never rendered again.

    Raises:
        RenderError: a chart does not render.
        InvalidObject, DuplicateObject: a template prints what is no object, or one that another prints too.
        OrchestratorError: the chart, its values or its dependencies cannot be had.
    """
    key = cache_key(_FORMAT, helm_identity(), fleet.inputs(deployment))
    if kept := workspace.manifests.read(key):
        return _unpacked(kept)
    releases = _releases(deployment, fleet, workspace)
    rendered = [render_release(release, workspace) for release in releases]
    manifests = Manifests(
        objects=combined([each.objects for each in rendered], deployment.namespace),
        chart=rendered[-1].chart,
        findings=tuple(
            finding
            for release, result in zip(releases, rendered, strict=True)
            for finding in _findings(release, result)
        ),
    )
    workspace.manifests.write(key, _packed(manifests))
    return manifests


def render_all(
    deployments: Iterable[Deployment], fleet: Fleet, workspace: Workspace
) -> Iterator[tuple[Deployment, Manifests | OrchestratorError]]:
    """As `render`, many at a time and in their order; an error stands in place of the manifests."""
    waiting = iter(deployments)
    with ThreadPoolExecutor(workspace.workers.count) as threads:

        def start(deployment: Deployment) -> tuple[Deployment, Future[Manifests]]:
            return deployment, threads.submit(render, deployment, fleet, workspace)

        started = deque(start(each) for each in islice(waiting, 2 * workspace.workers.count))
        while started:
            deployment, future = started.popleft()
            try:
                result = future.result()
            except OrchestratorError as error:
                result = error
            started.extend(start(each) for each in islice(waiting, 1))
            yield deployment, result


def _releases(deployment: Deployment, fleet: Fleet, workspace: Workspace) -> list[ChartRelease]:
    values = json.dumps(fleet.platform_values(deployment)).encode()
    tenant = deployment.tenant
    return [
        _release(PLATFORM, fleet.platform, (ValueLayer(FLEET_FILE, values),), deployment, fleet, workspace),
        _release(tenant.name, tenant.chart, fleet.layers(deployment), deployment, fleet, workspace),
    ]


def _release(
    name: str,
    reference: ChartReference,
    layers: tuple[ValueLayer, ...],
    deployment: Deployment,
    fleet: Fleet,
    workspace: Workspace,
) -> ChartRelease:
    repositories = workspace.repositories(fleet.mirrors)
    if reference.repository is None:
        local = fleet.charts[reference.name]
        source, chart = local.folder, assembled_local(local, fleet.tree, repositories, workspace.charts)
    else:
        source = f"{reference.repository}/{reference.name}"
        chart = assembled_published(reference, repositories, workspace.charts)
        layers = (*_carried_layers(chart, source, deployment), *layers)
    return ChartRelease(
        name=name,
        namespace=deployment.namespace,
        source=source,
        chart=chart,
        layers=layers,
        kubernetes=deployment.environment.kubernetes,
    )


def _carried_layers(chart: AssembledChart, source: str, deployment: Deployment) -> Iterator[ValueLayer]:
    """The value layers inside a package, which stand there for those of a chart in the fleet."""
    files = load(chart.path).files
    for name in layer_names(deployment.tenant.name, deployment.environment.name):
        if name in files:
            yield ValueLayer(f"{source}/{name}", files[name])


def _findings(release: ChartRelease, rendered: RenderedRelease) -> Iterator[Finding]:
    for printed in rendered.skipped:
        yield skipped_hook(printed)
    if rendered.again is not None:
        yield from volatile(rendered.objects, rendered.again, release.namespace)
    if "lookup" in release.asks:
        yield Finding(
            "lookup",
            "warning",
            None,
            f"{release.source} calls lookup, which finds nothing here and may find something in a cluster",
            "give the chart what it looks up as a value",
        )


def _packed(manifests: Manifests) -> bytes:
    return json.dumps(
        {
            "chart": asdict(manifests.chart) if manifests.chart else None,
            "findings": [asdict(finding) for finding in manifests.findings],
            "objects": [each.body for each in manifests.objects],
        }
    ).encode()


def _unpacked(data: bytes) -> Manifests:
    kept = json.loads(data)
    return Manifests(
        objects=tuple(Object(body) for body in kept["objects"]),
        chart=ChartUsed(**kept["chart"]) if kept["chart"] else None,
        findings=tuple(map(_finding, kept["findings"])),
    )


def _finding(kept: dict[str, Any]) -> Finding:
    key = kept.pop("object")
    return Finding(object=ObjectKey(**key) if key else None, **kept)
