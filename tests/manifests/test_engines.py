"""Both engines give the same objects for the same chart: Helm in process, and the `helm` program.

A chart that reads `.Capabilities` goes to the program where the environment has another Kubernetes version
than Helm in process. Without `helm` on PATH those tests are skipped.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy_orchestrator.documents import parse_all
from deploy_orchestrator.manifests import ManifestError, Manifests, RenderError, Workspace, hooks, render

READS_CAPABILITIES = '{{ define "reads" }}{{ .Capabilities.KubeVersion }}{{ end }}'

Chart = dict[str, str] | dict[str, bytes]
Rendered = Callable[[Chart, str], Manifests]


ROOT = Path(__file__).parents[2]
OWN, HARD = Path(__file__).with_name("charts"), ROOT / "tests/data/charts"
OTHER_EACH_TIME = {"capabilities", "volatile"}
IN_PROCESS, OTHER = "1.36", "1.34"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


@pytest.fixture
def rendered(on_disk: Any, workspace: Workspace) -> Rendered:
    """A chart rendered for a Kubernetes version: that of Helm in process, or another, by the program."""

    def rendered(chart: Chart, kubernetes: str) -> Manifests:
        fleet = yaml.safe_load((on_disk.path / "fleet.yaml").read_text())
        fleet["environments"][0]["kubernetes"] = kubernetes
        on_disk.write({"fleet.yaml": yaml.safe_dump(fleet)})
        on_disk.chart("ml", {"templates/_reads.tpl": READS_CAPABILITIES})
        on_disk.write({f"charts/ml/{file}": content for file, content in chart.items()})
        on_disk.tenant("ml")
        loaded = on_disk.load()
        return render(loaded.deployment("dev", "ml"), loaded, workspace)

    return rendered


def own(manifests: Manifests) -> list[Any]:
    return [each.body for each in manifests.objects if each.name != "platform"]


def cases() -> Iterator[Any]:
    """Every hard chart with its defaults and with the values of each case that it comes with."""
    for folder in sorted([*OWN.iterdir(), *(path for path in HARD.iterdir() if path.is_dir())]):
        if folder.name not in OTHER_EACH_TIME:
            for values in (None, *sorted(folder.glob("ci/*-values.yaml"))):
                case = f"-{values.name.removesuffix('-values.yaml')}" if values else ""
                yield pytest.param(folder, values, id=f"{folder.name}{case}")


@pytest.mark.helm
@pytest.mark.parametrize(("folder", "values"), [*cases()])
def test_both_engines_give_the_same_objects_or_fail_at_the_same_place(
    on_disk: Any, workspace: Workspace, folder: Path, values: Path | None
) -> None:
    name = yaml.safe_load((folder / "Chart.yaml").read_text())["name"]
    version = yaml.safe_load((folder / "Chart.yaml").read_text())["version"]
    shutil.copytree(folder, on_disk.path / "charts" / name)
    on_disk.write({f"charts/{name}/templates/_reads.tpl": READS_CAPABILITIES})
    given = {"values.yaml": values.read_text()} if values else {}
    on_disk.tenant("ml", given, chart={"name": name, "version": version})
    in_process, by_program = (outcome(on_disk, workspace, kubernetes) for kubernetes in (IN_PROCESS, OTHER))
    assert by_program == in_process


@pytest.mark.helm
@pytest.mark.parametrize("folder", sorted(OWN.iterdir()), ids=lambda folder: folder.name)
@pytest.mark.parametrize("kubernetes", [IN_PROCESS, OTHER])
def test_texts_are_to_the_letter_those_that_helm_template_prints(
    on_disk: Any, workspace: Workspace, folder: Path, kubernetes: str
) -> None:
    shutil.copytree(folder, on_disk.path / "charts" / "ml")
    if kubernetes == OTHER:
        on_disk.write({"charts/ml/templates/_reads.tpl": READS_CAPABILITIES})
    on_disk.tenant("ml")
    command = ["helm", "template", "ml", on_disk.path / "charts" / "ml", "--include-crds", "-n", "ml-dev"]
    command += ["--kube-version", f"{kubernetes}.0"]
    printed = subprocess.run(command, check=True, capture_output=True).stdout
    bodies = [each.value for each in parse_all(printed, "printed") if each.value]
    expected = {each["metadata"]["name"]: told(each) for each in bodies}
    found = outcome(on_disk, workspace, kubernetes)
    assert isinstance(found, tuple), found
    objects = [each for each in found[0].objects if each.name != "platform" and not hooks.is_test(each)]
    assert {each.name: told(each.body) for each in objects} == expected


def told(body: Mapping[str, Any]) -> dict[str, Any]:
    """An object without its namespace, which `helm install` sets and `helm template` does not print."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "namespace"}
    return {**body, "metadata": metadata}


def outcome(on_disk: Any, workspace: Workspace, kubernetes: str) -> Any:
    """What comes of the tenant `ml`: its objects, chart and findings, or the error's type and place."""
    fleet = yaml.safe_load((on_disk.path / "fleet.yaml").read_text())
    fleet["environments"][0]["kubernetes"] = kubernetes
    on_disk.write({"fleet.yaml": yaml.safe_dump(fleet)})
    loaded = on_disk.load()
    try:
        manifests = render(loaded.deployment("dev", "ml"), loaded, workspace)
    except ManifestError as error:
        return type(error), error.place and error.place.file
    return manifests, manifests.chart, [(each.rule, each.message) for each in manifests.findings]


