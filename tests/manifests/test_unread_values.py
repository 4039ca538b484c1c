from collections.abc import Callable

import pytest

from deploy_orchestrator.manifests import Manifests

Rendered = Callable[..., Manifests]

TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  # {{/* .Values.comment is read by nobody */}}
  host: {{ .Values.database.host | quote }}
  port: {{ index .Values "database" "port-number" | quote }}
  labels: {{ toYaml $.Values.labels | quote }}
  {{- with .Values.image }}
  image: {{ .repository }}
  {{- end }}
"""
DEFAULTS = (
    "database: {host: db, port-number: 1}\nlabels: {}\nreplicas: 1\ndefaulted: {a: {b: 1}}\nimage: {}\n"
)


def unread(manifests: Manifests) -> list[tuple[str, str]]:
    findings = [each for each in manifests.findings if each.rule == "unread-value"]
    assert all(each.severity == "warning" for each in findings)
    return [(each.message.split(". Nothing")[0], each.fix) for each in findings]


@pytest.mark.parametrize(
    "values",
    [
        "database: {host: x, port-number: 2}",
        "labels: {anything: goes}",
        "image: {repository: x, tag: y}",
        "replicas: 3",
        "defaulted: {a: {b: 2}}",
        "global: {anything: goes}",
        "tags: {x: true}",
        "gone: null",
        "",
    ],
)
def test_a_value_that_the_chart_reads_or_defaults_is_fine(rendered: Rendered, values: str) -> None:
    chart = {"templates/a.yaml": TEMPLATE, "values.yaml": DEFAULTS}
    assert unread(rendered(chart, {"values.yaml": values})) == []


def test_a_value_that_nothing_reads_is_told_with_its_place_and_the_nearest_known_one(
    rendered: Rendered,
) -> None:
    chart = {"templates/a.yaml": TEMPLATE, "values.yaml": DEFAULTS, "values-dev.yaml": "comment: 1"}
    manifests = rendered(chart, {"values.yaml": "replica: 2\ndatabase:\n  hots: x\ndefaulted: {a: {c: 1}}"})
    assert unread(manifests) == [
        (
            "charts/ml/values-dev.yaml:1: comment",
            "known here: database, defaulted, global, image, labels, replicas, tags",
        ),
        ("tenants/ml/values.yaml:1: replica", "did you mean replicas?"),
        ("tenants/ml/values.yaml:3: database.hots", "did you mean host?"),
        ("tenants/ml/values.yaml:4: defaulted.a.c", "known here: b"),
    ]


def test_values_of_dependencies_are_judged_below_their_names(rendered: Rendered) -> None:
    dependency = {
        "charts/db/Chart.yaml": "{apiVersion: v2, name: db, version: 0.1.0}",
        "charts/db/values.yaml": "size: 1",
        "charts/db/templates/a.yaml": "# {{ .Values.name }}",
    }
    dependencies = [
        {"name": "db", "version": "0.1.0", "alias": "one", "condition": "one.enabled"},
        {"name": "db", "version": "0.1.0", "alias": "two", "condition": "two.enabled"},
    ]
    one, two = "{enabled: true, size: 2, name: x, siez: 1}", "{enabled: false, global: {a: 1}}"
    values = f"one: {one}\ntwo: {two}\ndb: {{size: 1}}"
    manifests = rendered(dependency, {"values.yaml": values}, dependencies=dependencies)
    assert [place for place, _ in unread(manifests)] == [
        "tenants/ml/values.yaml:1: one.siez",
        "tenants/ml/values.yaml:3: db",
    ]


@pytest.mark.parametrize(
    "action",
    [
        "{{ toYaml .Values }}",
        "{{ $v := .Values }}",
        "{{ index .Values $.Release.Name }}",
        r'{{ index .Values "a\x41" }}',
        r'{{ get .Values "x\a" }}',
    ],
)
def test_nothing_is_said_of_a_chart_that_takes_its_values_whole(rendered: Rendered, action: str) -> None:
    assert unread(rendered({"templates/a.yaml": f"# {action}"}, {"values.yaml": "anything: goes"})) == []


def test_a_name_with_a_space_is_one_name(rendered: Rendered) -> None:
    chart = {"templates/a.yaml": '# {{ index .Values "a b" "c" }}', "values.yaml": "known: 1"}
    manifests = rendered(chart, {"values.yaml": "a b: {c: 1, d: 2}"})
    assert unread(manifests) == [("tenants/ml/values.yaml:1: a b.d", "known here: c")]


def test_what_a_schema_names_or_tpl_reads_is_read(rendered: Rendered) -> None:
    chart = {
        "templates/a.yaml": "# {{ tpl .Values.text . }}",
        "values.yaml": "text: '{{ .Values.inner.name }}'",
        "values.schema.json": '{"properties": {"known": {"properties": {"a": {}}}}}',
    }
    manifests = rendered(chart, {"values.yaml": "inner: {name: x}\nknown: {a: 1, b: 2}"})
    assert unread(manifests) == [("tenants/ml/values.yaml:2: known.b", "known here: a")]
