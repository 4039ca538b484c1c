"""What must hold before a plan is released: pure functions of data and a time."""

from datetime import timedelta
from typing import Any

import pytest

from deploy_orchestrator.fleet import (
    ApprovalRule,
    BreakGlass,
    Destination,
    Freeze,
    Policy,
    RuleOverride,
    Window,
)
from deploy_orchestrator.manifests import ChartUsed
from deploy_orchestrator.releases import (
    After,
    Approval,
    Canary,
    Gate,
    GateState,
    Plan,
    Predecessor,
    Quarantined,
    Removals,
    Returning,
    SourceChange,
    count,
    digest_of,
    gates,
)
from deploy_orchestrator.risk import Reason, Summary, Verdict

ANN, BOB, CAT = "ann@example.com", "bob@example.com", "cat@example.com"
CONTENT, OTHER = f"sha256:{'c' * 64}", f"sha256:{'d' * 64}"
COMMIT = "a" * 40
RULES_OF = {
    Verdict.SAFE: "labels-changed",
    Verdict.NEEDS_APPROVAL: "migration",
    Verdict.BLOCKED: "immutable-field",
}


def plan_of(
    verdict=Verdict.NEEDS_APPROVAL, authors=("author@example.com",), signed=True, after=(), base=None
) -> Plan:
    return Plan(
        format=2,
        environment="production",
        tenant="analytics",
        namespace="analytics-production",
        cluster="main",
        server="https://main.example.com",
        digest=digest_of(
            environment="production",
            tenant="analytics",
            destination=Destination("main", "https://main.example.com", "analytics-production"),
            content=CONTENT,
            base=base,
            replaces=None,
        ),
        content=CONTENT,
        base=base,
        chart=ChartUsed(name="dagster-tenant", version="1.0.0"),
        source=SourceChange(commit=COMMIT, authors=authors, signed=signed),
        verdict=verdict,
        reasons=(Reason(rule=RULES_OF[verdict], severity=verdict, saw="a migration changes", why="", do=""),),
        after=after,
        summary=Summary(added=0, changed=1, removed=0),
    )


@pytest.fixture
def decision(build):
    def make(who, decision: Any = "approve", at=build.NOW, key=None, reason=""):
        return Approval(
            digest=plan_of().digest,
            who=who,
            decision=decision,
            reason=reason,
            at=at,
            commit=COMMIT,
            key=key or f"SHA256:{who}",
        )

    return make


@pytest.fixture
def gate(build):
    def state(
        key,
        plan=None,
        policy=None,
        approvals=(),
        predecessors=(),
        current=True,
        wanted=True,
        intact=True,
        **more,
    ):
        found = gates(
            plan or plan_of(),
            policy=policy or Policy(),
            source=(plan or plan_of()).source,
            wanted=wanted,
            current=current,
            intact=intact,
            approvals=approvals,
            predecessors=predecessors,
            **{"now": build.NOW, **more},
        )
        (gate,) = [each for each in found if each.key == key]
        return gate

    return state


def asks(*approvers, **rule):
    return Policy(approval=ApprovalRule(approvers=approvers or (ANN, BOB, CAT), **rule))


def test_every_gate_has_its_own_key_and_a_reason(build):
    found = gates(
        plan_of(),
        policy=Policy(),
        source=plan_of().source,
        wanted=True,
        current=True,
        intact=True,
        approvals=(),
        predecessors=(),
        now=build.NOW,
    )
    keys = [each.key for each in found]
    assert keys == [
        "fleet",
        "rules",
        "base",
        "candidate",
        "verdict",
        "approval",
        "promotion",
        "wave",
        "removals",
        "freeze",
        "paused",
        "quarantine",
    ]
    assert all(each.reason for each in found)


@pytest.mark.parametrize("policy", [Policy(), asks()])
def test_blocked_passes_nowhere_whoever_approves(gate, decision, policy):
    blocked = plan_of(Verdict.BLOCKED)
    found = gate("verdict", blocked, policy, [decision(ANN), decision(BOB)])
    assert found.state is GateState.CLOSED
    assert "a migration changes" in found.reason


def test_needs_approval_passes_where_the_policy_asks_for_none(gate):
    assert gate("approval", policy=Policy()).passed


def test_safe_passes_without_approval(gate):
    assert gate("approval", plan_of(Verdict.SAFE), asks()).passed


