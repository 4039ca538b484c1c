import json
from collections.abc import Callable

import pytest

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.manifests import DuplicateObject, InvalidObject, Manifests, RenderError

Rendered = Callable[..., Manifests]

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {values: {{ .Values | toJson | quote }}}
"""


def config_map(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


def test_two_templates_that_print_one_object_are_both_named(rendered: Rendered) -> None:
    with pytest.raises(DuplicateObject) as error:
        rendered({"templates/a.yaml": config_map("x"), "templates/b.yaml": "\n" + config_map("x")})
    assert "ConfigMap ml-dev/x is printed here and by charts/ml/templates/a.yaml:1" in str(error.value)
    assert "ml/templates/b.yaml:2" in str(error.value)


def test_one_custom_object_printed_with_its_namespace_and_without_it_is_printed_twice(
    rendered: Rendered,
) -> None:
    monitor = "apiVersion: acme.example/v1\nkind: Monitor\nmetadata: {{name: x{}}}\n"
    with pytest.raises(DuplicateObject, match="Monitor ml-dev/x is printed here and by"):
        rendered(
            {
                "templates/a.yaml": monitor.format(""),
                "templates/b.yaml": monitor.format(", namespace: ml-dev"),
            }
        )


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{here}: &{here} [{','.join([f'*{before}'] * 9)}]\n"
    for before, here in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("template", "message", "place"),
    [
        ("{{ .Values.a.b.c }}", "nil pointer", "charts/ml/templates/a.yaml:1"),
        ("\n{{ fail \"no database\" }}", "no database", "charts/ml/templates/a.yaml:2"),
        ("\n\n{{ nothing }}", "not defined", "charts/ml/templates/a.yaml:3"),
        ("{{ include \"x\" . }}", "x", "charts/ml/templates/a.yaml:1"),
        ("{{ if }}", "missing value", "charts/ml/templates/a.yaml:1"),
        ("a: 1\n---\nb:\n  - x\n c: d\n", "did not find expected", "charts/ml/templates/a.yaml:5"),
        ("- a\n", "not a Kubernetes object", "charts/ml/templates/a.yaml:1"),
        ("a: \"\\x00\"\nb: {{ printf \"%c\" 0 }}", "NUL", "charts/ml/templates/a.yaml:2"),
        ("kind: x\nmetadata: {annotations: {a: 1}}", "annotation a must", "charts/ml/templates/a.yaml:1"),
        ("a: " + "[" * 95 + "]" * 95, "nested deeper than 90", "charts/ml/templates/a.yaml:1"),
        (BOMB, "once aliases are expanded", "charts/ml/templates/a.yaml:7"),
    ],
)  # fmt: skip
def test_a_broken_template_is_named_with_its_line(
    rendered: Rendered, template: str, message: str, place: str
) -> None:
    with pytest.raises(RenderError) as error:
        rendered({"templates/a.yaml": template})
    assert message in error.value.what
    assert str(error.value.place) == place
    assert error.value.fix


def test_what_is_no_object_is_named_with_its_template(rendered: Rendered) -> None:
    with pytest.raises(InvalidObject, match=r"templates/a\.yaml:3: .*needs kind"):
        rendered({"templates/a.yaml": "\n---\napiVersion: v1\n"})


@pytest.mark.parametrize(
    ("values", "message", "place"),
    [
        ("a: [\n", "did not find expected", "values.yaml:2"),
        ("- 1", "expected a mapping", "values.yaml:1"),
        (b"a: 1\nb: \xff", "not UTF-8 at byte 8", "values.yaml:2"),
        ("a: 1\0", "control characters", "values.yaml:1"),
    ],
)
def test_broken_values_are_named_with_their_file(
    rendered: Rendered, values: str | bytes, message: str, place: str
) -> None:
    with pytest.raises(OrchestratorError) as error:
        rendered({"templates/a.yaml": CONFIG_MAP}, {"values.yaml": values})
    assert message in error.value.what
    assert str(error.value.place) == f"tenants/ml/{place}"


SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "port": {"type": "integer"},
            "database": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {"name": {}},
            },
        },
    }
)


@pytest.mark.parametrize(
    ("layers", "message", "place"),
    [
        ({"values.yaml": "a: 1\nport: '80'"}, "got string, want integer", "values.yaml:2: port"),
        ({"values.yaml": "port: 1", "values-dev.yaml": "\nport: x"}, "got string", "values-dev.yaml:2: port"),
        ({"values.yaml": "x: 1\ndatabase:\n  nam: a"}, "missing property 'name'", "values.yaml:2: database"),
    ],
)  # fmt: skip
def test_a_value_that_the_charts_schema_refuses_is_found_in_its_layer(
    rendered: Rendered, layers: dict[str, str], message: str, place: str
) -> None:
    with pytest.raises(RenderError) as error:
        rendered({"templates/a.yaml": CONFIG_MAP, "values.schema.json": SCHEMA}, layers)
    assert message in error.value.what
    assert str(error.value.place) == f"tenants/ml/{place}"


def test_a_library_chart_renders_nothing_and_says_so(rendered: Rendered) -> None:
    with pytest.raises(RenderError, match="library chart"):
        rendered({"templates/_a.tpl": ""}, type="library")


def test_a_chart_for_another_kubernetes_is_refused(rendered: Rendered) -> None:
    with pytest.raises(RenderError, match=r"requires Kubernetes >=1\.99, the environment has 1\.36"):
        rendered({"templates/a.yaml": CONFIG_MAP}, kubeVersion=">=1.99")
