"""What people get wrong or mean badly fails the tenant that it is of, by name and place; the others go on."""

from typing import Any

import pytest

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.manifests import Manifests, Workspace, check, render_all

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {text: {{ .Values.image.repository | quote }}}
"""
DEFAULTS = "image: {repository: ghcr.io/acme/web}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
TWICE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\n"

GOOD = {"templates/a.yaml": CONFIG_MAP}
LATIN = "caf\xe9".encode("latin-1")

# what is wrong, files of the chart, files of the tenant, what is said, where
BAD: dict[str, tuple[dict[str, str | bytes], dict[str, str | bytes], str, str]] = {
    "a value of the wrong type": (
        {**GOOD},
        {"values.yaml": "image: ghcr.io/acme/web\n"},
        "repository",
        "charts/bad/templates/a.yaml:4",
    ),
    "a mapping where a list is looped over": (
        {"templates/a.yaml": "{{ range .Values.hosts }}{{ .name }}{{ end }}"},
        {"values.yaml": "hosts: {a: b}\n"},
        "can't evaluate field name",
        "charts/bad/templates/a.yaml:1",
    ),
    "a template that prints invalid YAML": (
        {"templates/a.yaml": "a: b\n---\nkind: [\n"},
        {},
        "did not find expected",
        "charts/bad/templates/a.yaml:3",
    ),
    "a template that prints text": (
        {"templates/a.yaml": "hello, world\n"},
        {},
        "not a Kubernetes object",
        "charts/bad/templates/a.yaml:1",
    ),
    "two documents of one name": (
        {"templates/a.yaml": TWICE, "templates/b.yaml": TWICE},
        {},
        "printed here and by charts/bad/templates/a.yaml:1",
        "charts/bad/templates/b.yaml:1",
    ),
    "a bomb in values": ({**GOOD}, {"values.yaml": BOMB}, "aliases", "tenants/bad/values.yaml:"),
    "a bomb in a template": ({"templates/a.yaml": BOMB}, {}, "aliases", "charts/bad/templates/a.yaml:"),
    "a bomb in a chart's defaults": ({**GOOD, "values.yaml": BOMB}, {}, "aliases", "values.yaml:"),
    "values that are not UTF-8": (
        {**GOOD},
        {"values.yaml": b"image: {repository: " + LATIN + b"}\n"},
        "not UTF-8",
        "tenants/bad/values.yaml:1",
    ),
    "a template that is not UTF-8": (
        {"templates/a.yaml": CONFIG_MAP.encode() + b"# " + LATIN},
        {},
        "not UTF-8",
        "charts/bad/templates/a.yaml:",
    ),
    "a Chart.yaml that is not UTF-8": (
        {**GOOD, "Chart.yaml": b"apiVersion: v2\nname: bad\nversion: 0.1.0\ndescription: " + LATIN},
        {},
        "not UTF-8",
        "charts/bad/Chart.yaml:4",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_named_with_its_place_and_stops_nobody_else(
    what: str, on_disk: Any, workspace: Workspace
) -> None:
    chart, tenant, said, place = BAD[what]
    on_disk.chart("bad", {"values.yaml": DEFAULTS, **chart})
    on_disk.tenant("bad", tenant, environments=["dev"])
    on_disk.chart("good", {"values.yaml": DEFAULTS, "templates/a.yaml": CONFIG_MAP})
    on_disk.tenant("good", environments=["dev"])
    fleet = on_disk.load()
    results = {each.key: result for each, result in render_all(fleet.deployments(), fleet, workspace)}
    error = fleet.broken.get("bad") or results["dev/bad"]
    assert isinstance(error, OrchestratorError)
    assert said in str(error)
    assert place in str(error)
    assert len(str(error)) < 3_000
    assert isinstance(results["dev/good"], Manifests)


def test_anchors_that_are_no_bomb_are_read_as_helm_reads_them(on_disk: Any, workspace: Workspace) -> None:
    on_disk.chart("ml", {"values.yaml": DEFAULTS, "templates/a.yaml": CONFIG_MAP})
    on_disk.tenant(
        "ml", {"values.yaml": "x: &x {repository: theirs}\nimage: {<<: *x}\n"}, environments=["dev"]
    )
    fleet = on_disk.load()
    ((_, rendered),) = render_all(fleet.deployments(), fleet, workspace)
    assert isinstance(rendered, Manifests)
    assert b'"text":"theirs"' in rendered.canonical


def test_a_config_map_of_ten_megabytes_is_an_error_of_a_check(on_disk: Any, workspace: Workspace) -> None:
    large = (
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata: {text: {{ repeat 10485760 "x" }}}\n'
    )
    on_disk.chart("ml", {"templates/a.yaml": large})
    on_disk.tenant("ml", environments=["dev"])
    fleet = on_disk.load()
    ((deployment, rendered),) = render_all(fleet.deployments(), fleet, workspace)
    assert isinstance(rendered, Manifests)
    errors = [each for each in check(rendered, deployment) if "ConfigMap" in str(each.object)]
    assert any("1,048,576" in each.message for each in errors if each.severity == "error")
    assert all(len(str(each)) < 1_000 for each in errors)
