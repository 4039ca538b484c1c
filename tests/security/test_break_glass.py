"""Break-glass lets one change past what it waits for, by two named people who did not write it."""

from datetime import timedelta
from typing import Any

import pytest

from deploy_orchestrator.fleet import ApprovalRule, BreakGlass, Freeze, PauseRule, Policy
from deploy_orchestrator.manifests import Finding
from deploy_orchestrator.releases import (
    After,
    Deployments,
    GatesClosed,
    Line,
    Plan,
    Predecessor,
    SourceChange,
    break_glass,
)
from tests.releases.conftest import (  # noqa: F401
    NOW,
    Build,
    Pipeline,
    Someone,
    build,
    deployments,
    people,
    pipeline,
    prepared,
    remote,
    repository,
)

ANN, BOB, CAT, DAN = (f"{name}@example.com" for name in ("ann", "bob", "cat", "dan"))
CONTENT = f"sha256:{'c' * 64}"


def policy(**more: Any) -> Policy:
    """Dan approves, Ann, Bob and Cat break the glass; and it is frozen."""
    frozen = Freeze(start=NOW - timedelta(days=9), end=NOW + timedelta(days=9), reason="Christmas")
    return Policy(
        approval=ApprovalRule(approvers=(DAN,)),
        pause=PauseRule(pausers=(DAN,)),
        break_glass=BreakGlass(people=(ANN, BOB, CAT)),
        freezes=(frozen,),
        soak=timedelta(days=1),
        **more,
    )


class Alarm:
    """A risky change that waits for an approval, for the environment before, and for the end of a freeze."""

    def __init__(self, deployments: Deployments, pipeline: Pipeline, people: Any) -> None:  # noqa: F811
        self.deployments = deployments
        self.pipeline = pipeline
        self.people = people
        self.signers: list[Someone] = []
        pipeline.release(Build.manifests(Build.job(image="app:1.0.0"), Build.config_map(a="1")))
        self.plan = self.proposed("2")

    def proposed(self, value: str, **more: Any) -> Plan:
        after = After(environment="staging", content=CONTENT)
        candidate = Build.manifests(Build.job(image="app:1.0.0"), Build.config_map("b", b=value))
        plan = self.pipeline.propose(candidate, source=Build.S2, after=after, **more)
        assert plan is not None
        return plan

    def breaks(self, email: str, key: str = "first", reason: str = "prod is down", at: Any = NOW) -> None:
        person = self.people(email, key)
        self.signers.append(person)
        self.deployments.decide(self.plan, "break-glass", reason, person.signer, at)

    def closed(self, now: Any = NOW, rules: Policy | None = None, **more: Any) -> dict[str, str]:
        """What still stands in its way, and why."""
        signers = tuple({each.allowed: each for each in self.signers}.values())
        conditions = Build.conditions(rules or policy(), signers, Predecessor(None, None), now)
        for name, value in more.items():
            object.__setattr__(conditions, name, value)
        return {
            gate.key: gate.reason for gate in self.deployments.gates(self.plan, conditions) if not gate.passed
        }


@pytest.fixture
def alarm(deployments: Deployments, pipeline: Pipeline, people: Any) -> Alarm:  # noqa: F811
    return Alarm(deployments, pipeline, people)


def test_two_named_people_let_it_past_approval_promotion_and_freeze(alarm: Alarm) -> None:
    assert {"approval", "promotion", "freeze"} <= set(alarm.closed())
    alarm.breaks(ANN)
    held = alarm.closed()
    assert "the glass is broken by 1 of 2; ann@example.com: prod is down" in held["freeze"]
    alarm.breaks(BOB)
    assert alarm.closed() == {}


def test_the_release_says_who_broke_the_glass(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB, reason="agreed")
    conditions = Build.conditions(policy(), tuple(alarm.signers), Predecessor(None, None))
    release = Build.release(alarm.deployments, alarm.plan, conditions)
    assert [(each.who, each.reason) for each in release.glass_broken_by] == [
        (ANN, "prod is down"),
        (BOB, "agreed"),
    ]
    message = alarm.deployments.repository.commit(release.commit).message
    assert f"Glass-broken-by: {ANN}\nGlass-broken-by: {BOB}\n" in message


@pytest.mark.parametrize("people_there", [(ANN,), (ANN, DAN), (DAN, "eve@example.com")])
def test_one_person_or_people_whom_the_policy_does_not_name_break_nothing(
    alarm: Alarm, people_there: tuple[str, ...]
) -> None:
    for each in people_there:
        alarm.breaks(each)
    assert {"approval", "promotion", "freeze"} <= set(alarm.closed())


def test_without_a_rule_nobody_breaks_it(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB)
    rules = policy().model_copy(update={"break_glass": None})
    assert {"approval", "promotion", "freeze"} <= set(alarm.closed(rules=rules))


