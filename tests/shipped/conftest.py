"""The shipped charts with their dependencies in place, and the example fleet, rendered by real Helm."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import pytest

from deploy_orchestrator import documents

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("dev", "staging", "production")
TENANTS = ("analytics", "data", "ml")
BUILT = (
    "postgresql",
    "dagster-user-code",
    "dagster-tenant",
    "tenant-platform",
    "deploy-orchestrator",
    "edge-inference",
)
"""Charts with dependencies, those that others need first."""

Object = dict[str, Any]
Render = Callable[..., list[Object]]


@pytest.fixture(scope="session")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of charts, each built by Helm from its Chart.lock, dependencies first."""
    folder = shutil.copytree(ROOT / "charts", tmp_path_factory.mktemp("shipped") / "charts")
    for chart in BUILT:
        helm_python.dependency_build(folder / chart)
    return folder


@pytest.fixture(scope="session")
def render(charts: Path) -> Render:
    """Objects that a chart makes of values. Duplicate keys in a rendered object fail the test."""

    def render(
        chart: str,
        *layers: Mapping[str, Any],
        name: str = "analytics",
        namespace: str = "analytics-dev",
    ) -> list[Object]:
        # Loaded anew each time: a render takes the subcharts that it disables out of the loaded chart.
        with helm_python.Chart.load(charts / chart) as loaded:
            texts = loaded.render(merged(layers), name=name, namespace=namespace)
        return [
            body for path, text in texts.items() if not path.endswith(".txt") for body in objects(path, text)
        ]

    return render


def objects(path: str, text: str) -> Iterator[Object]:
    for document in documents.parse_all(text.encode(), path):
        assert not document.duplicates
        if document.value is not None:
            yield document.value


def merged(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Layers of values as `helm template --values` merges them: maps merge, the rest replaces, null stays."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = result.get(key)
            if isinstance(below, dict) and isinstance(value, dict):
                result[key] = merged((below, value))
            else:
                result[key] = deepcopy(value)
    return result


@pytest.fixture(scope="session")
def read() -> Callable[[Path], Any]:
    """What a YAML file says."""
    return lambda path: documents.parse(path.read_bytes(), path.name).value


@pytest.fixture(scope="session")
def fleet() -> Path:
    return ROOT / "examples/fleet"


@pytest.fixture(scope="session")
def deployment_of(
    charts: Path, fleet: Path, render: Render, read: Callable[[Path], Any]
) -> Callable[[str, str], list[Object]]:
    """All objects of a tenant of the example fleet in an environment, its platform's first."""

    @cache
    def deployment_of(tenant: str, environment: str) -> list[Object]:
        folder = fleet / "tenants" / tenant
        about = read(folder / "tenant.yaml")
        layers = (
            charts / "dagster-tenant" / f"values-{environment}.yaml",
            folder / "values.yaml",
            folder / f"values-{environment}.yaml",
        )
        namespace = f"{tenant}-{environment}"
        platform = {
            "tenant": tenant,
            "environment": environment,
            "namespace": namespace,
            "quota": about["quota"],
            "owners": about["owners"],
        }
        return [
            *render("tenant-platform", platform, name="platform", namespace=namespace),
            *render(
                "dagster-tenant", *map(read, filter(Path.exists, layers)), name=tenant, namespace=namespace
            ),
        ]

    return deployment_of


@pytest.fixture(scope="session", params=[f"{tenant}/{stage}" for tenant in TENANTS for stage in ENVIRONMENTS])
def deployment(
    request: pytest.FixtureRequest, deployment_of: Callable[[str, str], list[Object]]
) -> list[Object]:
    """All objects of each tenant of the example fleet in each environment."""
    return deployment_of(*request.param.split("/"))
