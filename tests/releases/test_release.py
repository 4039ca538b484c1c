"""Releasing where the environment asks for approvals, with everything checked inside the write."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from deploy_orchestrator.fleet import Rules
from deploy_orchestrator.git import Repository
from deploy_orchestrator.releases import After, Deployments, GatesClosed, Line, Predecessor
from deploy_orchestrator.risk import Verdict

ANN, BOB = "ann@example.com", "bob@example.com"
PLACE = "https://main.example.com"


@pytest.fixture
def risky(build, pipeline):
    """A plan for production that needs approval."""
    hook = {"helm.sh/hook": "pre-upgrade"}
    first = build.manifests(build.job(image="app:1.0.0", **hook))
    pipeline.release(first, environment="production")
    plan = pipeline.propose(
        build.manifests(build.job(image="app:1.1.0", **hook)), environment="production", source=build.S2
    )
    assert plan.verdict is Verdict.NEEDS_APPROVAL
    return plan


def test_a_risky_change_waits_for_approval_and_goes_out_with_it(
    build, deployments, risky, people, repository
):
    ann = people(ANN)
    conditions = build.conditions(build.asks_for(ANN), (ann,))
    with pytest.raises(GatesClosed) as closed:
        build.release(deployments, risky, conditions)
    assert [gate.key for gate in closed.value.gates] == ["approval"]

    approved = deployments.decide(risky, "approve", "read the migration", ann.signer, build.NOW)
    release = build.release(deployments, risky, conditions)

    (approval,) = release.approvals
    assert (approval.who, approval.commit, approval.reason) == (ANN, approved.id, "read the migration")
    assert repository.commit(release.commit).trailers["Approved-by"] == ANN
    assert deployments.history("production", "analytics")[0].release.approvals == (approval,)


def test_every_approver_is_named_in_the_commit(build, deployments, risky, people, repository):
    both = (people(ANN), people(BOB))
    for each in both:
        deployments.decide(risky, "approve", "", each.signer, build.NOW)
    release = build.release(deployments, risky, build.conditions(build.asks_for(ANN, BOB, required=2), both))
    message = repository.commit(release.commit).message
    assert f"Approved-by: {ANN}\nApproved-by: {BOB}\n" in message


def test_an_approval_that_nobody_fetched_yet_counts(build, deployments, risky, people, remote, tmp_path):
    ann = people(ANN)
    elsewhere = Deployments(Repository.clone(str(remote), tmp_path / "elsewhere"))
    elsewhere.decide(risky, "approve", "", ann.signer, build.NOW)
    release = build.release(deployments, risky, build.conditions(build.asks_for(ANN), (ann,)))
    assert [approval.who for approval in release.approvals] == [ANN]


def test_a_rejection_that_nobody_fetched_yet_stops_it(build, deployments, risky, people, remote, tmp_path):
    ann, bob = people(ANN), people(BOB)
    deployments.decide(risky, "approve", "", ann.signer, build.NOW)
    elsewhere = Deployments(Repository.clone(str(remote), tmp_path / "elsewhere"))
    elsewhere.decide(risky, "reject", "no backup", bob.signer, build.NOW)
    with pytest.raises(GatesClosed, match="no backup"):
        build.release(deployments, risky, build.conditions(build.asks_for(ANN, BOB), (ann, bob)))


@pytest.mark.parametrize("how", ["rejected", "removed", "rejected by another"])
def test_an_approval_that_is_withdrawn_between_the_last_look_and_the_push_does_not_count(
    build, deployments, risky, people, remote, tmp_path, how
):
    ann, bob = people(ANN), people(BOB)
    deployments.decide(risky, "approve", "", ann.signer, build.NOW)
    elsewhere = Deployments(Repository.clone(str(remote), tmp_path / "elsewhere"))
    conditions, looks = build.conditions(build.asks_for(ANN, BOB), (ann, bob)), []

    def look():
        """Called after everything was fetched, and before it is judged."""
        looks.append(how)
        if len(looks) == 1 and how == "removed":
            path = f"{risky.digest.removeprefix('sha256:')}/{ANN}.yaml"
            build.push(elsewhere.repository, "approvals", {}, (path,), signer=ann.signer)
        elif len(looks) == 1:
            who = ann if how == "rejected" else bob
            elsewhere.decide(risky, "reject", "wait", who.signer, build.NOW)
        return lambda _: conditions

    (outcome,) = deployments.release_plans([risky], look)

    assert isinstance(outcome, GatesClosed)
    assert len(looks) == 2
    assert deployments.release("production", "analytics").digest != risky.digest


@pytest.mark.parametrize("taken_away", [True, False])
@pytest.mark.parametrize("decided_before", [True, False])
def test_a_pause_that_arrives_during_the_push_holds_it_also_where_nobody_had_to_approve(
    build, deployments, pipeline, people, remote, tmp_path, decided_before, taken_away
):
    """And where nobody ever decided anything, so that there was no such branch; also by somebody whom a
    commit has taken away since.
    """
    ann = people(ANN)
    plan = pipeline.propose(build.manifests(build.config_map(a="1")), environment="production")
    if decided_before:
        deployments.stop(Line("production", "other"), "pause", "x", ann.signer, build.NOW)
    elsewhere = Deployments(Repository.clone(str(remote), tmp_path / "elsewhere"))
    conditions, looks = build.conditions(build.asks_for(ANN), (ann,)), []
    if taken_away:
        place: dict[str, Any] = {
            "argocd": "default",
            "cluster": "main",
            "server": PLACE,
            "namespace": "{tenant}",
        }
        before = Rules(**place, policy=build.asks_for(ANN), signers=(ann.allowed.decode().strip(),))
        conditions = replace(build.conditions(), holding=before)

    def look():
        looks.append(1)
        if len(looks) == 1:
            elsewhere.stop(Line("production"), "pause", "wait", ann.signer, build.NOW)
        return lambda _: conditions

    (outcome,) = deployments.release_plans([plan], look)

    assert isinstance(outcome, GatesClosed)
    assert [gate.key for gate in outcome.gates] == ["paused"]
    assert len(looks) == 2


def test_what_was_decided_after_a_release_comes_after_its_word_on_the_branch_of_decisions(
    build, deployments, risky, people, repository
):
    ann = people(ANN)
    deployments.decide(risky, "approve", "", ann.signer, build.NOW)
    build.release(deployments, risky, build.conditions(build.asks_for(ANN), (ann,)))
    word = repository.commit("approvals")
    assert word.subject == "Release production/analytics by the decisions up to here"
    assert word.trailers == {"Digest": risky.digest}
    assert repository.changed(word.id) == ()
    believed, refused = deployments.approvals(risky.digest, ann.allowed)
    assert ([each.who for each in believed], refused) == ([ANN], [])


def test_a_key_that_was_taken_out_of_allowed_signers_approves_nothing(build, deployments, risky, people):
    ann, bob = people(ANN), people(BOB)
    deployments.decide(risky, "approve", "", ann.signer, build.NOW)
    with pytest.raises(GatesClosed):
        build.release(deployments, risky, build.conditions(build.asks_for(ANN), (bob,)))


def test_an_approval_is_void_when_the_bytes_change(build, pipeline, deployments, risky, people):
    ann = people(ANN)
    deployments.decide(risky, "approve", "", ann.signer, build.NOW)
    hook = {"helm.sh/hook": "pre-upgrade"}
    other = pipeline.propose(
        build.manifests(build.job(image="app:1.2.0", **hook)), environment="production", source=build.S3
    )
    with pytest.raises(GatesClosed):
        build.release(deployments, other, build.conditions(build.asks_for(ANN), (ann,)))


def test_a_change_enters_only_after_it_was_healthy_before(build, pipeline, deployments):
    candidate = build.manifests(build.config_map(a="1"))
    after = After(environment="staging", content=f"sha256:{'5' * 64}")
    plan = pipeline.propose(candidate, environment="production", after=after)
    with pytest.raises(GatesClosed, match="staging"):
        build.release(deployments, plan, build.conditions(predecessor=Predecessor(None, None)))
    healthy = Predecessor(after.content, build.NOW)
    assert build.release(deployments, plan, build.conditions(predecessor=healthy)).digest == plan.digest


def test_a_plan_of_an_earlier_version_names_one_environment_before_it(
    build, pipeline, deployments, repository
):
    after = After(environment="staging", content=f"sha256:{'5' * 64}")
    plan = pipeline.propose(build.manifests(build.config_map(a="1")), environment="production", after=after)
    path = "plans/production/analytics.yaml"
    written = yaml.safe_load(repository.branch("main").read(path))
    (written["after"],) = written["after"]
    build.push(repository, "main", {path: yaml.safe_dump(written).encode()})
    assert deployments.pending("production", "analytics") == plan
