"""Which decisions on the branch `approvals` are believed."""

import subprocess

import pytest
import yaml

from deploy_orchestrator.fleet import ApprovalRule
from deploy_orchestrator.git import Signer
from deploy_orchestrator.releases import ReleaseError, count

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def ann(people):
    return people(ANN)


@pytest.fixture
def bob(people):
    return people(BOB)


@pytest.fixture
def plan(build, pipeline):
    return pipeline.propose(build.manifests(build.config_map(a="1")))


@pytest.fixture
def decide(build, deployments, plan):
    def sign(someone, decision="approve", reason="looked at it", now=build.NOW):
        return deployments.decide(plan, decision, reason, someone.signer, now)

    return sign


@pytest.fixture
def believed(build, deployments, plan, ann, bob):
    """Who decided what, and what is refused for which reason, after all that was pushed."""

    def read(*signers):
        allowed = b"".join(each.allowed for each in signers or (ann, bob))
        approvals, refused = deployments.approvals(plan.digest, allowed)
        return {each.who: each.decision for each in approvals}, [each.reason for each in refused]

    return read


def folder(plan):
    return plan.digest.removeprefix("sha256:")


def content(plan, **changes):
    value = {
        "digest": plan.digest,
        "who": ANN,
        "decision": "approve",
        "reason": "",
        "at": "2026-03-02T12:00:00Z",
    }
    return yaml.safe_dump({**value, **changes}).encode()


def test_a_signed_approval_is_believed_with_all_it_says(build, deployments, plan, ann, decide):
    commit = decide(ann, reason="read the diff")
    (approval,), refused = deployments.approvals(plan.digest, ann.allowed)
    assert refused == []
    assert (approval.digest, approval.who, approval.decision) == (plan.digest, ANN, "approve")
    assert (approval.reason, approval.at, approval.commit) == ("read the diff", build.NOW, commit.id)
    assert approval.key.startswith("SHA256:")


def test_nothing_is_believed_where_nobody_decided(believed):
    assert believed() == ({}, [])


def test_the_same_decision_may_be_signed_again(build, deployments, plan, ann, decide):
    decide(ann)
    decide(ann, now=build.later(hours=1))
    (approval,), _ = deployments.approvals(plan.digest, ann.allowed)
    assert approval.at == build.later(hours=1)


def test_the_last_decision_of_a_person_counts(believed, decide, ann, bob):
    decide(ann)
    decide(bob)
    decide(ann, "reject")
    assert believed() == ({ANN: "reject", BOB: "approve"}, [])


def test_decisions_on_another_digest_say_nothing_on_this_one(
    build, pipeline, deployments, ann, plan, believed
):
    other = pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2)
    deployments.decide(other, "approve", "", ann.signer, build.NOW)
    assert believed() == ({}, [])


def test_an_address_is_the_same_in_any_case(build, deployments, plan, people):
    ann = people("Ann@Example.COM")
    deployments.decide(plan, "approve", "", ann.signer, build.NOW)
    (approval,), refused = deployments.approvals(plan.digest, ann.allowed)
    assert (approval.who, refused) == (ANN, [])


def test_an_unsigned_approval_is_refused(build, believed, plan, repository):
    build.push(repository, "approvals", {f"{folder(plan)}/{ANN}.yaml": content(plan)})
    assert believed()[0] == {}
    assert "not signed" in believed()[1][0]


def test_an_approval_signed_by_a_stranger_is_refused(believed, decide, ann, bob):
    decide(ann)
    assert believed(bob)[0] == {}
    assert len(believed(bob)[1]) == 1


def test_an_approval_in_the_name_of_another_is_refused(build, believed, plan, repository, bob):
    build.push(repository, "approvals", {f"{folder(plan)}/{ANN}.yaml": content(plan)}, signer=bob.signer)
    assert believed() == ({}, [f"it was signed by {BOB}"])


def test_the_file_must_say_who_its_name_says(build, believed, plan, repository, ann):
    path = f"{folder(plan)}/{ANN}.yaml"
    build.push(repository, "approvals", {path: content(plan, who=BOB)}, signer=ann.signer)
    said = f"it says to be from {BOB}, whose decisions stand at {folder(plan)}/{BOB}.yaml"
    assert believed() == ({}, [said])


def test_an_approval_of_another_digest_is_refused_in_this_folder(build, believed, plan, repository, ann):
    other = f"sha256:{'0' * 64}"
    path = f"{folder(plan)}/{ANN}.yaml"
    build.push(repository, "approvals", {path: content(plan, digest=other)}, signer=ann.signer)
    assert believed() == ({}, [f"it is about another digest: {other}"])


def test_a_commit_that_changes_more_than_one_file_is_refused(build, believed, plan, repository, ann):
    writes = {f"{folder(plan)}/{ANN}.yaml": content(plan), "0" * 64 + f"/{ANN}.yaml": content(plan)}
    build.push(repository, "approvals", writes, signer=ann.signer)
    assert believed() == ({}, ["its commit changes other files too"])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"{" * 10_000,
        b"digest: [",
        b"- a list",
        b"decision: approve",
        b"a: &a [1]\nb: *c",
        "unknown: field\n",
        "decision: maybe\n",
        "at: yesterday\n",
        "who: ../../main\n",
        "reason: [1]\n",
    ],
)
def test_a_file_that_is_no_decision_is_refused_and_the_others_stand(
    build, believed, decide, plan, repository, ann, bob, data
):
    decide(bob)
    data = data if isinstance(data, bytes) else content(plan, **yaml.safe_load(data))
    build.push(repository, "approvals", {f"{folder(plan)}/{ANN}.yaml": data}, signer=ann.signer)
    people, refused = believed()
    assert people == {BOB: "approve"}
    assert len(refused) == 1


