import json
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.charts import UnsafeChart
from deploy_orchestrator.manifests import Workspace, lint, render
from deploy_orchestrator.manifests.workers import Workers

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def test_a_sound_chart_has_nothing_against_it(on_disk: Any, workspace: Workspace) -> None:
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP, "values.yaml": ""})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    assert [
        each for each in lint(fleet.deployment("dev", "ml"), fleet, workspace) if each.severity == "error"
    ] == []


def test_what_helm_lint_says_is_a_finding_with_its_severity_and_file(
    on_disk: Any, workspace: Workspace
) -> None:
    gone = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n"
    on_disk.chart("ml", {"templates/a.yaml": gone, "templates/b.yaml": "a: 1\n b: 2\n"})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    found = {each.severity: each for each in lint(fleet.deployment("dev", "ml"), fleet, workspace)}
    assert {each.rule for each in found.values()} == {"lint"}
    assert found["warning"].message.startswith(
        "charts/ml/templates/a.yaml: policy/v1beta1 PodDisruptionBudget"
    )
    assert found["error"].message.startswith("charts/ml/templates/b.yaml: unable to parse YAML")


def test_what_does_not_lint_clean_by_itself_is_linted_with_the_tenants_values(
    on_disk: Any, workspace: Workspace
) -> None:
    template = CONFIG_MAP.replace("name: a", "name: {{ .Values.name }}")
    on_disk.chart("ml", {"templates/a.yaml": template, "values.yaml": "name: Not_fine"})
    on_disk.tenant("ml", {"values-dev.yaml": "name: fine", "values-production.yaml": "name: Worse_still"})
    fleet = on_disk.load()
    assert not lint(fleet.deployment("dev", "ml"), fleet, workspace)
    (finding,) = lint(fleet.deployment("production", "ml"), fleet, workspace)
    assert '"Worse_still"' in finding.message


def test_what_lints_clean_by_itself_is_linted_once_for_all_tenants(
    on_disk: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = Workers.ask
    monkeypatch.setattr(
        Workers,
        "ask",
        lambda self, task, request: asked.append(request["chart"]) or ask(self, task, request),
    )
    template = CONFIG_MAP.replace("name: a", "name: {{ .Values.name }}")
    on_disk.chart("ml", {"templates/a.yaml": template, "values.yaml": "name: fine"})
    for name in ("one", "two", "three"):
        on_disk.tenant(name, {"values.yaml": f"name: of-{name}"}, chart={"name": "ml", "version": "0.1.0"})
    fleet = on_disk.load()
    found = [lint(fleet.deployment("dev", name), fleet, workspace) for name in ("one", "two", "three")]
    assert found == [[], [], []]
    assert asked
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"$ref": "http://127.0.0.1:9/meta"}, r"\$ref leads out of the chart, to http://127.0.0.1:9/meta"),
        ({"$ref": "file:///etc/passwd"}, "to file:///etc/passwd"),
        ({"$ref": "other.json"}, "to other.json"),
        ({"properties": {"a": {"allOf": [{"$ref": "../../values.schema.json#/a"}]}}}, "leads out"),
        ({"$id": "http://example.com/a", "$ref": "http://example.com/a"}, "leads out"),
        ({"$dynamicRef": "http://127.0.0.1:9/meta#a"}, "dynamicRef leads out"),
        ({"$schema": "http://127.0.0.1:9/meta"}, r"\$schema leads out"),
    ],
)
@pytest.mark.parametrize("in_subchart", [False, True])
def test_a_schema_that_leads_out_of_the_chart_is_neither_linted_nor_rendered(
    on_disk: Any, workspace: Workspace, schema: dict[str, Any], said: str, in_subchart: bool
) -> None:
    below = "charts/sub/" if in_subchart else ""
    on_disk.chart(
        "ml",
        {
            "templates/a.yaml": CONFIG_MAP,
            f"{below}values.schema.json": json.dumps(schema),
            "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
        },
    )
    on_disk.tenant("ml")
    fleet = on_disk.load()
    for use in (lint, render):
        with pytest.raises(UnsafeChart, match=said) as error:
            use(fleet.deployment("dev", "ml"), fleet, workspace)
        assert Path(str(error.value.place)).name == "values.schema.json"


@pytest.mark.parametrize("dialect", ["schema#", "draft-07/schema#", "draft/2020-12/schema"])
def test_a_schema_may_name_a_dialect_that_helm_knows(
    on_disk: Any, workspace: Workspace, dialect: str
) -> None:
    schema = {"$schema": f"http://json-schema.org/{dialect}", "properties": {"a": {"type": "string"}}}
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP, "values.schema.json": json.dumps(schema)})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    assert render(fleet.deployment("dev", "ml"), fleet, workspace).objects


def test_a_schema_may_refer_to_itself(on_disk: Any, workspace: Workspace) -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"port": {"type": "integer"}},
        "properties": {"port": {"$ref": "#/$defs/port"}, "$ref": {"type": "string"}},
    }
    on_disk.chart(
        "ml",
        {
            "templates/a.yaml": CONFIG_MAP,
            "values.schema.json": json.dumps(schema),
            "values.yaml": "port: 1",
        },
    )
    on_disk.tenant("ml")
    fleet = on_disk.load()
    assert render(fleet.deployment("dev", "ml"), fleet, workspace).objects