@pytest.mark.helm
def test_both_engines_give_the_same_objects_for_the_charts_that_ship(
    on_disk: Any, workspace: Workspace
) -> None:
    shutil.copytree(ROOT / "charts", on_disk.path / "charts", dirs_exist_ok=True)
    shutil.copytree(ROOT / "examples/fleet/tenants", on_disk.path / "tenants")
    for chart in ("tenant-platform", "dagster-tenant"):
        on_disk.write({f"charts/{chart}/templates/_reads.tpl": READS_CAPABILITIES})
    fleet = yaml.safe_load((on_disk.path / "fleet.yaml").read_text())
    fleet["environments"].append({"name": "staging", "cluster": "here", "kubernetes": IN_PROCESS})
    found: list[list[Manifests]] = []
    for kubernetes in (IN_PROCESS, OTHER):
        for environment in fleet["environments"]:
            environment["kubernetes"] = kubernetes
        on_disk.write({"fleet.yaml": yaml.safe_dump(fleet)})
        loaded = on_disk.load()
        found.append([render(each, loaded, workspace) for each in loaded.deployments()])
    assert len(found[0]) == 9
    assert found[0] == found[1]


BROKEN: dict[str, tuple[Chart, str]] = {
    "a nil value": ({"templates/a.yaml": "\n{{ .Values.a.b }}"}, "charts/ml/templates/a.yaml:2: "),
    "a failure": ({"templates/a.yaml": "{{ fail `no` }}"}, "charts/ml/templates/a.yaml:1: "),
    "no YAML": ({"templates/a.yaml": "a: b\n---\nb:\n  - x\n c: d\n"}, "charts/ml/templates/a.yaml:5: "),
    "a schema": (
        {"values.yaml": "port: x", "values.schema.json": '{"properties": {"port": {"type": "integer"}}}'},
        "charts/ml/values.yaml: port: got string, want integer",
    ),
}


@pytest.mark.parametrize("kubernetes", [IN_PROCESS, pytest.param(OTHER, marks=pytest.mark.helm)])
@pytest.mark.parametrize(("chart", "message"), BROKEN.values(), ids=BROKEN)
def test_both_engines_name_the_place_of_an_error(
    rendered: Rendered, chart: Chart, message: str, kubernetes: str
) -> None:
    with pytest.raises(RenderError) as error:
        rendered(chart, kubernetes)
    assert str(error.value).startswith(message)


@pytest.mark.helm
def test_the_program_is_told_the_kubernetes_version(rendered: Rendered) -> None:
    chart: Chart = {
        "templates/a.yaml": CONFIG_MAP + "data: {version: '{{ .Capabilities.KubeVersion.Version }}'}"
    }
    assert own(rendered(chart, OTHER))[0]["data"] == {"version": "v1.34.0"}
    assert own(rendered(chart, IN_PROCESS))[0]["data"] == {"version": "v1.36.0"}


@pytest.mark.helm
@pytest.mark.parametrize(
    "printed",
    [
        '{{ printf "{{x}}%s" .Capabilities.KubeVersion.Version }}',
        '{{ printf `}}%s` (index . "Capabilities").KubeVersion.Version }}',
        '{{ tpl "{{ .Capabilities.KubeVersion.Version }}" . }}',
        "{{ tpl .Values.text . }}",
    ],
)
def test_a_question_for_the_kubernetes_version_is_seen_beside_braces_in_strings(
    on_disk: Any, workspace: Workspace, printed: str
) -> None:
    template = f"{CONFIG_MAP}data:\n  version: {printed}\n".replace("version: ", "version: x")
    on_disk.chart("ml", {"templates/a.yaml": template})
    text = """text: '{{ printf "}}%s" .Capabilities.KubeVersion.Version }}'"""
    on_disk.tenant("ml", {"values.yaml": text})
    loaded = on_disk.load()
    found = own(render(loaded.deployment("production", "ml"), loaded, workspace))[0]
    assert found["data"]["version"].endswith("v1.34.0")


@pytest.mark.helm
def test_the_version_of_helm_does_not_change_with_the_kubernetes_version(rendered: Rendered) -> None:
    chart: Chart = {
        "templates/a.yaml": CONFIG_MAP + "data: {helm: '{{ .Capabilities.HelmVersion.Version }}'}"
    }
    assert own(rendered(chart, OTHER)) == own(rendered(chart, IN_PROCESS))


@pytest.mark.helm
def test_the_program_is_told_the_api_versions(on_disk: Any, workspace: Workspace) -> None:
    has = "data: {has: '{{ .Capabilities.APIVersions.Has `x.io/v1` }}'}"
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP + has})
    on_disk.tenant("ml")
    fleet = yaml.safe_load((on_disk.path / "fleet.yaml").read_text())
    fleet["environments"][0]["apiVersions"] = ["x.io/v1"]
    on_disk.write({"fleet.yaml": yaml.safe_dump(fleet)})
    loaded = on_disk.load()
    found = [own(render(each, loaded, workspace))[0]["data"] for each in loaded.deployments()]
    assert found == [{"has": "true"}, {"has": "false"}]


def test_without_the_program_a_chart_that_needs_it_fails_with_what_to_do(
    rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart: Chart = {"templates/a.yaml": CONFIG_MAP}
    monkeypatch.setattr(shutil, "which", lambda _: None)
    message = r"reads \.Capabilities.*1\.36.* not for 1\.34\n  fix: put a helm 4 program on PATH"
    with pytest.raises(RenderError, match=message):
        rendered(chart, OTHER)


def test_a_chart_that_reads_no_capabilities_needs_no_program(
    on_disk: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP, "README.md": "It reads no .Capabilities."})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert own(render(fleet.deployment("production", "ml"), fleet, workspace))
