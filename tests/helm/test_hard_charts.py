"""What real Helm makes of the charts in tests/data/charts: the facts that the rooms rely on."""

import json
import re
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

CHARTS = Path(__file__).parents[1] / "data/charts"


def rendered(chart: str, case: str | None = None) -> dict[str, str]:
    values = yaml.safe_load((CHARTS / chart / "ci" / f"{case}-values.yaml").read_text()) if case else {}
    with helm_python.Chart.load(CHARTS / chart) as loaded:
        return loaded.render(values, name="rel", namespace="ns")


def data(chart: str, case: str | None = None) -> dict[str, dict[str, Any]]:
    """The data of every ConfigMap that the chart prints, by its name."""
    return {
        body["metadata"]["name"]: body.get("data") or {}
        for path, text in rendered(chart, case).items()
        if not path.endswith(".txt")
        for body in yaml.safe_load_all(text)
        if body and body["kind"] == "ConfigMap"
    }


def test_every_chart_is_described() -> None:
    described = set(re.findall(r"^\| `([a-z0-9-]+)` \|", (CHARTS / "README.md").read_text(), re.MULTILINE))
    assert described == {path.name for path in CHARTS.iterdir() if path.is_dir()}


def test_an_alias_is_the_name_of_its_chart_everywhere() -> None:
    assert data("aliases") == {
        "rel-cache": {"size": "1", "path": "aliases/charts/cache/templates/configmap.yaml"},
        "rel-sessions": {"size": "2", "path": "aliases/charts/sessions/templates/configmap.yaml"},
    }
    assert data("aliases", "queue")["rel-queue-cache"]["size"] == "3"


def test_requirements_of_api_v1_are_dependencies() -> None:
    assert set(data("api-v1")) == {"parent", "below"}
    assert set(data("api-v1", "off")) == {"parent"}


def test_a_broken_template_is_told_with_its_place() -> None:
    with pytest.raises(helm_python.HelmRenderError, match=r"broken-template/templates/configmap\.yaml:4:18"):
        rendered("broken-template")


def test_bad_yaml_passes_the_render() -> None:
    [text] = rendered("broken-yaml").values()
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(text)


def test_the_first_boolean_of_a_condition_wins_over_tags_and_any_true_tag_enables() -> None:
    assert set(data("conditions")) == {"first", "third", "inner"}
    assert set(data("conditions", "tags")) == {"second", "third", "inner"}
    assert set(data("conditions", "nested")) == {"first", "third"}


def test_crds_are_no_templates() -> None:
    with helm_python.Chart.load(CHARTS / "crds") as chart:
        crds = {crd["filename"]: crd["data"] for crd in chart.crds}
        printed = chart.render({})
    assert len(crds) == 3
    assert "{{ .Values.anything }}" in "".join(crds.values())
    assert sum(len(list(yaml.safe_load_all(text))) for text in crds.values()) == 3
    assert "templated.example.com" in "".join(printed.values())


def test_documents_come_in_every_shape() -> None:
    printed = rendered("documents")
    bodies = [body for text in printed.values() for body in yaml.safe_load_all(text) if body]
    names = {body["metadata"]["name"] for body in bodies if body["kind"] == "ConfigMap"}
    assert {"one", "two", "anchors", "crlf", "nested-folder"} <= names
    assert [body["kind"] for body in bodies].count("List") == 1
    assert data("documents")["anchors"] == {"app": "documents", "other": "1"}
    assert data("documents")["crlf"] == {"text": "a\nb\n"}


def test_ignored_files_are_not_there() -> None:
    files = data("files")["files"]
    assert (files["a.conf"], files["b.conf"]) == ("key = a\n", "key = b\n")
    assert (files["missing"], files["ignored"]) == ("", "0")


def test_globals_flow_down_and_the_parent_wins() -> None:
    seen = {name: json.loads(values["global"]) for name, values in data("globals").items()}
    middle = {
        "registry": "registry.example.com",
        "own": "of middle",
        "middle-only": "set by the parent",
        "nested": {"from-parent": "yes", "from-middle": "yes"},
    }
    assert seen == {
        "parent": {"registry": "registry.example.com", "nested": {"from-parent": "yes"}},
        "middle": middle,
        "leaf": {**middle, "leaf": "of leaf"},
    }


def test_imported_values_give_way_to_the_parents_own() -> None:
    importer = data("import-values")["importer"]
    assert (importer["port"], importer["protocol"]) == ("9000", "http")
    assert json.loads(importer["taken"]) == {"mine": "yes", "theirs": "yes"}


def test_a_library_prints_nothing_by_itself() -> None:
    assert data("library") == {"rel-library": {"from": "library", "value": "of the library"}}


