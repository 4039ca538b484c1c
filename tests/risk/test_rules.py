"""Each rule on a real-looking tenant: `cases/*.yaml` tell what changes, and exactly which rules speak."""

from pathlib import Path

import pytest
import yaml

from deploy_orchestrator.risk import RULES, Verdict

CASES = [
    pytest.param(rule, way, case, id=f"{rule}: {case['says']}")
    for file in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for rule, ways in yaml.load(file.read_text(), yaml.CSafeLoader).items()
    for way, cases in ways.items()
    for case in cases
]
SEVERITIES = {rule.id: rule.severity for rule in RULES}


@pytest.mark.parametrize(("rule", "way", "case"), CASES)
def test_exactly_the_rules_speak_that_should(judged, rule, way, case):
    plan = judged(case)
    speak = {reason.rule for reason in plan.reasons}
    assert speak == set(case["rules"]), [reason.saw for reason in plan.reasons]
    assert (rule in speak) == (way == "fires")
    assert plan.verdict is Verdict.worst(SEVERITIES[each] for each in speak)
    for word in case.get("words", ()):
        assert any(word in reason.saw for reason in plan.reasons if reason.rule == rule)


OF_A_FIRST_RELEASE = ("first-release", "first-release-shared", "takeover", "takeover-proved")
OF_A_POLICY = ("field-ignored",)
"""What speaks of no change that a case can make; each has tests of its own."""


@pytest.mark.parametrize(
    "rule", [rule.id for rule in RULES if rule.id not in (*OF_A_FIRST_RELEASE, *OF_A_POLICY)]
)
def test_every_rule_has_a_case_in_which_it_speaks_and_one_close_by_in_which_it_does_not(rule):
    assert {way for name, way, _ in (case.values for case in CASES) if name == rule} == {"fires", "quiet"}
