from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deploy_orchestrator.charts import Chart, Harm, duplicates, load
from deploy_orchestrator.documents import dump

MakeChart = Callable[..., Path]
Make = Callable[[Mapping[str, str]], Chart]

CRD = (
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: xs.example.org\n"
)
SECRET = "kind: Secret\nmetadata:\n  name: shared\n"


@pytest.fixture
def make(make_chart: MakeChart) -> Make:
    """A chart with the subcharts a and b, of which a can be switched off."""

    def build(files: Mapping[str, str]) -> Chart:
        dependencies = [
            {"name": name, "version": "1.x", "repository": "", "condition": f"{name}.on"} for name in "ab"
        ]
        own = {
            f"charts/{name}/Chart.yaml": dump({"apiVersion": "v2", "name": name, "version": "1.0.0"})
            for name in "ab"
        }
        return load(make_chart({"name": "web", "dependencies": dependencies}, {**own, **files}))

    return build


def both(path: str, one: str, other: str) -> dict[str, str]:
    return {f"charts/a/{path}": one, f"charts/b/{path}": other}


def test_a_definition_that_two_charts_bring_in_other_versions_is_harmful(make: Make) -> None:
    older = f"{CRD}spec: {{scope: Cluster}}\n"
    (found,) = duplicates(make(both("crds/x.yaml", CRD, older)))
    assert (found.kind, found.name, found.namespace) == ("CustomResourceDefinition", "xs.example.org", None)
    assert [str(source) for source in found.sources] == [
        "web/charts/a/crds/x.yaml:1",
        "web/charts/b/crds/x.yaml:1",
    ]
    assert found.harm is Harm.HARMFUL


@pytest.mark.parametrize("other", [CRD, f"# the same\n---\n{CRD}---\n", CRD.replace("  name", "    name")])
def test_equal_definitions_do_no_harm(make: Make, other: str) -> None:
    (found,) = duplicates(make(both("crds/x.yaml", CRD, other)))
    assert found.harm is Harm.NONE


@pytest.mark.parametrize(
    "other",
    [
        f"{SECRET}data: {{{{ toYaml .Values.data | nindent 2 }}}}\n",
        'kind: "Secret"\nmetadata: {name: shared}\ntype: Opaque\n',
        "kind: A\n---\nmetadata:\n  labels: {{- include `x` . | nindent 4 }}\n  name: shared\nkind: Secret\n",
        "{{- $x := 1 }}\n{{/* c */}}\n" + SECRET + "data: {a: b}\n",
    ],
)
def test_two_charts_with_one_object_are_harmful(make: Make, other: str) -> None:
    (found,) = duplicates(make(both("templates/x.yaml", SECRET, other)))
    assert (found.kind, found.name) == ("Secret", "shared")
    assert found.harm is Harm.HARMFUL


@pytest.mark.parametrize(
    "other",
    [
        "{{ if .Values.on }}\n" + SECRET + "data: {}\n{{ end }}\n",
        "{{- range .Values.list }}\n---\n" + SECRET + "data: {}\n{{- end }}\n",
        "{{- with .Values.x -}}" + SECRET + "data: {}{{ end }}",
    ],
)
def test_an_object_under_a_condition_is_unknown(make: Make, other: str) -> None:
    (found,) = duplicates(make(both("templates/x.yaml", SECRET, other)))
    assert found.harm is Harm.UNKNOWN


@pytest.mark.parametrize(
    "other",
    [
        SECRET.replace("shared", "{{ .Release.Name }}-shared"),
        SECRET.replace("shared", "other"),
        SECRET.replace("Secret", "{{ .Values.kind }}"),
        SECRET + "  namespace: elsewhere\n",
        '{{ define "x" }}' + SECRET + "{{ end }}",
        "",
        "just: text",
        "a: [",
    ],
)
def test_other_objects_are_no_duplicates(make: Make, other: str) -> None:
    assert duplicates(make(both("templates/x.yaml", SECRET, other))) == ()


def test_what_is_no_manifest_brings_nothing(make: Make) -> None:
    assert duplicates(make(both("templates/_x.yaml", SECRET, SECRET))) == ()
    assert duplicates(make(both("templates/NOTES.txt", SECRET, SECRET))) == ()
    assert duplicates(make(both("crds/README.md", CRD, CRD))) == ()


def test_one_chart_may_write_an_object_in_several_branches(make: Make) -> None:
    branches = "{{ if .x }}\n" + SECRET + "{{ else }}\n---\n" + SECRET + "{{ end }}\n"
    assert duplicates(make({"charts/a/templates/x.yaml": branches})) == ()


def test_a_switched_off_chart_brings_nothing(make: Make) -> None:
    chart = make(both("crds/x.yaml", CRD, f"{CRD}spec: {{}}\n"))
    assert len(duplicates(chart, {})) == 1
    assert duplicates(chart, {"a": {"on": False}}) == ()
