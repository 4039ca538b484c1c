from typing import Any

from deploy_orchestrator.manifests import Workspace, lint

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


def test_linting_uses_the_tenants_values(on_disk: Any, workspace: Workspace) -> None:
    template = CONFIG_MAP.replace("name: a", "name: {{ .Values.name }}")
    on_disk.chart("ml", {"templates/a.yaml": template, "values.yaml": "name: fine"})
    on_disk.tenant("ml", {"values-production.yaml": "name: Not_fine"})
    fleet = on_disk.load()
    assert not lint(fleet.deployment("dev", "ml"), fleet, workspace)
    (finding,) = lint(fleet.deployment("production", "ml"), fleet, workspace)
    assert '"Not_fine"' in finding.message