def test_one_person_with_two_keys_counts_once(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(ANN, "second", at=NOW + timedelta(seconds=1))
    assert "by 1 of 2" in alarm.closed()["freeze"]


def test_one_key_with_two_addresses_counts_once(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    ann = alarm.signers[0]
    alarm.signers.append(Someone(BOB, ann.key))
    alarm.deployments.decide(alarm.plan, "break-glass", "prod is down", alarm.signers[1].signer, NOW)
    assert "by 1 of 2" in alarm.closed()["freeze"]
    (signed,), _ = alarm.deployments.approvals(alarm.plan.digest, ann.allowed)
    twice = [signed, signed.model_copy(update={"who": BOB})]
    glass = break_glass(twice, policy().break_glass, alarm.plan.source, NOW)
    assert glass.approvals == ()
    assert [each.reason for each in glass.void] == ["the same key approved already, for another name"]


def test_an_author_never_counts_however_they_are_written(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB)
    source = SourceChange(commit=Build.S2, authors=("Bob@Example.com",), signed=True)
    held = alarm.closed(source=source)["freeze"]
    assert "authors cannot break the glass for their own change" in held


def test_where_the_source_is_not_signed_it_takes_one_more(alarm: Alarm) -> None:
    source = SourceChange(commit=Build.S2, authors=("x@example.com",), signed=False)
    alarm.breaks(ANN)
    alarm.breaks(BOB)
    assert "by 2 of 3" in alarm.closed(source=source)["freeze"]
    alarm.breaks(CAT)
    assert alarm.closed(source=source) == {}


def test_it_expires_with_the_first_of_the_two(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB, at=NOW + timedelta(hours=3))
    assert alarm.closed(now=NOW + timedelta(hours=4)) == {}
    assert "it has expired" in alarm.closed(now=NOW + timedelta(hours=4, seconds=1))["freeze"]


def test_what_is_dated_ahead_does_not_count(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB, at=NOW + timedelta(hours=1))
    assert "it is dated in the future" in alarm.closed()["freeze"]


def test_without_a_reason_it_does_not_count(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB, reason="  ")
    assert "it gives no reason" in alarm.closed()["freeze"]


def test_a_decision_for_another_digest_lets_nothing_else_past(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB)
    alarm.plan = alarm.proposed("3")
    assert {"approval", "promotion", "freeze"} <= set(alarm.closed())


def test_it_is_used_up_by_the_release_that_it_let_through(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB)
    conditions = Build.conditions(policy(), tuple(alarm.signers), Predecessor(None, None))
    release = Build.release(alarm.deployments, alarm.plan, conditions)
    alarm.deployments.revert(release, "it made things worse", NOW)
    alarm.plan = alarm.proposed("2")
    assert {"approval", "promotion", "freeze", "quarantine"} <= set(alarm.closed())


def test_it_goes_never_past_a_blocked_verdict(alarm: Alarm) -> None:
    blocking = Finding("schema", "error", None, "no such field", "mend it")
    alarm.plan = alarm.proposed("4", findings=(blocking,))
    alarm.breaks(ANN)
    alarm.breaks(BOB)
    assert set(alarm.closed()) == {"verdict"}


def test_it_goes_never_past_a_rejection(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB)
    dan = alarm.people(DAN)
    alarm.signers.append(dan)
    alarm.deployments.decide(alarm.plan, "reject", "no", dan.signer, NOW)
    assert set(alarm.closed()) == {"approval"}


def test_it_goes_never_past_a_line_that_is_stopped(alarm: Alarm) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB)
    dan = alarm.people(DAN)
    alarm.signers.append(dan)
    alarm.deployments.stop(Line("dev"), "pause", "it burns", dan.signer, NOW)
    assert set(alarm.closed()) == {"paused"}


def test_it_goes_never_past_what_the_fleet_no_longer_asks_for_or_another_release(
    alarm: Alarm,
    pipeline: Pipeline,  # noqa: F811
) -> None:
    alarm.breaks(ANN)
    alarm.breaks(BOB)
    assert set(alarm.closed(wanted=False)) == {"fleet"}
    Build.push(
        alarm.deployments.repository,
        "main",
        {"manifests/dev/analytics/ConfigMap.analytics-dev.b.yaml": b"kind: ConfigMap\n"},
    )
    assert "candidate" in alarm.closed()


def test_it_is_no_approval_under_the_rule_for_approvals(alarm: Alarm) -> None:
    """Two who may approve and break the glass, one of each, are neither."""
    rules = policy().model_copy(
        update={
            "approval": ApprovalRule(approvers=(ANN, BOB), required=2),
            "freezes": (),
            "soak": timedelta(0),
        }
    )
    alarm.breaks(ANN)
    bob = alarm.people(BOB)
    alarm.signers.append(bob)
    alarm.deployments.decide(alarm.plan, "approve", "fine", bob.signer, NOW)
    closed = alarm.closed(rules=rules)
    assert set(closed) == {"approval", "promotion"}
    assert closed["approval"].startswith(f"1 of 2 approvals; by {BOB}; the glass is broken by 1 of 2; {ANN}")
    conditions = Build.conditions(rules, tuple(alarm.signers), Predecessor(None, None))
    with pytest.raises(GatesClosed):
        Build.release(alarm.deployments, alarm.plan, conditions)