def test_a_policy_that_is_newer_than_the_plan_decides(gate):
    raised = Policy(rules={"labels-changed": RuleOverride(severity=Verdict.BLOCKED, reason="not this week")})
    assert gate("verdict", plan_of(Verdict.SAFE), raised).state is GateState.CLOSED
    lowered = asks().model_copy(
        update={"rules": {"migration": RuleOverride(severity=Verdict.SAFE, reason="additive")}}
    )
    assert gate("approval", plan_of(), lowered).passed


def test_a_policy_that_is_newer_than_the_plan_decides_about_each_check(gate):
    found = plan_of(Verdict.BLOCKED)
    failed = found.reasons[0].model_copy(update={"rule": "check-failed", "check": "plain-secret"})
    plan = found.model_copy(update={"reasons": (failed,)})

    def checks(**severities):
        given = {k.replace("_", "-"): RuleOverride(severity=v, reason="x") for k, v in severities.items()}
        return asks().model_copy(update={"checks": given})

    assert gate("verdict", plan, checks(image_unpinned=Verdict.SAFE)).state is GateState.CLOSED
    assert gate("verdict", plan, checks(plain_secret=Verdict.NEEDS_APPROVAL)).passed
    assert gate("approval", plan, checks(plain_secret=Verdict.NEEDS_APPROVAL)).state is GateState.WAITING
    assert gate("approval", plan, checks(plain_secret=Verdict.SAFE)).passed


def test_needs_approval_waits_until_enough_approved(gate, decision):
    policy = asks(required=2)
    assert gate("approval", policy=policy).state is GateState.WAITING
    assert gate("approval", policy=policy, approvals=[decision(ANN)]).state is GateState.WAITING
    found = gate("approval", policy=policy, approvals=[decision(ANN), decision(BOB)])
    assert found.passed
    assert ANN in found.reason


def test_an_approval_from_before_more_was_found_in_the_change_does_not_count(gate, decision, build):
    plan = plan_of().model_copy(update={"widened": build.NOW})
    early, late = (decision(ANN, at=build.later(minutes=minutes)) for minutes in (-1, 0))
    found = gate("approval", plan=plan, policy=asks(), approvals=[early], now=build.later(hours=1))
    assert found.state is GateState.WAITING
    assert "more was found in it at" in found.reason
    assert gate("approval", plan=plan, policy=asks(), approvals=[late], now=build.later(hours=1)).passed
    rejected = decision(ANN, "reject", at=build.later(minutes=-1))
    assert not gate("approval", plan=plan, policy=asks(), approvals=[late, rejected]).passed


def test_only_approvers_that_the_policy_names_count(gate, decision):
    found = gate("approval", policy=asks(BOB), approvals=[decision(ANN)])
    assert found.state is GateState.WAITING
    assert "ann@example.com's does not count: the policy does not name them" in found.reason


def test_an_approver_is_found_whatever_the_case(gate, decision):
    policy = Policy(approval=ApprovalRule(approvers=("Ann@Example.com",)))
    assert gate("approval", policy=policy, approvals=[decision("ANN@example.COM")]).passed


def test_an_author_does_not_approve_their_own_change(gate, decision):
    own = plan_of(authors=("Ann@Example.com",))
    assert gate("approval", own, asks(), [decision(ANN)]).state is GateState.WAITING
    assert gate("approval", own, asks(), [decision(ANN), decision(BOB)]).passed
    assert gate("approval", own, asks(self_approval=True), [decision(ANN)]).passed


def test_an_unsigned_source_needs_one_approver_more(gate, decision):
    unsigned = plan_of(signed=False)
    found = gate("approval", unsigned, asks(), [decision(ANN)])
    assert found.state is GateState.WAITING
    assert "1 of 2 approvals" in found.reason
    assert "not signed" in found.reason
    assert gate("approval", unsigned, asks(), [decision(ANN), decision(BOB)]).passed


@pytest.mark.parametrize(
    ("authors", "signed", "told"),
    [
        ((ANN,), True, f"0 of 2 approvals; {BOB} may approve, for the others wrote it: name more approvers"),
        ((ANN, BOB), True, "nobody may approve"),
        ((CAT,), False, f"{ANN} and {BOB} may approve, for the others wrote it: name more approvers in the "),
        ((CAT,), False, "or have its authors sign their commits"),
        ((CAT,), True, "0 of 2 approvals"),
    ],
)
def test_it_is_told_where_too_few_people_are_left_to_approve(gate, authors, signed, told):
    found = gate("approval", plan_of(authors=authors, signed=signed), asks(ANN, BOB, required=2))
    assert found.state is GateState.WAITING
    assert told in found.reason
    assert ("name more" in found.reason) is (authors != (CAT,) or not signed)


