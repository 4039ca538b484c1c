"""What a deployment is made of: charts and their values, as Helm releases."""

import json
from dataclasses import dataclass
from typing import Any, Final

from deploy_orchestrator import documents
from deploy_orchestrator.charts import unpacked
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import PLATFORM, ChartReference, Deployment, Fleet, ValueLayer
from deploy_orchestrator.manifests.actions import asks, templates_in
from deploy_orchestrator.manifests.assembly import AssembledChart
from deploy_orchestrator.manifests.errors import RenderError
from deploy_orchestrator.manifests.workspace import Workspace

FROM_FLEET: Final = "fleet.yaml"
"""The value layer that the platform gets: nobody wrote it as one."""


@dataclass(frozen=True, slots=True)
class ChartRelease:
    """A Helm release to render: the chart that people find at `source`, its value layers in Helm's order.

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
    """The Helm releases that make up a deployment: the platform's, where it has that, then the tenant's own.

    Raises:
        OrchestratorError: a chart, its values or its dependencies cannot be had.
    """
    own = _release(deployment.release, deployment.tenant.chart, None, deployment, fleet, workspace)
    if not deployment.has_platform:
        return [own]
    values = ValueLayer(FROM_FLEET, json.dumps(fleet.platform_values(deployment)).encode())
    return [_release(PLATFORM, fleet.platform, (values,), deployment, fleet, workspace), own]


def _release(
    name: str,
    reference: ChartReference,
    layers: tuple[ValueLayer, ...] | None,
    deployment: Deployment,
    fleet: Fleet,
    workspace: Workspace,
) -> ChartRelease:
    if reference.repository is None:
        local = fleet.charts[reference.name]
        source, chart = local.folder, workspace.charts.local(local, fleet.tree, fleet.mirrors, fleet.egress)
        if layers is None:
            layers = fleet.layers(deployment)
    else:
        source = f"{reference.repository}/{reference.name}"
        chart = workspace.charts.published(reference, fleet.mirrors, fleet.egress)
        if layers is None:
            layers = fleet.layers(deployment, unpacked(chart.path.read_bytes(), source))
    return ChartRelease(
        name=name,
        namespace=deployment.namespace,
        source=source,
        chart=chart,
        layers=layers,
        kubernetes=deployment.environment.kubernetes,
        api_versions=deployment.environment.api_versions,
        asks=chart.asks.union(*map(_asks, layers)),
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
