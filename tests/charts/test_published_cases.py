"""Real charts: what conflicts, what does not, and which locks have drifted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.charts import (
    Closure,
    Conflict,
    Known,
    LockProblem,
    PublishedChart,
    Repositories,
    Version,
    check_lock,
    conflicts,
    load,
    load_package,
    resolve,
)
from deploy_orchestrator.documents import dump

CONFLICTS = range(20)
DRIFTS = range(20, 27)
GUESSED_RIGHT = (0, 1, 2, 5, 6, 11, 12, 13)

URLS = {
    "Alfresco/alfresco-helm-charts": "https://alfresco.github.io/alfresco-helm-charts",
    "bitnami/charts": "https://charts.bitnami.com/bitnami",
    "dagster-io/dagster": "https://dagster-io.github.io/dagster",
    "k8ssandra/k8ssandra": "https://k8ssandra.github.io/k8ssandra",
    "langfuse/langfuse-k8s": "https://langfuse.github.io/langfuse-k8s",
    "uc-cdis/gen3-helm": "https://uc-cdis.github.io/gen3-helm",
}

Facts = Callable[[str], Any]
MakePackage = Callable[..., bytes]


def packed(built: dict[str, Any], make_package: MakePackage) -> bytes:
    inside = {
        f"charts/{number}-{one['Chart.yaml']['name']}.tgz": packed(one, make_package)
        for number, one in enumerate(built["charts"])
    }
    return make_package(built["Chart.yaml"], inside)


def chart_of(case: dict[str, Any], repositories: Repositories) -> PublishedChart:
    found = repositories.find(URLS[case["source"]], case["chart"])
    return next(chart for chart in found if chart.version == case["version"])


def on(name: str, closure: Closure) -> Conflict | None:
    return next((conflict for conflict in conflicts(closure) if conflict.name == name), None)


def matches(expected: dict[str, Any], name: str, closure: Closure) -> None:
    conflict = on(name, closure)
    paths: dict[str, list[str]] = {}
    if conflict is None:
        assert not expected["conflict"]
        assert expected["resolved"] == [node.version for node in closure.graph if node.name == name]
        return
    for requirement in conflict.requirements:
        paths.setdefault(requirement.constraint, []).append(" > ".join(requirement.path))
    assert {constraint: sorted(found) for constraint, found in paths.items()} == expected["constraints"]
    assert list(conflict.resolved) == expected["resolved"]
    assert conflict.satisfiable is not expected["conflict"]
    assert len(conflict.satisfying) == expected["knownVersionsSatisfyingAll"]
    assert next(iter(conflict.satisfying), None) == expected["highestSatisfyingAll"]
    assert conflict.disjoint is expected.get("provablyDisjoint", False)


@pytest.mark.parametrize("number", CONFLICTS)
def test_a_chart_as_it_was_built(
    number: int, facts: Facts, published: Repositories, make_package: MakePackage
) -> None:
    case, built = facts("cases")[number], facts("built")[number]
    chart = load_package(packed(built, make_package), "chart.tgz")
    closure = resolve(chart, published)
    assert not closure.unresolved or case["chart"] in ("gen3", "k8ssandra")
    matches(case["expected"]["asBuilt"], case["what"].split(":")[-1], closure)


@pytest.mark.parametrize("number", CONFLICTS)
def test_a_chart_resolved_with_what_is_published(number: int, facts: Facts, undated: Repositories) -> None:
    case = facts("cases")[number]
    closure = resolve(chart_of(case, undated), undated)
    if "freshResolve" in case["expected"]:
        matches(case["expected"]["freshResolve"], case["what"].split(":")[-1], closure)
    else:
        assert not conflicts(closure)
        assert [str(node) for node in closure.graph if node.name == "common"] == ["common@1.17.1"]


@pytest.mark.parametrize("number", GUESSED_RIGHT)
def test_what_a_package_out_of_reach_carries_is_guessed_by_the_dates(
    number: int, facts: Facts, published: Repositories
) -> None:
    case = facts("cases")[number]
    closure = resolve(chart_of(case, published), published)
    name = case["what"].split(":")[-1]
    found = sorted({node.version for node in closure.graph if node.name == name}, key=Version.parse)
    assert found == case["expected"]["asBuilt"]["resolved"]
    assert {need.known for need in closure.needs if need.parent not in closure.roots} <= {Known.GUESSED}


@pytest.mark.parametrize("number", DRIFTS)
def test_a_lock_that_has_drifted(number: int, facts: Facts, make_chart: Callable[..., Path]) -> None:
    case, built = facts("cases")[number], facts("built")[number]
    chart = load(make_chart(built["Chart.yaml"], {"Chart.lock": dump(built["Chart.lock"])}))
    name = case["what"].partition(":")[2]
    names = {dependency.key: dependency.name for dependency in chart.metadata.dependencies}
    drifted = {
        names[finding.dependency or ""]
        for finding in check_lock(chart)
        if finding.problem is LockProblem.DRIFTED
    }
    assert (name in drifted) if name else not drifted
