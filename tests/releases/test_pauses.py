"""Stop the line: who pauses, who resumes, and what that holds."""

from datetime import timedelta

import pytest

from deploy_orchestrator.fleet import ApprovalRule, PauseRule, Policy
from deploy_orchestrator.releases import GatesClosed, GateState, Line, count
from tests.releases.conftest import NOW

ANN, BOB, CAT = "ann@example.com", "bob@example.com", "cat@example.com"
DEV, MINE, OTHER = Line("dev"), Line("dev", "analytics"), Line("dev", "ml")
RULE = Policy(pause=PauseRule(pausers=(ANN,), resumers=(BOB,)))


@pytest.fixture
def ann(people):
    return people(ANN)


@pytest.fixture
def bob(people):
    return people(BOB)


@pytest.fixture
def stop(build, deployments):
    def sign(someone, decision="pause", line=DEV, now=NOW, reason="it burns"):
        return deployments.stop(line, decision, reason, someone.signer, now)

    return sign


@pytest.fixture
def paused(deployments, ann, bob):
    """Who has paused a line."""

    def read(line=DEV, policy=RULE, signers=(), now=NOW):
        allowed = b"".join(each.allowed for each in signers or (ann, bob))
        return [each.who for each in deployments.pausing(line, policy, allowed, now).paused]

    return read


@pytest.fixture
def closed(build, pipeline, deployments, ann, bob):
    """The gates that a safe change of a tenant is held by."""
    plan = pipeline.propose(build.manifests(build.config_map(a="1")))

    def read(policy=RULE, now=NOW):
        found = deployments.gates(plan, build.conditions(policy, (ann, bob), now=now))
        return {gate.key: gate for gate in found if not gate.passed}

    return read


def test_a_paused_environment_releases_nothing_and_says_who_why_and_how_it_goes_on(ann, stop, closed):
    assert closed() == {}
    stop(ann)
    gate = closed()["paused"]
    assert gate.state is GateState.WAITING
    assert gate.reason == (
        "dev, by ann@example.com at 2026-03-02 12:00:00 UTC: it burns; "
        "resumed by one of bob@example.com: deploy-orchestrator resume dev"
    )


def test_a_plan_that_waited_is_not_released_while_it_is_paused(build, pipeline, deployments, ann, bob, stop):
    plan = pipeline.propose(build.manifests(build.config_map(a="1")))
    stop(ann, line=MINE)
    with pytest.raises(GatesClosed, match=r"dev/analytics, by ann@example\.com"):
        build.release(deployments, plan, build.conditions(RULE, (ann, bob)))
    stop(bob, "resume", MINE)
    assert build.release(deployments, plan, build.conditions(RULE, (ann, bob)))


def test_a_paused_tenant_holds_no_other(ann, stop, closed, paused):
    stop(ann, line=OTHER)
    assert closed() == {}
    assert paused(OTHER) == [ANN]
    stop(ann, line=MINE)
    assert "paused" in closed()


def test_what_is_paused_can_be_rolled_back(build, pipeline, deployments, ann, stop):
    pipeline.release(build.manifests(build.config_map(a="1")))
    second = pipeline.release(build.manifests(build.config_map(a="2")), source=build.S2)
    stop(ann)
    assert deployments.revert(second, "it burns", NOW).content != second.content


def test_whoever_may_resumes_what_somebody_else_paused_until_it_is_paused_again(ann, bob, stop, paused):
    stop(ann)
    stop(bob, "resume")
    assert paused() == []
    stop(ann, now=NOW + timedelta(minutes=1))
    assert paused() == [ANN]


def test_an_environment_that_is_resumed_leaves_a_tenant_paused(ann, bob, stop, closed):
    stop(ann)
    stop(ann, line=MINE)
    stop(bob, "resume")
    assert "dev/analytics, by" in closed()["paused"].reason


def test_only_those_whom_the_policy_names_pause_and_resume(ann, bob, stop, paused):
    stop(bob)
    assert paused() == []
    stop(ann)
    stop(ann, "resume")
    assert paused() == []  # Ann took her own pause back by signing something else.
    stop(ann)
    assert paused(policy=Policy(pause=PauseRule(pausers=(ANN,), resumers=(CAT,)))) == [ANN]
    stop(bob, "resume")
    assert paused(policy=Policy(pause=PauseRule(pausers=(ANN,), resumers=(CAT,)))) == [ANN]


def test_without_a_rule_the_approvers_may_and_without_any_nobody_may(ann, bob, stop, paused):
    asks = Policy(approval=ApprovalRule(approvers=(ANN, BOB)))
    stop(ann)
    assert paused(policy=asks) == [ANN]
    assert paused(policy=Policy()) == []
    stop(bob, "resume")
    assert paused(policy=asks) == []


def test_a_key_that_is_taken_away_neither_pauses_nor_resumes(ann, bob, stop, paused):
    stop(ann)
    stop(bob, "resume")
    assert paused(signers=(ann,)) == [ANN]
    assert paused(signers=(bob,)) == []


def test_a_pause_stands_when_others_overwrite_or_remove_it(build, repository, ann, stop, paused):
    stop(ann)
    path = f"{DEV.digest.removeprefix('sha256:')}/{ANN}.yaml"
    build.push(repository, "approvals", {path: b"decision: resume"})
    assert paused() == [ANN]
    build.push(repository, "approvals", {}, (path,))
    assert paused() == [ANN]


def test_a_resume_in_the_name_of_another_counts_for_nobody(ann, bob, build, repository, stop, paused):
    stop(ann)
    stop(bob, "resume", line=MINE)
    folder = f"{DEV.digest.removeprefix('sha256:')}"
    signed = repository.branch("approvals").read(f"{MINE.digest.removeprefix('sha256:')}/{BOB}.yaml")
    build.push(repository, "approvals", {f"{folder}/{BOB}.yaml": signed}, signer=ann.signer)
    assert paused() == [ANN]


def test_a_resume_that_was_signed_before_a_pause_does_not_lift_it_whatever_its_date(ann, bob, stop, paused):
    stop(bob, "resume", now=NOW + timedelta(days=1))
    stop(ann)
    assert paused(now=NOW + timedelta(days=2)) == [ANN]


def test_a_resume_that_is_dated_in_the_future_does_not_count_yet(ann, bob, stop, paused):
    stop(ann)
    stop(bob, "resume", now=NOW + timedelta(hours=1))
    assert paused() == [ANN]


@pytest.mark.parametrize("decision", ["pause", "resume"])
def test_a_decision_on_the_line_is_none_on_a_change(build, pipeline, deployments, ann, decision):
    plan = pipeline.propose(build.manifests(build.config_map(a="1")))
    deployments.decide(plan, decision, "x", ann.signer, NOW)
    (signed,), _ = deployments.approvals(plan.digest, ann.allowed)
    for rule in (None, ApprovalRule(approvers=(ANN,))):
        ballot = count([signed], rule, plan.source, NOW)
        assert (ballot.approvals, ballot.rejections) == ((), ())
        assert ballot.void[0].reason == "it decides on no change"


def test_an_approval_of_a_change_pauses_and_resumes_nothing(ann, bob, deployments, stop, paused):
    stop(bob, "approve")
    stop(ann)
    stop(bob, "reject")
    stop(bob, "approve")
    assert paused() == [ANN]