def test_of_two_versions_of_a_library_all_get_the_templates_of_one() -> None:
    assert {values["labels"] for values in data("library-conflict").values()} == {"labels of common 1.0.0"}
    with helm_python.Chart.load(CHARTS / "library-conflict") as chart:
        without_a = chart.render({"a": {"enabled": False}})
    assert "labels of common 2.0.0" in "".join(without_a.values())


def test_lookup_finds_nothing() -> None:
    assert data("lookup") == {"lookup": {"found": "false", "password": "none", "namespaces": "0"}}


def test_a_template_that_includes_itself_fails() -> None:
    with pytest.raises(helm_python.HelmRenderError, match="loop"):
        rendered("loop")


def test_the_shallowest_definition_wins_then_the_smallest_path_and_never_an_empty_one() -> None:
    seen = data("named-templates")
    assert {values["who"] for values in seen.values()} == {"parent, _a.tpl"}
    assert {values["siblings"] for values in seen.values()} == {"alpha"}
    assert seen["parent"]["empty"] == "alpha"
    assert seen["parent"]["dynamic"] == "parent"
    assert seen["parent"]["manifest"] == "defined beside an object"


def test_notes_are_rendered_and_are_no_manifest() -> None:
    notes = [text for path, text in rendered("notes").items() if path.endswith("NOTES.txt")]
    assert any("Installed rel in ns." in text for text in notes)
    assert set(data("notes")) == {"notes", "below"}


def test_nulls_from_outside_delete_and_those_of_a_parent_chart_only_beside_values_from_outside() -> None:
    defaults = data("null-deletes")
    assert json.loads(defaults["below"]["settings"]) == {"a": 1, "b": 2}
    deleted = data("null-deletes", "delete")
    assert json.loads(deleted["parent"]["probe"]) == {"exec": {"command": [True]}, "periodSeconds": 10}
    assert json.loads(deleted["parent"]["labels"]) == {"keep": "1"}
    assert json.loads(deleted["parent"]["list"]) is None
    touched = data("null-deletes", "touch")
    assert json.loads(touched["below"]["settings"]) == {"b": 2, "c": 3}


def test_required_and_fail_speak_for_the_chart() -> None:
    assert data("required", "good") == {"required": {"host": "example.com"}}
    with pytest.raises(helm_python.HelmRenderError, match="host must be set"):
        rendered("required")
    with pytest.raises(helm_python.HelmRenderError, match="mode unsupported is not supported"):
        rendered("required", "unsupported")


def test_the_schema_of_a_disabled_subchart_is_not_asked() -> None:
    assert set(data("schema")) == {"schema", "below"}
    assert set(data("schema", "wrong-but-off")) == {"schema"}
    with pytest.raises(helm_python.HelmValuesError, match="replicas"):
        rendered("schema", "wrong")
    with pytest.raises(helm_python.HelmValuesError, match="small"):
        rendered("schema", "wrong-below")


def test_a_parent_sees_enabled_subcharts_only() -> None:
    assert data("subcharts")["parent"] == {"below": "below:8080"}
    assert data("subcharts", "off") == {"parent": {"below": "none"}}


def test_each_tpl_goes_one_level_down() -> None:
    seen = data("tpl")["tpl"]
    assert seen["once"] == "https://example.com/rel?{{ .Values.team }}"
    assert seen["twice"] == "https://example.com/rel?42"
    assert seen["file"] == "Welcome to tpl at example.com"


def test_numbers_are_doubles_and_yaml_is_of_version_1_1() -> None:
    seen: dict[Any, Any] = data("value-types")["value-types"]
    assert seen["million"] == "1e+06"
    assert seen["as-int"] == "1000000"
    assert seen["octal"] == "420"
    assert seen["text-number"] == "0644"
    assert seen["version"] == "1.10"
    assert json.loads(seen["json"])["beyond-doubles"] == 2**53
    assert seen[True] == "on"


def test_time_and_chance_give_other_bytes_each_time() -> None:
    first, second = rendered("volatile"), rendered("volatile")
    changed = {path for path in first if first[path] != second[path]}
    assert changed == {"volatile/templates/secret.yaml"}


def test_hooks_and_tests_are_printed_like_any_object() -> None:
    text = "".join(rendered("hooks").values())
    assert {"post-instal", "pre-install, PRE-UPGRADE ,post-install"} <= set(re.findall(r"hook: (.*)", text))
    assert "test-success" in "".join(rendered("tests").values())


def test_capabilities_are_those_of_a_cluster() -> None:
    seen = data("capabilities")["capabilities"]
    assert seen["minor"].isdigit()
    assert seen["monitors"] == "false"
