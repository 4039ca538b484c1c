"""What holds for every chart that ships."""

import json
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

APPLICATIONS = (
    "dagster-tenant",
    "dagster-user-code",
    "deploy-orchestrator",
    "edge-inference",
    "postgresql",
    "tenant-platform",
)
EVERY = (*APPLICATIONS, "platform-library")


@pytest.mark.parametrize("chart", APPLICATIONS)
@pytest.mark.parametrize("kubernetes", ["v1.29.0", "v1.34.0"])
def test_helm_lint_has_nothing_to_say(charts: Path, chart: str, kubernetes: str) -> None:
    report = helm_python.lint(
        charts / chart, strict=True, with_subcharts=True, namespace="analytics-dev", kube_version=kubernetes
    )
    assert report["errors"] == []
    assert report["messages"] == []


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_the_lock_names_every_dependency_and_its_chart_is_there(charts: Path, chart: str) -> None:
    assert {entry["status"] for entry in helm_python.dependency_list(charts / chart)} == {"ok"}


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_the_same_values_give_the_same_bytes(charts: Path, chart: str) -> None:
    with helm_python.Chart.load(charts / chart) as one, helm_python.Chart.load(charts / chart) as other:
        assert one.render(name="a", namespace="b") == other.render(name="a", namespace="b")


@pytest.mark.parametrize("chart", EVERY)
def test_templates_ask_neither_the_clock_nor_chance_nor_the_cluster(charts: Path, chart: str) -> None:
    for template in (charts / chart / "templates").rglob("*.*"):
        assert not re.search(
            r"\b(now|lookup|rand\w+|shuffle|uuidv4|gen(CA|PrivateKey|SelfSigned|Signed)\w*|htpasswd|getHostByName)\b",
            template.read_text(),
        ), template


@pytest.mark.parametrize("chart", EVERY)
def test_named_templates_carry_the_name_of_their_chart(charts: Path, chart: str) -> None:
    names = [
        name
        for template in (charts / chart / "templates").rglob("*.*")
        for name in re.findall(r'define "([^"]+)"', template.read_text())
    ]
    assert all(name.startswith(f"{chart}.") for name in names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("chart", EVERY)
def test_every_named_template_is_used(charts: Path, chart: str) -> None:
    everything = "\n".join(path.read_text() for path in charts.glob("*/templates/**/*.*"))
    for template in (charts / chart / "templates").rglob("*.*"):
        for name in re.findall(r'define "([^"]+)"', template.read_text()):
            assert f'include "{name}"' in everything, name


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_values_yaml_shows_every_setting(charts: Path, chart: str) -> None:
    shown = set(defaults(yaml.safe_load((charts / chart / "values.yaml").read_text())))
    without_default = {("defaults", "image", "repository"), ("defaults", "image", "tag")}
    of_parents = {("enabled",), ("global",), ("platform-library",)}
    for path, _ in settings(schema(charts, chart)):
        assert "*" in path or path in shown | without_default | of_parents, ".".join(path)


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_the_schema_describes_every_setting_and_takes_no_other(charts: Path, chart: str) -> None:
    for path, definition in settings(schema(charts, chart)):
        assert definition.get("description"), ".".join(path)
        if "properties" in definition and path[0] not in ("global", "platform-library", "postgresql"):
            assert definition["additionalProperties"] is False, ".".join(path)


def test_schemas_mean_the_same_by_the_same_name(charts: Path) -> None:
    seen: dict[str, Any] = {}
    for chart in APPLICATIONS:
        for name, definition in schema(charts, chart)["definitions"].items():
            assert seen.setdefault(name, definition) == definition, f"{chart}: {name}"


@pytest.mark.parametrize("chart", ["dagster-tenant", "dagster-user-code"])
def test_the_dagster_that_ships_is_the_one_that_these_tests_ask(
    charts: Path, chart: str, read: Callable[[Path], Any]
) -> None:
    shipped = read(charts / chart / "Chart.yaml")["appVersion"]
    assert shipped.rpartition(".")[0] == version("dagster").rpartition(".")[0]


def schema(charts: Path, chart: str) -> dict[str, Any]:
    return json.loads((charts / chart / "values.schema.json").read_text())


def settings(root: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    def walk(
        definition: dict[str, Any], path: tuple[str, ...]
    ) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        for name, below in definition.get("properties", {}).items():
            resolved = root["definitions"][below["$ref"].rpartition("/")[2]] if "$ref" in below else below
            yield (*path, name), resolved
            yield from walk(resolved, (*path, name))
        entries = definition.get("additionalProperties")
        if isinstance(entries, dict):
            yield from walk(entries, (*path, "*"))

    return walk(root, ())


def defaults(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from defaults(value, (*path, key))
