"""What the web UI shows of a change: all of it, as it is, and nothing twice."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from deploy_orchestrator.charts import Analysis, Repositories, Upgrades, analyze, locate
from deploy_orchestrator.defs import pages
from deploy_orchestrator.foresight import Surveyed
from deploy_orchestrator.manifests import Manifests, Object, diff
from deploy_orchestrator.registries import Egress, Internet
from deploy_orchestrator.releases import Plan
from deploy_orchestrator.risk import Reason, Verdict
from tests.hub import publishing

CURRENT = Upgrades((), {})


def config_map(**data: str) -> Manifests:
    return Manifests(
        [Object({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})]
    )


def test_a_diff_shows_the_text_as_it_is_and_the_text_ends_no_fence() -> None:
    shown = pages.difference(diff(config_map(a="1"), config_map(a="````````"))).value
    first, *lines, last = shown.splitlines()
    assert (first, last) == ("`````````diff", "`````````")
    assert "+  a: '````````'" in lines


def reason(rule: str, severity: Verdict, **about: Any) -> Reason:
    return Reason(rule=rule, severity=severity, saw="seen", why="It matters.", do="Mend it.", **about)


def test_what_one_rule_saw_in_many_objects_is_one_row_and_hides_no_other() -> None:
    many = [reason("many", Verdict.NEEDS_APPROVAL, object=f"ConfigMap a/{number}") for number in range(40)]
    one = reason("one", Verdict.NEEDS_APPROVAL, object="Secret a/b", policy="Says the policy")
    fine = reason("fine", Verdict.SAFE)
    shown = pages.reasons(Plan.model_construct(reasons=(*many, one, fine)))
    assert isinstance(shown, dg.TableMetadataValue)
    assert [[*each.data.values()] for each in shown.records] == [
        [
            "needs-approval",
            "many: " + "; ".join(f"ConfigMap a/{n}: seen" for n in range(5)) + " and 35 more",
            "It matters. Mend it.",
        ],
        ["needs-approval", "one: Secret a/b: seen", "It matters. Mend it. Says the policy"],
        ["safe", "fine: seen", "It matters."],
    ]


@pytest.fixture
def clash() -> Analysis:
    with publishing() as hub:
        needs = {"app@1.0.0": ["db 1.x", "web 1.x"], "db@1.0.0": ["common 1.x"], "web@1.0.0": ["common 2.x"]}
        hub.publish({**needs, "common@1.0.0": [], "common@2.0.0": []})
        repositories = Repositories(web=Internet(Egress().naming(hub.url)))
        return analyze(locate(f"{hub.url}/app", repositories), repositories)


def test_of_more_charts_than_are_drawn_all_clashes_are_told(clash: Analysis) -> None:
    one, more = pages.MAX_DRAWINGS, 5
    found = [Surveyed("app 1.0.0", (f"dev/{number}",), clash, CURRENT) for number in range(one + more)]
    fine = Surveyed("app 1.0.0", ("dev/fine",), replace(clash, conflicts=()), CURRENT)
    told = pages.clashes([fine, *found]).data
    assert isinstance(told, list)
    assert [bool(each["drawing"]) for each in told] == [True] * one + [False] * more
    assert [each["deployments"] for each in told] == [[*each.deployments] for each in found]
    assert {row[0] for each in told for row in each["rows"]} == {"common"}


def test_a_table_shows_nothing_hidden_and_one_of_nothing_says_so() -> None:
    shown = pages.table(["a", "count"], [("x\u202ey", 3)])
    assert isinstance(shown, dg.TableMetadataValue)
    assert "\u202e" not in str(shown.records[0].data["a"])
    assert shown.records[0].data["count"] == 3
    assert pages.table(["a"], []).value == "none"
