import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy_orchestrator.charts import ChartError
from deploy_orchestrator.manifests import (
    ChartUsed,
    Manifests,
    Object,
    PackageUsed,
    Workspace,
    check,
    read_manifests,
    render,
)
from tests.manifests.conftest import FleetOnDisk

Rendered = Callable[..., Manifests]

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {values: {{ .Values | toJson | quote }}}
"""


def names(manifests: Manifests) -> set[str]:
    return {f"{each.kind}/{each.name}" for each in manifests.objects}


def only(manifests: Manifests, kind: str, name: str) -> Object:
    (found,) = (each for each in manifests.objects if (each.kind, each.name) == (kind, name))
    return found


def values_of(manifests: Manifests, name: str = "ml") -> Any:
    return json.loads(only(manifests, "ConfigMap", name).body["data"]["values"])


def config_map(name: str, **data: str) -> str:
    lines = "".join(f"  {key}: '{value}'\n" for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n{lines}"


def test_a_deployment_is_two_releases_into_the_tenants_namespace(rendered: Rendered) -> None:
    manifests = rendered({"templates/a.yaml": CONFIG_MAP})
    assert names(manifests) == {"ConfigMap/platform", "ConfigMap/ml"}
    assert {each.namespace for each in manifests.objects} == {"ml-dev"}
    assert values_of(manifests, "platform") == {
        "environment": "dev",
        "namespace": "ml-dev",
        "owners": ["ml@example.com"],
        "quota": {"cpu": "2", "memory": "4Gi", "pods": 10, "storage": "10Gi"},
        "tenant": "ml",
    }
    assert manifests.chart is not None
    assert (manifests.chart.name, manifests.chart.version) == ("ml", "0.1.0")


def test_value_layers_merge_as_helm_merges_them(rendered: Rendered) -> None:
    chart = {
        "templates/a.yaml": CONFIG_MAP,
        "values.yaml": "a: {b: 1, c: 2, gone: 3}\nlist: [1, 2]\nkeep: yes\n",
        "values-dev.yaml": "a: {b: 5}\nlist: [3]\n",
        "values-tenant-ml-dev.yaml": "a: {d: 6}\n",
    }
    tenant = {
        "values.yaml": "a: {c: 7, gone: null}\n",
        "values-dev.yaml": "list: [9]\n",
        "values-production.yaml": "x: 1",
    }
    assert values_of(rendered(chart, tenant)) == {
        "a": {"b": 5, "c": 7, "d": 6},
        "keep": True,
        "list": [9],
    }


def test_dependencies_follow_conditions_aliases_and_imports(rendered: Rendered, on_disk: Any) -> None:
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\n"
    values = "exports: {shared: {port: 1}}"
    on_disk.chart(
        "db",
        {"templates/a.yaml": config_map("{{ .Chart.Name }}"), "values.yaml": values, "crds/a.yaml": crd},
    )
    dependency = {"name": "db", "version": "0.1.0", "repository": "file://../db"}
    dependencies = [
        {**dependency, "alias": "one", "condition": "one.enabled", "import-values": ["shared"]},
        {**dependency, "alias": "two", "condition": "two.enabled"},
    ]
    chart = {"templates/a.yaml": CONFIG_MAP, "values.yaml": "one: {enabled: false}\ntwo: {enabled: false}"}
    off = rendered(chart, dependencies=dependencies)
    assert names(off) == {"ConfigMap/platform", "ConfigMap/ml"}
    on = rendered(chart, {"values.yaml": "one: {enabled: true}"}, dependencies=dependencies)
    assert names(on) == names(off) | {"ConfigMap/one", "CustomResourceDefinition/a.b"}
    assert values_of(on)["port"] == 1


def test_named_templates_libraries_tpl_and_files_work(rendered: Rendered, on_disk: Any) -> None:
    on_disk.chart(
        "lib",
        {"templates/_a.tpl": '{{ define "lib.name" }}from-{{ .Release.Name }}{{ end }}'},
        type="library",
    )
    manifests = rendered(
        {
            "templates/a.yaml": config_map('{{ include "lib.name" . }}', text="{{ tpl .Values.text . }}"),
            "templates/b.yaml": config_map("file", text='{{ .Files.Get "files/x.txt" | trim }}'),
            "files/x.txt": "hello\n",
            "values.yaml": "text: 'I am {{ .Release.Namespace }}'",
        },
        dependencies=[{"name": "lib", "version": "0.1.0", "repository": "file://../lib"}],
    )
    assert only(manifests, "ConfigMap", "from-ml").body["data"] == {"text": "I am ml-dev"}
    assert only(manifests, "ConfigMap", "file").body["data"] == {"text": "hello"}


def test_notes_and_partials_are_no_manifests(rendered: Rendered) -> None:
    chart = {"templates/a.yaml": CONFIG_MAP, "templates/NOTES.txt": "Hi: [", "templates/_b.yaml": "Hi: ["}
    assert names(rendered(chart)) == {"ConfigMap/platform", "ConfigMap/ml"}


def test_hooks_and_test_pods_keep_their_annotations(rendered: Rendered) -> None:
    hook = config_map("h").replace(
        "{name: h}", '{name: h, annotations: {"helm.sh/hook": "pre-install,pre-upgrade"}}'
    )
    test = hook.replace("name: h,", "name: t,").replace("pre-install,pre-upgrade", "test")
    manifests = rendered({"templates/hook.yaml": hook, "templates/tests/test.yaml": test})
    assert only(manifests, "ConfigMap", "h").hooks == ("pre-install", "pre-upgrade")
    assert only(manifests, "ConfigMap", "t").hooks == ("test",)


def test_an_unknown_hook_that_helm_drops_silently_is_told(rendered: Rendered) -> None:
    hook = config_map("h").replace("{name: h}", '{name: h, annotations: {"helm.sh/hook": "pre-instal"}}')
    manifests = rendered({"templates/hook.yaml": hook})
    assert names(manifests) == {"ConfigMap/platform"}
    (finding,) = manifests.findings
    assert (finding.rule, finding.severity, str(finding.object)) == ("unknown-hook", "error", "ConfigMap h")
    assert "pre-instal" in finding.message


@pytest.mark.parametrize("empty", ["null", '""'])
def test_an_object_with_an_empty_hook_is_left_out_as_helm_does_and_told(
    rendered: Rendered, empty: str
) -> None:
    hook = config_map("h").replace("{name: h}", f'{{name: h, annotations: {{"helm.sh/hook": {empty}}}}}')
    manifests = rendered({"templates/hook.yaml": hook})
    assert names(manifests) == {"ConfigMap/platform"}
    assert [each.rule for each in manifests.findings] == ["unknown-hook"]


def test_lists_are_taken_apart(rendered: Rendered) -> None:
    inner = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"
    typed = "{apiVersion: v1, kind: ConfigMapList, items: [{metadata: {name: b}}]}"
    manifests = rendered({"templates/a.yaml": f"apiVersion: v1\nkind: List\nitems: [{inner}, {typed}]\n"})
    assert names(manifests) == {"ConfigMap/platform", "ConfigMap/a", "ConfigMap/b"}


def test_a_custom_kind_that_is_called_a_list_is_no_list(rendered: Rendered) -> None:
    manifests = rendered({"templates/a.yaml": "{apiVersion: x.io/v1, kind: AllowList, metadata: {name: a}}"})
    assert names(manifests) == {"ConfigMap/platform", "AllowList/a"}


def test_several_documents_comments_and_blanks_are_read_as_helm_does(rendered: Rendered) -> None:
    nothing = "---\n# nothing here\n---\n{{ if false }}x{{ end }}\n---  \n\n"
    text = f"{nothing}{config_map('a')}{nothing}{config_map('b')}---\n"
    assert names(rendered({"templates/a.yaml": text})) == {"ConfigMap/platform", "ConfigMap/a", "ConfigMap/b"}


@pytest.mark.parametrize(
    ("printed", "namespace"),
    [
        ("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", "ml-dev"),
        ("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: other}}", "other"),
        ("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: ''}}", "ml-dev"),
        ("{apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: x}}", None),
        ("{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a}}", None),
        ("{apiVersion: x.io/v1, kind: Thing, metadata: {name: a}}", None),
        ("{apiVersion: x.io/v1, kind: Thing, metadata: {name: a, namespace: b}}", "b"),
    ],
)
def test_objects_go_to_the_namespace_where_helm_install_puts_them(
    rendered: Rendered, printed: str, namespace: str | None
) -> None:
    (object_,) = (each for each in rendered({"templates/a.yaml": printed}).objects if each.name == "a")
    assert object_.namespace == namespace
    assert ("namespace" in object_.body["metadata"]) == (namespace is not None)


def test_a_cluster_scoped_custom_kind_is_known_from_the_crd_beside_it(rendered: Rendered) -> None:
    crd = (
        "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: things.x.io},"
        " spec: {group: x.io, scope: Cluster, names: {kind: Thing, plural: things}}}"
    )
    thing = "{apiVersion: x.io/v1, kind: Thing, metadata: {name: a, namespace: b}}"
    manifests = rendered({"crds/a.yaml": crd, "templates/a.yaml": thing})
    assert only(manifests, "Thing", "a").namespace is None


@pytest.mark.parametrize(("scope", "namespace"), [("Namespaced", "ml-dev"), ("Cluster", None)])
def test_the_scope_of_a_custom_kind_is_known_from_the_fleet(
    on_disk: Any, workspace: Workspace, scope: str, namespace: str | None
) -> None:
    fleet = yaml.safe_load((on_disk.path / "fleet.yaml").read_text())
    fleet["environments"][0]["customKinds"] = {"x.io/Thing": scope}
    on_disk.write({"fleet.yaml": yaml.safe_dump(fleet)})
    on_disk.chart("ml", {"templates/a.yaml": "{apiVersion: x.io/v1, kind: Thing, metadata: {name: a}}"})
    on_disk.tenant("ml")
    loaded = on_disk.load()
    manifests = render(loaded.deployment("dev", "ml"), loaded, workspace)
    assert only(manifests, "Thing", "a").namespace == namespace
    found = {each.rule for each in check(manifests, loaded.deployment("dev", "ml"))}
    assert ("cluster-scoped" in found) is (scope == "Cluster")
    assert "unknown-scope" not in found


def test_numbers_keep_all_their_digits(rendered: Rendered) -> None:
    spec = "{big: 1234567890123456789, mode: 0644}"
    printed = f"{{apiVersion: x.io/v1, kind: Thing, metadata: {{name: a}}, spec: {spec}}}"
    manifests = rendered({"templates/a.yaml": printed})
    assert only(manifests, "Thing", "a").body["spec"] == {"big": 1234567890123456789, "mode": 420}
    assert read_manifests(manifests.files()) == manifests


@pytest.mark.parametrize(
    ("template", "field"),
    [
        (config_map("a", password="{{ randAlphaNum 20 }}"), "data.password"),
        (config_map("a", at="{{ now | unixEpoch }}-{{ uuidv4 }}"), "data.at"),
        (config_map("a-{{ randAlpha 8 | lower }}"), "its name"),
        (config_map("a", text='{{ tpl "{{ uuidv4 }}" . }}'), "data.text"),
        (config_map("a", text='{{ printf "{{%s}}" (randAlphaNum 9) }}'), "data.text"),
        (config_map("a", text='{{ tpl (printf "{{ %s 9 }}" "randAlphaNum") . }}'), "data.text"),
    ],
)
def test_a_chart_that_is_another_each_time_is_found(rendered: Rendered, template: str, field: str) -> None:
    findings = [
        each for each in rendered({"templates/a.yaml": template}).findings if each.rule == "volatile-output"
    ]
    assert findings
    assert findings[0].severity == "error"
    assert field in findings[0].message
    assert findings[0].object is not None
    assert findings[0].object.name.startswith("a")


def test_a_chart_that_only_might_be_volatile_is_not_accused(rendered: Rendered) -> None:
    sorted_keys = config_map("a", keys='{{ keys .Values | sortAlpha | join "," }}')
    assert rendered({"templates/a.yaml": sorted_keys, "values.yaml": "b: 1\na: 2\nc: 3"}).findings == ()


def test_a_chart_that_asks_for_the_time_is_told_though_it_renders_the_same_today(rendered: Rendered) -> None:
    template = config_map("a", day='{{ now | date "2006" }}')
    assert [each.rule for each in rendered({"templates/a.yaml": template}).findings] == ["clock"]


@pytest.mark.parametrize(
    "asked",
    [
        '{{ keys .Values.m | join "," }}',
        "{{ first (values .Values.m) }}",
        '{{ $k := keys .Values.m }}{{ join "," $k }}',
        "{{ $k := keys .Values.m | uniq }}{{ $l := $k }}{{ range $l }}{{ . }}{{ end }}",
        "{{ if and true (gt (len (keys .Values.m)) 0) }}{{ last (keys .Values.m) }}{{ end }}",
        '{{ "{{" }}{{ keys .Values.m | join "}}" }}',
    ],
)
def test_keys_in_no_order_are_told_by_reading_however_they_come_out(rendered: Rendered, asked: str) -> None:
    findings = rendered(
        {"templates/a.yaml": config_map("a", text=asked), "values.yaml": "m: {a: 1}"}
    ).findings
    assert [each.rule for each in findings] == ["unordered"]


@pytest.mark.parametrize(
    "asked",
    [
        '{{ keys .Values.m | uniq | sortAlpha | join "," }}',
        '{{ join "," (sortAlpha (concat (keys .Values.m) (list "x"))) }}',
        "{{ $k := keys .Values.m }}{{ range $k | sortAlpha }}{{ . }}{{ end }}",
        '{{ $k := keys .Values.m | sortAlpha }}{{ join "," $k }}',
        '{{ if has "a" (keys .Values.m) }}{{ len (values .Values.m) }}{{ end }}',
        "{{ if false }}{{ else if keys .Values.m }}{{ .Values.keys }}{{ end }}",
        "{{ range $values := list 1 }}{{ $values }}{{ end }}",
    ],
)
def test_keys_whose_order_makes_no_difference_are_not_accused(rendered: Rendered, asked: str) -> None:
    assert (
        rendered({"templates/a.yaml": config_map("a", text=asked), "values.yaml": "m: {a: 1, b: 2}"}).findings
        == ()
    )


def test_the_order_of_a_map_is_found_volatile(rendered: Rendered) -> None:
    asked = '{{ keys .Values.m | join "," }}'
    values = f"m: {{{', '.join(f'k{each}: 1' for each in range(9))}}}"
    findings = rendered({"templates/a.yaml": config_map("a", text=asked), "values.yaml": values}).findings
    assert {each.rule for each in findings} == {"unordered", "volatile-output"}


def test_a_date_of_what_is_no_time_is_that_of_today_and_told(rendered: Rendered) -> None:
    template = config_map("a", day='{{ date "2006" .Values.day }}')
    manifests = rendered({"templates/a.yaml": template, "values.yaml": "day: never"})
    assert [each.rule for each in manifests.findings] == ["clock"]


def test_lookup_finds_nothing_and_says_so(rendered: Rendered) -> None:
    template = config_map("a", found='{{ lookup "v1" "Secret" "a" "b" | toJson }}')
    manifests = rendered({"templates/a.yaml": template})
    assert only(manifests, "ConfigMap", "a").body["data"] == {"found": "{}"}
    assert [each.rule for each in manifests.findings] == ["lookup"]


def a_repository(folder: Path, files: dict[str, str], **metadata: Any) -> dict[str, str]:
    """A chart repository that is mirrored in a folder, with one chart `web` in version 1.0.0."""
    about = yaml.safe_dump({"apiVersion": "v2", "name": "web", "version": "1.0.0", **metadata})
    with tarfile.open(folder / "web-1.0.0.tgz", "w:gz") as package:
        for name, text in {"Chart.yaml": about, **files}.items():
            member = tarfile.TarInfo(f"web/{name}")
            member.size = len(text.encode())
            package.addfile(member, io.BytesIO(text.encode()))
    digest = hashlib.sha256((folder / "web-1.0.0.tgz").read_bytes()).hexdigest()
    entry = {
        "apiVersion": "v2",
        "name": "web",
        "version": "1.0.0",
        "urls": ["web-1.0.0.tgz"],
        "digest": digest,
    }
    (folder / "index.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "entries": {"web": [entry]}}))
    return {"name": "here", "url": f"https://charts.example.com/{folder.name}", "mirror": f"file://{folder}"}


@pytest.mark.parametrize("version", ["1.0.0", "v1.0.0"])
def test_a_chart_from_a_repository_brings_its_own_layers(
    on_disk: Any, workspace: Workspace, tmp_path: Path, version: str
) -> None:
    chart = {
        "templates/a.yaml": CONFIG_MAP,
        "values.yaml": "a: 1\nb: 1\nc: 1",
        "values-dev.yaml": "b: 2\nc: 2",
    }
    repository = a_repository(tmp_path, chart)
    fleet = yaml.safe_load((on_disk.path / "fleet.yaml").read_text())
    on_disk.write({"fleet.yaml": yaml.safe_dump({**fleet, "repositories": [repository]})})
    reference = {"name": "web", "version": version, "repository": "here"}
    on_disk.tenant("ml", {"values.yaml": "c: 3"}, chart=reference)
    loaded = on_disk.load()
    manifests = render(loaded.deployment("dev", "ml"), loaded, workspace)
    assert values_of(manifests) == {"a": 1, "b": 2, "c": 3}
    package = next(tmp_path.rglob("web-1.0.0.tgz"))
    used = PackageUsed(
        chart=f"{repository['url']}/web@1.0.0", sha256=hashlib.sha256(package.read_bytes()).hexdigest()
    )
    assert manifests.chart == ChartUsed(name="web", version="1.0.0", packages=(used,))


@pytest.mark.parametrize(
    ("version", "metadata", "message"),
    [
        ("1.0.1", {}, "has no web in version 1.0.1\n  fix: did you mean 1.0.0?"),
        ("1.0.0", {"dependencies": [{"name": "db", "version": "1"}]}, "web@1.0.0 lacks its dependencies db"),
    ],
)
def test_a_chart_that_a_repository_does_not_have_whole_is_told(
    on_disk: Any, workspace: Workspace, tmp_path: Path, version: str, metadata: dict[str, Any], message: str
) -> None:
    repository = a_repository(tmp_path, {"templates/a.yaml": CONFIG_MAP}, **metadata)
    fleet = yaml.safe_load((on_disk.path / "fleet.yaml").read_text())
    on_disk.write({"fleet.yaml": yaml.safe_dump({**fleet, "repositories": [repository]})})
    on_disk.tenant("ml", chart={"name": "web", "version": version, "repository": "here"})
    loaded = on_disk.load()
    with pytest.raises(ChartError) as error:
        render(loaded.deployment("dev", "ml"), loaded, workspace)
    assert message in str(error.value)


@pytest.mark.helm
def test_the_charts_own_values_given_as_a_layer_are_to_it_what_they_are_to_helm(
    on_disk: FleetOnDisk, workspace: Workspace
) -> None:
    """Versions of Helm differ in whether a null stays that is a default and is given as well."""
    values = "timeout: null\nname: web\ninner: {a: null, b: 1}\n"
    on_disk.chart("ml", {"values.yaml": values, "templates/a.yaml": CONFIG_MAP})
    listed: dict[str, Any] = {"values": ["{chart}/values.yaml"]}
    on_disk.tenant("ml", **listed)
    fleet = on_disk.load()
    chart = on_disk.path / "charts/ml"
    printed = subprocess.run(
        ["helm", "template", "ml", chart, "-f", chart / "values.yaml"], check=True, capture_output=True
    ).stdout
    ours = values_of(render(fleet.deployment("dev", "ml"), fleet, workspace))
    assert ours == json.loads(yaml.safe_load(printed)["data"]["values"])


def test_a_namespace_that_exists_is_not_made_and_the_rest_of_the_platform_is(
    on_disk: FleetOnDisk, workspace: Workspace
) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: '{{ .Release.Namespace }}'}\n"
    on_disk.chart("tenant-platform", {"templates/namespace.yaml": f"{namespace}---\n{CONFIG_MAP}"})
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP})
    on_disk.tenant("ml", release="main", namespace={"name": "old-{environment}", "existing": True})
    fleet = on_disk.load()
    found = render(fleet.deployment("dev", "ml"), fleet, workspace)
    assert [str(each.key) for each in found.objects] == [
        "ConfigMap old-dev/main",
        "ConfigMap old-dev/platform",
    ]


def test_where_the_environment_does_without_the_platform_the_tenants_chart_is_all(
    on_disk: FleetOnDisk, workspace: Workspace
) -> None:
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP})
    on_disk.tenant("ml")
    text = (on_disk.path / "fleet.yaml").read_text()
    on_disk.write({"fleet.yaml": text.replace("- cluster: here", "- platform: false\n  cluster: here")})
    fleet = on_disk.load()
    deployment = fleet.deployment("dev", "ml")
    found = render(deployment, fleet, workspace)
    assert [str(each.key) for each in found.objects] == ["ConfigMap ml-dev/ml"]
    assert {"default-deny"} <= {each.rule for each in check(found, deployment)}
