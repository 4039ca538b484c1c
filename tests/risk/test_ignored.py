"""What a policy ignores: fields that no rule knows, for a while, and nothing that any rule has a word on."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deploy_orchestrator.fleet import IgnoredField, Policy
from deploy_orchestrator.risk import Reason, Verdict, severity
from tests.risk.conftest import BASE, HERE

NOW = datetime.now(UTC)
ODD = {"set": {"Deployment/web": {"spec.template.spec.schedulerName": "other"}}}
PATH = "spec.template.spec.schedulerName"
CASES = [
    case
    for file in sorted((HERE / "cases").glob("*.yaml"))
    for rule in yaml.load(file.read_text(), yaml.CSafeLoader).values()
    for case in (*rule.get("fires", ()), *rule.get("quiet", ()))
]
KINDS = sorted({(each["apiVersion"], each["kind"]) for each in BASE})


def ignoring(path=PATH, kind="apps/Deployment", days=1.0, **more) -> IgnoredField:
    return IgnoredField(
        kind=kind, path=path, reason="the scheduler is tried", expires=NOW + timedelta(days=days), **more
    )


def test_a_field_that_no_rule_knows_is_safe_while_it_is_ignored_and_is_told_with_the_reason(judged):
    assert judged(ODD).verdict is Verdict.NEEDS_APPROVAL
    plan = judged(ODD, ignore=[ignoring()])
    (reason,) = plan.reasons
    assert (plan.verdict, reason.rule, reason.until) == (Verdict.SAFE, "field-ignored", ignoring().expires)
    assert reason.object == "Deployment analytics-production/web"
    assert (
        reason.saw
        == f"{PATH} changes, ignored until {ignoring().expires:%Y-%m-%d %H:%M} UTC: the scheduler is tried"
    )


@pytest.mark.parametrize(
    "ignored",
    [
        ignoring(days=-1),
        ignoring(kind="apps/StatefulSet"),
        ignoring(kind="Deployment"),
        ignoring(name="other"),
        ignoring(path=f"{PATH}.below"),
        ignoring(path="spec.template.spec.nodeName"),
    ],
)
def test_what_is_over_or_about_something_else_ignores_nothing(judged, ignored):
    assert [each.rule for each in judged(ODD, ignore=[ignored]).reasons] == ["unknown-change"]


def test_what_is_ignored_needs_approval_once_that_is_over():
    reason = Reason(
        rule="field-ignored", severity=Verdict.SAFE, saw="x", why="x", do="x", until=NOW + timedelta(hours=1)
    )
    assert severity(reason, Policy(), NOW) is Verdict.SAFE
    assert severity(reason, Policy(), NOW + timedelta(hours=1)) is Verdict.NEEDS_APPROVAL


def everything_in(*steps: str) -> list[IgnoredField]:
    """Ignores of all that may change, of every kind that there is."""
    kinds = [f"{api.rpartition('/')[0]}/{kind}".lstrip("/") for api, kind in KINDS]
    return [ignoring(path=step, kind=kind) for kind in kinds for step in steps]


WIDE = everything_in(
    "spec.template", "spec.replicas", "spec.selector", "spec.rules", "spec.jobTemplate", "spec.versions",
    "spec.ports", "spec.type", "metadata.labels", "metadata.annotations", "rules[*]", "webhooks[*]",
    "spec.schedule", "spec.egress", "spec.ingress", "spec.podSelector", "spec.minAvailable", "spec.hard",
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda each: each["says"])
def test_no_ignore_takes_away_what_a_rule_says(judged, case):
    before, after = judged(case), judged(case, ignore=WIDE)

    def known(reasons):
        return [each for each in reasons if each.rule not in {"unknown-change", "field-ignored"}]

    assert known(after.reasons) == known(before.reasons)
    told = [each for each in after.reasons if each.rule == "field-ignored"]
    unknown = [each for each in before.reasons if each.rule == "unknown-change"]
    assert {each.object for each in told} <= {each.object for each in unknown}
    assert after.verdict == Verdict.worst(each.severity for each in after.reasons)
    assert after.verdict == before.verdict or told, "nothing becomes safe in silence"


@given(st.text(max_size=20))
def test_a_path_is_one_of_a_field_or_refused(path):
    try:
        found = ignoring(path=path)
    except ValidationError:
        return
    assert not found.covers("apps/Deployment", "x", ())
    assert not found.covers("apps/Deployment", "x", ("spec",)), (
        "no path is a whole object, or all it asks for"
    )