def test_an_unsigned_source_changes_nothing_where_no_approval_is_asked_for(gate):
    assert gate("approval", plan_of(signed=False), Policy()).passed
    assert gate("approval", plan_of(Verdict.SAFE, signed=False), asks()).passed


def test_several_keys_of_one_person_count_once(gate, decision):
    twice = [decision(ANN, key="SHA256:one"), decision(ANN, key="SHA256:two")]
    assert gate("approval", policy=asks(required=2), approvals=twice).state is GateState.WAITING


def test_one_key_under_two_names_counts_once(gate, decision):
    both = [decision(ANN, key="SHA256:same"), decision(BOB, key="SHA256:same")]
    found = gate("approval", policy=asks(required=2), approvals=both)
    assert found.state is GateState.WAITING
    assert "the same key" in found.reason


def test_an_approval_expires(build, gate, decision):
    policy = asks(expires=timedelta(days=2))
    approvals = [decision(ANN)]
    assert gate("approval", policy=policy, approvals=approvals, now=build.later(days=2)).passed
    expired = gate("approval", policy=policy, approvals=approvals, now=build.later(days=2, seconds=1))
    assert expired.state is GateState.WAITING
    assert "expired" in expired.reason


def test_an_approval_from_the_future_does_not_count(build, gate, decision):
    ahead = [decision(ANN, at=build.later(minutes=5, seconds=1))]
    assert gate("approval", policy=asks(), approvals=ahead).state is GateState.WAITING
    assert gate("approval", policy=asks(), approvals=[decision(ANN, at=build.later(minutes=5))]).passed


@pytest.mark.parametrize("verdict", [Verdict.SAFE, Verdict.NEEDS_APPROVAL])
def test_a_rejection_by_an_approver_closes_the_gate(gate, decision, verdict):
    decisions = [decision(ANN), decision(BOB, "reject", reason="not before the report")]
    found = gate("approval", plan_of(verdict), asks(), decisions)
    assert found.state is GateState.CLOSED
    assert found.reason == "rejected by bob@example.com: not before the report"


def test_a_rejection_by_nobody_the_policy_names_is_no_rejection(gate, decision):
    assert gate("approval", policy=asks(ANN), approvals=[decision(ANN), decision(BOB, "reject")]).passed


def test_a_rejection_does_not_expire_and_its_author_may_be_the_changes(build, gate, decision):
    rejected = [decision(ANN, "reject")]
    found = gate("approval", plan_of(authors=(ANN,)), asks(), rejected, now=build.later(days=400))
    assert found.state is GateState.CLOSED


def test_where_no_approval_is_asked_for_every_decision_counts_and_none_is_required(build, decision):
    author, later = decision("author@example.com"), decision(ANN, at=build.NOW + timedelta(hours=1))

    ballot = count([author, later], None, plan_of(signed=False).source, build.NOW)

    assert ballot.required == 0
    assert ballot.approvals == (author,)
    assert [void.approval for void in ballot.void] == [later]


def test_a_rejection_holds_also_where_no_approval_is_asked_for(gate, decision):
    assert gate("approval", policy=Policy(), approvals=[decision(ANN, "reject")]).state is GateState.CLOSED


def test_an_approver_of_the_rule_that_still_holds_rejects_and_does_no_more(gate, decision):
    former = ApprovalRule(approvers=(BOB,))

    def state(*decisions):
        return gate("approval", policy=asks(ANN), approvals=decisions, holding=former).state

    assert state(decision(ANN), decision(BOB, "reject")) is GateState.CLOSED
    assert state(decision(BOB)) is GateState.WAITING
    assert state(decision(ANN), decision(CAT, "reject")) is GateState.OPEN


def test_where_nobody_can_tell_who_rejected_a_change_waits_whatever_else_is_said(gate, decision):
    safe = gate("approval", plan_of(Verdict.SAFE), asks(), unheard="timed out")
    assert (safe.state, safe.reason) == (
        GateState.WAITING,
        "the forge cannot tell what people said there: timed out",
    )
    assert gate("approval", policy=asks(), approvals=[decision(ANN)], unheard="timed out").state is (
        GateState.WAITING
    )
    rejected = [decision(ANN, "reject")]
    assert gate("approval", policy=asks(), approvals=rejected, unheard="timed out").state is GateState.CLOSED