def test_a_file_that_is_overwritten_by_others_is_no_approval(
    build, believed, decide, plan, repository, ann, bob
):
    decide(ann)
    build.push(
        repository,
        "approvals",
        {f"{folder(plan)}/{ANN}.yaml": content(plan, reason="me too")},
        signer=bob.signer,
    )
    assert believed() == ({}, [f"it was signed by {BOB}"])


def test_a_rejection_stands_when_others_overwrite_or_remove_it(
    build, believed, decide, plan, repository, ann, bob
):
    decide(ann, "reject")
    path = f"{folder(plan)}/{ANN}.yaml"
    build.push(repository, "approvals", {path: content(plan)})
    assert believed()[0] == {ANN: "reject"}
    build.push(repository, "approvals", {}, (path,), signer=bob.signer)
    people, refused = believed()
    assert people == {ANN: "reject"}
    assert refused == [f"it was signed by {BOB}"]


def test_a_decision_is_taken_back_by_its_author_only(build, believed, decide, plan, repository, ann):
    decide(ann, "reject")
    build.push(repository, "approvals", {}, (f"{folder(plan)}/{ANN}.yaml",), signer=ann.signer)
    assert believed() == ({}, [])


@pytest.fixture
def hide_by_merge(repository, remote, tmp_path):
    def hide(kept: str) -> None:
        def git(*arguments):
            subprocess.run(
                ["git", "-c", "user.name=M", "-c", "user.email=m@example.com", *arguments],
                cwd=work if work.exists() else None,
                check=True,
                capture_output=True,
            )

        work = tmp_path / "work"
        git("clone", "-q", "-b", "approvals", str(remote), str(work))
        git("checkout", "-q", "-b", "side", kept)
        git("merge", "-q", "--no-ff", "-s", "ours", "approvals", "-m", "hide what came later")
        git("push", "-q", "origin", "side:approvals")
        repository.fetch()

    return hide


def test_no_approval_from_before_a_merge_is_believed(believed, decide, ann, bob, hide_by_merge):
    approved = decide(ann).id
    decide(bob)
    hide_by_merge(approved)
    people, refused = believed()
    assert people == {}
    assert "a merge came after it" in refused[0]
    decide(bob)
    assert believed()[0] == {BOB: "approve"}


def test_a_merge_cannot_hide_a_rejection_from_later_approvals(believed, decide, ann, bob, hide_by_merge):
    approved = decide(ann).id
    decide(ann, "reject")
    hide_by_merge(approved)
    decide(bob)
    assert believed()[0] == {ANN: "reject", BOB: "approve"}


def test_a_name_that_is_not_utf_8_is_refused_in_words_that_can_be_printed(
    deployments, plan, ann, repository, remote
):
    path = f'"{folder(plan)}/\\377@example.com.yaml"'
    commit = (
        f"commit refs/heads/approvals\ncommitter M <m@example.com> 1 +0000\ndata 1\nx\nM 644 inline {path}\n"
    )
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=remote, input=f"{commit}data 0\n".encode(), check=True
    )
    repository.fetch()
    believed, (refused,) = deployments.approvals(plan.digest, ann.allowed)
    assert believed == []
    assert refused.file.encode() == f"{folder(plan)}/\\xff@example.com.yaml".encode()


def test_several_keys_of_one_person_are_all_good(build, deployments, plan, people):
    home, work = people(ANN, "home"), people(ANN, "work")
    deployments.decide(plan, "approve", "", work.signer, build.NOW)
    approvals, refused = deployments.approvals(plan.digest, home.allowed + work.allowed)
    assert [each.who for each in approvals] == [ANN]
    assert refused == []


@pytest.mark.parametrize("email", ["ops&infra@example.com", "Ann.Bell+ops@Example.com", "o'neil=x@a.example"])
def test_who_may_be_named_as_approver_can_sign(build, deployments, plan, people, email):
    someone = people(email)
    deployments.decide(plan, "approve", "", someone.signer, build.NOW)
    (approval,), refused = deployments.approvals(plan.digest, someone.allowed)
    rule = ApprovalRule(approvers=(email,))
    assert refused == []
    assert [each.who for each in count([approval], rule, plan.source, build.NOW).approvals] == [email.lower()]


@pytest.mark.parametrize(
    "email", ["../main@example.com", "a b@example.com", ".@x", "", "a@b/c", "a\n@example.com"]
)
def test_an_address_that_cannot_be_a_file_name_signs_nothing(
    build, deployments, plan, ann, repository, email
):
    signer = Signer(type(ann.person)("Ann", email), str(ann.key))
    with pytest.raises(ReleaseError, match="not a decision: who: expected an e-mail address") as refused:
        deployments.decide(plan, "approve", "", signer, build.NOW)
    assert refused.value.fix is not None
    assert repository.head("approvals") is None
