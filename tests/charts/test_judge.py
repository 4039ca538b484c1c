from collections.abc import Callable
from pathlib import Path

import pytest

from deploy_orchestrator.charts import Conflict, Harm, Repositories, conflicts, judge, load, resolve
from deploy_orchestrator.documents import dump

MakeChart = Callable[..., Path]

BITNAMI, OTHER = "https://charts.example/bitnami", "https://charts.example/other"
LABEL = '{{{{ define "common.label" }}}}{}{{{{ end }}}}'


def metadata(name: str, version: str, *dependencies: tuple[str, str, str]) -> str:
    needs = [
        {"name": needed, "version": constraint, "repository": repository, "condition": f"{needed}.on"}
        for needed, constraint, repository in dependencies
    ]
    return dump({"apiVersion": "v2", "name": name, "version": version, "dependencies": needs}).decode()


def found(make_chart: MakeChart, other: str = BITNAMI, body: str = "two") -> tuple[Conflict, ...]:
    return judged(make_chart, {"templates/x.yaml": '{{ include "common.label" . }}'}, other, body, {})


def judged(
    make_chart: MakeChart, more: dict[str, str], other: str, body: str, values: dict[str, object]
) -> tuple[Conflict, ...]:
    files = {
        "charts/a/Chart.yaml": metadata("a", "1.0.0", ("common", "1.x", BITNAMI)),
        "charts/b/Chart.yaml": metadata("b", "1.0.0", ("common", "2.x", other)),
        "charts/a/charts/common/Chart.yaml": metadata("common", "1.0.0"),
        "charts/b/charts/common/Chart.yaml": metadata("common", "2.0.0"),
        "charts/a/charts/common/templates/_label.tpl": LABEL.format("one"),
        "charts/b/charts/common/templates/_label.tpl": LABEL.format(body),
        **{f"charts/{name}/{file}": source for name in "ab" for file, source in more.items()},
    }
    dependencies = [
        {"name": name, "version": "1.x", "repository": "", "condition": f"{name}.on"} for name in "ab"
    ]
    chart = load(make_chart({"name": "web", "dependencies": dependencies}, files))
    repositories = Repositories({BITNAMI: "/nowhere/bitnami", OTHER: "/nowhere/other"})
    return judge(conflicts(resolve(chart, repositories)), chart, repositories, values)


def test_a_conflict_is_harmful_where_a_chart_gets_the_template_of_another_version(
    make_chart: MakeChart,
) -> None:
    (conflict,) = found(make_chart)
    assert (conflict.name, conflict.resolved, conflict.harm) == ("common", ("1.0.0", "2.0.0"), Harm.HARMFUL)


def test_a_conflict_of_versions_with_equal_templates_does_no_harm(make_chart: MakeChart) -> None:
    (conflict,) = found(make_chart, body="one")
    assert conflict.harm is Harm.NONE


def test_charts_of_one_name_from_two_repositories_are_no_conflict(make_chart: MakeChart) -> None:
    assert found(make_chart, other=OTHER) == ()


def test_harm_is_judged_for_the_values_of_a_tenant(make_chart: MakeChart) -> None:
    more = {"templates/x.yaml": '{{ include "common.label" . }}'}
    (conflict,) = judged(make_chart, more, BITNAMI, "two", {"a": {"on": False}})
    assert conflict.harm is Harm.NONE


@pytest.mark.parametrize(
    ("one", "two", "harm"), [("a: 1", "a: 1", Harm.NONE), ("a: 1", "a: 2", Harm.HARMFUL)]
)
def test_definitions_of_resources_that_differ_are_harm_too(
    make_chart: MakeChart, one: str, two: str, harm: Harm
) -> None:
    crd = "kind: CustomResourceDefinition\nmetadata: {name: xs.example.org}\nspec: {"
    files = {
        "charts/a/Chart.yaml": metadata("a", "1.0.0", ("common", "1.x", BITNAMI)),
        "charts/b/Chart.yaml": metadata("b", "1.0.0", ("common", "2.x", BITNAMI)),
        "charts/a/charts/common/Chart.yaml": metadata("common", "1.0.0"),
        "charts/b/charts/common/Chart.yaml": metadata("common", "2.0.0"),
        "charts/a/charts/common/crds/x.yaml": crd + one + "}",
        "charts/b/charts/common/crds/x.yaml": crd + two + "}",
    }
    chart = load(make_chart({"name": "web"}, files))
    repositories = Repositories({BITNAMI: "/nowhere/bitnami"})
    (conflict,) = judge(conflicts(resolve(chart, repositories)), chart, repositories)
    assert conflict.harm is harm