def test_what_was_let_through_for_a_while_needs_approval_from_the_moment_that_ends(build, gate):
    plan = plan_of(Verdict.SAFE)
    reason = plan.reasons[0].model_copy(update={"until": build.later(hours=1)})
    plan = plan.model_copy(update={"reasons": (reason,)})
    assert gate("approval", plan, asks(), now=build.later(minutes=59)).passed
    assert gate("approval", plan, asks(), now=build.later(hours=1)).state is GateState.WAITING


def test_a_glass_that_was_broken_before_more_was_found_in_the_change_is_whole(build, gate, decision):
    policy = asks().model_copy(update={"break_glass": BreakGlass(people=(ANN, BOB))})
    plan = plan_of().model_copy(update={"widened": build.NOW})

    def broken(minutes):
        at = build.later(minutes=minutes)
        both = [decision(who, "break-glass", at=at, reason="prod is down") for who in (ANN, BOB)]
        return gate("approval", plan, policy, both, now=build.later(minutes=1))

    assert broken(minutes=0).passed
    assert broken(minutes=-1).state is GateState.WAITING


AFTER = After(environment="staging", content=OTHER)


def test_the_first_environment_waits_for_no_other(gate):
    assert gate("promotion").passed


@pytest.mark.parametrize(
    ("predecessor", "words"),
    [
        (Predecessor(None, None), "has not released"),
        (Predecessor(CONTENT, None), "has not released"),
        (Predecessor(OTHER, None), "not live and healthy"),
        (Predecessor(OTHER, None, "Pod web/ask failed"), "healthy in staging: Pod web/ask failed"),
    ],
)
def test_promotion_waits_for_the_same_change_to_be_healthy_before(gate, predecessor, words):
    found = gate("promotion", plan_of(after=(AFTER,)), predecessors=[predecessor])
    assert found.state is GateState.WAITING
    assert words in found.reason


def test_promotion_waits_for_the_soak_time(build, gate):
    policy = Policy(soak=timedelta(minutes=90))
    healthy = Predecessor(OTHER, build.NOW)
    waiting = gate(
        "promotion", plan_of(after=(AFTER,)), policy, predecessors=[healthy], now=build.later(minutes=89)
    )
    assert waiting.state is GateState.WAITING
    assert "1 h 29 min of 1 h 30 min" in waiting.reason
    assert "2026-03-02 13:30:00 UTC" in waiting.reason
    assert gate(
        "promotion", plan_of(after=(AFTER,)), policy, predecessors=[healthy], now=build.later(minutes=90)
    ).passed


BOTH = (AFTER, After(environment="canada", content=CONTENT))


def test_of_several_environments_before_all_must_have_it_healthy_for_long_enough(build, gate):
    policy = Policy(soak=timedelta(minutes=90))
    one = [Predecessor(OTHER, build.NOW), Predecessor(None, None)]
    at = build.later(minutes=90)
    held = gate("promotion", plan_of(after=BOTH), policy, predecessors=one, now=at)
    assert (held.state, held.reason) == (GateState.WAITING, "canada has not released the same change")
    late = [Predecessor(OTHER, build.NOW), Predecessor(CONTENT, build.later(minutes=30))]
    assert (
        "healthy in canada for 1 h of"
        in gate("promotion", plan_of(after=BOTH), policy, predecessors=late, now=at).reason
    )
    both = [Predecessor(OTHER, build.NOW), Predecessor(CONTENT, build.NOW)]
    assert gate("promotion", plan_of(after=BOTH), policy, predecessors=both, now=at).passed


def test_where_one_is_enough_any_of_them_opens_the_gate_and_none_does_not(build, gate):
    neither = [Predecessor(None, None), Predecessor(CONTENT, None, "it crashes")]
    found = gate("promotion", plan_of(after=BOTH), predecessors=neither, one_is_enough=True)
    assert found.reason == (
        "staging has not released the same change or it is not live and healthy in canada: it crashes"
    )
    one = [Predecessor(None, None), Predecessor(CONTENT, build.NOW)]
    assert gate("promotion", plan_of(after=BOTH), predecessors=one, one_is_enough=True).passed
    assert not gate("promotion", plan_of(after=BOTH), predecessors=one).passed


@pytest.fixture
def canary(build):
    def make(tenant="canary", released=True, healthy=True, since=build.NOW, held_by=(), soak=10):
        return Canary(tenant, 1, timedelta(minutes=soak), released, healthy, since, tuple(held_by))

    return make


