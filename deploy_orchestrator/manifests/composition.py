"""What a deployment is made of: charts and their values, as Helm releases."""

import json
from dataclasses import dataclass
from typing import Any, Final

from deploy_orchestrator import documents
from deploy_orchestrator.charts import unpacked
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import PLATFORM, ChartReference, Deployment, Fleet, TenantRelease, ValueLayer
from deploy_orchestrator.manifests.actions import asks, templates_in
from deploy_orchestrator.manifests.assembly import AssembledChart
from deploy_orchestrator.manifests.errors import RenderError
from deploy_orchestrator.manifests.workspace import Workspace

FROM_FLEET: Final = "fleet.yaml"
"""The value layer that the platform gets: nobody wrote it as one."""


@dataclass(frozen=True, slots=True)
class ChartRelease:
    """A Helm release to render: the chart that people find at `source`, its value layers in Helm's order.
    It is made once those that it comes `after` are healthy.

    `asks` is what the templates ask for, and the values that they may take for templates; as `actions.asks`.
    """

    name: str
    namespace: str
    source: str
    chart: AssembledChart
    layers: tuple[ValueLayer, ...]
    kubernetes: str
    api_versions: tuple[str, ...]
    asks: frozenset[str]
    after: tuple[str, ...] = ()

    @property
    def request(self) -> dict[str, Any]:
        """What a worker has to know of it, the chart's path aside.

        Raises:
            RenderError: a layer is not UTF-8.
        """
        return {
            "name": self.name,
            "namespace": self.namespace,
            "layers": [{"file": layer.path, "text": _text(layer)} for layer in self.layers],
        }


def releases_of(deployment: Deployment, fleet: Fleet, workspace: Workspace) -> list[ChartRelease]:
    """The Helm releases that make up a deployment: the platform's, where it has that, then the tenant's own,
    each behind those that it comes after.

    Raises:
        OrchestratorError: a chart, its values or its dependencies cannot be had.
    """
    own = [_own(each, deployment, fleet, workspace) for each in deployment.releases]
    if not deployment.has_platform:
        return own
    source, chart = _chart(fleet.platform, fleet, workspace)
    values = ValueLayer(FROM_FLEET, json.dumps(fleet.platform_values(deployment)).encode())
    return [_release(PLATFORM, deployment.namespace, source, chart, (values,), deployment), *own]


def _own(each: TenantRelease, deployment: Deployment, fleet: Fleet, workspace: Workspace) -> ChartRelease:
    source, chart = _chart(each.chart, fleet, workspace)
    package = unpacked(chart.path.read_bytes(), source) if each.chart.repository else None
    layers = fleet.layers(deployment, package, of=each)
    return _release(
        each.name, deployment.namespace_of(each), source, chart, layers, deployment, after=each.after
    )


def _chart(reference: ChartReference, fleet: Fleet, workspace: Workspace) -> tuple[str, AssembledChart]:
    if reference.repository is None:
        local = fleet.charts[reference.name]
        return local.folder, workspace.charts.local(local, fleet.tree, fleet.mirrors, fleet.egress)
    source = f"{reference.repository}/{reference.name}"
    return source, workspace.charts.published(reference, fleet.mirrors, fleet.egress)


def _release(
    name: str,
    namespace: str,
    source: str,
    chart: AssembledChart,
    layers: tuple[ValueLayer, ...],
    deployment: Deployment,
    after: tuple[str, ...] = (),
) -> ChartRelease:
    return ChartRelease(
        name=name,
        namespace=namespace,
        source=source,
        chart=chart,
        layers=layers,
        kubernetes=deployment.environment.kubernetes,
        api_versions=deployment.environment.api_versions,
        asks=chart.asks.union(*map(_asks, layers)),
        after=after,
    )


def _asks(layer: ValueLayer) -> frozenset[str]:
    """What a layer's texts may ask for; one that holds no values fails when it is rendered."""
    if b"{{" not in layer.data:
        return frozenset()
    try:
        values = documents.parse(layer.data, layer.path).value
    except documents.DocumentError:
        values = layer.data.decode(errors="replace")
    return asks(templates_in(values))


def _text(layer: ValueLayer) -> str:
    try:
        return layer.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = layer.data.count(b"\n", 0, error.start) + 1
        raise RenderError(
            f"not UTF-8 at byte {error.start}", place=Place(layer.path, line), fix="save the file as UTF-8"
        ) from error