def test_what_no_earlier_wave_shares_waits_for_none(gate):
    assert gate("wave").passed


def test_a_later_wave_waits_for_the_soak_time_of_the_earlier_one(build, gate, canary):
    waiting = gate("wave", canaries=[canary()], now=build.later(minutes=9))
    assert waiting.state is GateState.WAITING
    assert waiting.reason == (
        "wave 1 goes first: canary has it, healthy for 9 min of 10 min; opens at 2026-03-02 12:10:00 UTC"
    )
    assert gate("wave", canaries=[canary()], now=build.later(minutes=10)).passed


def test_an_unhealthy_canary_holds_its_train_and_says_since_when(build, gate, canary):
    found = gate("wave", canaries=[canary(healthy=False)], now=build.later(days=1))
    assert found.state is GateState.WAITING
    assert "canary has it, and is not live and healthy since 2026-03-02 12:00:00 UTC" in found.reason


def test_a_canary_that_waits_itself_tells_for_what_and_since_when(gate, canary):
    waits = Gate("approval", GateState.WAITING, "0 of 1 approvals")
    found = gate("wave", canaries=[canary(released=False, held_by=[waits])])
    assert found.state is GateState.WAITING
    assert "canary waits since 2026-03-02 12:00:00 UTC (approval: 0 of 1 approvals)" in found.reason


def test_a_canary_that_nothing_holds_waits_for_its_release(gate, canary):
    found = gate("wave", canaries=[canary(released=False)])
    assert found.state is GateState.WAITING
    assert found.reason.endswith("canary waits since 2026-03-02 12:00:00 UTC for its release")


@pytest.mark.parametrize(("state", "outdated"), [(GateState.WAITING, False), (GateState.CLOSED, True)])
def test_a_canary_that_goes_on_by_itself_is_not_to_be_mended(gate, canary, state, outdated):
    held = Gate("base", state, "what is released has changed", outdated)
    assert gate("wave", canaries=[canary(released=False, held_by=[held])]).reason.endswith(" has changed)")


def test_a_canary_that_is_rejected_stops_the_train_and_says_what_to_do(gate, canary):
    frozen = Gate("freeze", GateState.WAITING, "frozen until Monday")
    rejected = Gate("approval", GateState.CLOSED, "rejected by bob@example.com: no")
    found = gate("wave", canaries=[canary(released=False, held_by=[frozen, rejected])])
    assert found.state is GateState.CLOSED
    assert "(approval: rejected by bob@example.com: no); mend the change" in found.reason


def test_a_canary_that_was_not_planned_yet_holds(gate, canary):
    found = gate("wave", canaries=[canary(released=False, since=None)])
    assert found.state is GateState.WAITING
    assert "deploy-orchestrator plan -t canary" in found.reason


def test_of_several_canaries_the_gravest_is_told(gate, canary):
    reverted = Gate("quarantine", GateState.CLOSED, "reverted")
    late = canary("late", healthy=False)
    stopped = canary("stopped", released=False, held_by=[reverted])
    found = gate("wave", canaries=[canary("early", soak=0), late, stopped])
    assert found.state is GateState.CLOSED
    assert "stopped waits" in found.reason
    assert found.reason.endswith("(and 1 more)")


@pytest.mark.parametrize(
    ("share", "made", "of", "state"),
    [
        ("10%", 0, 3, GateState.OPEN),
        ("10%", 1, 3, GateState.WAITING),
        ("10%", 1, 20, GateState.OPEN),
        ("10%", 2, 20, GateState.WAITING),
        ("10%", 2, 29, GateState.WAITING),
        ("100%", 19, 20, GateState.OPEN),
        ("0%", 0, 20, GateState.CLOSED),
    ],
)
def test_a_share_of_the_tenants_and_always_one_may_be_removed_within_a_day(gate, share, made, of, state):
    found = gate("removals", policy=Policy(removals=share), removals=Removals(made, of))
    assert found.state is state
    assert f"{made} of {of} tenants were removed within a day" in found.reason


def test_what_removes_no_tenant_is_not_counted(gate):
    assert gate("removals", policy=Policy.model_validate({"removals": "0%"})).passed


def test_a_freeze_holds_from_its_start_until_before_its_end(build, gate):
    freeze = Freeze(start=build.NOW, end=build.later(hours=1), reason="quarter end")
    policy = Policy(freezes=(freeze,))
    assert gate("freeze", policy=policy, now=build.later(seconds=-1)).passed
    frozen = gate("freeze", policy=policy)
    assert frozen.state is GateState.WAITING
    assert "quarter end" in frozen.reason
    assert not gate("freeze", policy=policy, now=build.later(minutes=59)).passed
    assert gate("freeze", policy=policy, now=build.later(hours=1)).passed


def weekly(every, reason, **fields):
    start = {"start": "2026-01-02T09:00", "lasts": "8h", "timeZone": "Europe/Berlin"}
    return Window.model_validate({"every": every, "reason": reason, **start, **fields})


def test_a_freeze_that_comes_again_holds_each_time(build, gate):
    policy = Policy(freeze_windows=(weekly("FREQ=WEEKLY;BYDAY=MO", "trading"),))
    frozen = gate("freeze", policy=policy)
    assert frozen.state is GateState.WAITING
    assert frozen.reason == "frozen until 2026-03-02 16:00:00 UTC: trading"
    assert not gate("freeze", policy=policy, now=build.later(days=7)).passed
    assert gate("freeze", policy=policy, now=build.later(days=1)).passed


def test_outside_of_the_release_windows_nothing_is_released_and_the_next_one_is_told(build, gate):
    policy = Policy(
        release_windows=(
            weekly("FREQ=WEEKLY;BYDAY=TU", "ops are in"),
            weekly("FREQ=MONTHLY;BYMONTHDAY=20", "x"),
        )
    )
    held = gate("freeze", policy=policy)
    assert held.state is GateState.WAITING
    assert held.reason == "no release window is open until 2026-03-03 08:00:00 UTC: ops are in"
    opened = gate("freeze", policy=policy, now=build.later(days=1))
    assert opened.reason == "a release window is open until 2026-03-03 16:00:00 UTC: ops are in"


def test_a_freeze_within_a_release_window_holds(gate):
    monday = weekly("FREQ=WEEKLY;BYDAY=MO", "both")
    assert gate("freeze", policy=Policy(release_windows=(monday,))).passed
    assert not gate("freeze", policy=Policy(release_windows=(monday,), freeze_windows=(monday,))).passed


def test_release_windows_that_are_all_over_release_nothing(gate):
    over = weekly("FREQ=DAILY;UNTIL=20260201", "January")
    found = gate("freeze", policy=Policy(release_windows=(over,)))
    assert found.state is GateState.CLOSED
    assert "name another in the policy" in found.reason


@pytest.fixture
def reverted(build):
    entry = Quarantined(content=CONTENT, reason="unhealthy", reverted=COMMIT, at=build.NOW)
    return [Returning(entry, "the bytes")]


def test_reverted_content_is_held(gate, reverted):
    found = gate("quarantine", plan_of(Verdict.SAFE), returning=reverted)
    assert found.state is GateState.CLOSED
    assert "unhealthy" in found.reason


def test_what_was_never_reverted_is_not_held(gate):
    assert gate("quarantine").passed


@pytest.mark.parametrize("policy", [Policy(), asks()])
def test_only_an_approval_of_this_digest_lifts_the_quarantine(gate, reverted, decision, policy):
    assert gate("quarantine", policy=policy, returning=reverted).state is GateState.CLOSED
    assert gate("quarantine", policy=policy, approvals=[decision(ANN)], returning=reverted).passed


def test_the_quarantine_says_who_lifts_it(gate, reverted):
    assert ANN in gate("quarantine", policy=asks(), returning=reverted).reason
    assert "anybody with a key" in gate("quarantine", returning=reverted).reason


def test_what_the_fleet_no_longer_asks_for_waits_for_another_plan(gate):
    found = gate("fleet", wanted=False)
    assert (found.state, found.outdated) == (GateState.CLOSED, True)


def test_a_plan_for_another_base_than_the_release_is_closed(gate):
    found = gate("base", current=False)
    assert found.state is GateState.CLOSED
    assert "plan again" in found.reason


@pytest.mark.parametrize("key", ["fleet", "base", "candidate", "rules"])
def test_what_is_as_it_was_planned_opens_what_asks_for_that(gate, key):
    assert gate(key).passed


def test_manifests_that_are_not_those_that_were_planned_wait_for_another_plan(gate):
    found = gate("candidate", intact=False)
    assert (found.state, found.outdated) == (GateState.CLOSED, True)


def test_what_takes_rules_that_are_not_approved_waits_for_them(gate):
    found = gate("rules", rules="its cluster is not approved yet")
    assert (found.state, found.reason) == (GateState.WAITING, "its cluster is not approved yet")
