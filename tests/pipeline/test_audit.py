"""The audit goes through every commit of the deployments repository, and finds what had no right there."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from deploy_orchestrator import documents
from deploy_orchestrator.git import Changes, Ident, Repository, Signer
from deploy_orchestrator.manifests import committed_content
from deploy_orchestrator.releases import (
    Fault,
    Gate,
    GateState,
    Plan,
    Quarantined,
    RulesStanding,
    Settlement,
    SourceChange,
    digest_of,
)
from deploy_orchestrator.risk import Verdict
from tests.desk import FILES, Desk
from tests.steps import released

LONGER = "required: 1\n        expires: 30d"


def faults(desk: Desk) -> list[tuple[str, str]]:
    return [(each["check"], each["what"]) for each in desk.json("audit")["faults"]]


def others(desk: Desk, folder: Path) -> Repository:
    return Repository.clone(str(desk.folder / ".local/deployments.git"), folder / "others")


def pending(desk: Desk) -> Plan:
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        return plan


def as_released(repository: Repository, plan: Plan) -> dict[str, bytes]:
    """The release file that the orchestrator would write."""
    head = repository.head()
    assert head is not None
    file = plan.released(revision=head, approvals=(), at=repository.commit(head).time)
    return {f"releases/{plan.key}.yaml": documents.dump(file.model_dump(mode="json", exclude_none=True))}


def test_what_people_approved_and_what_went_back_holds_and_is_audited_once(waiting: Desk) -> None:
    """Releases, rules that changed, an approval that was withdrawn afterwards, a pause, a revert."""
    assert waiting.run("approve", "production", "shop", *waiting.as_("bob")).code == 0
    with waiting.orchestrator() as orchestrator:
        release = released(orchestrator, pending(waiting))
    assert [each.who for each in release.approvals] == ["bob@example.com"]
    waiting.commit("fleet.yaml", FILES["fleet.yaml"].replace("required: 1", LONGER))
    assert waiting.run("approve", "production", "--rules", *waiting.as_("bob")).code == 0
    with waiting.orchestrator() as orchestrator:
        orchestrator.settle_rules()
        over = orchestrator.deployments.plan("production", "shop")
        assert over is not None
        bob = Signer(Ident("Bob", "bob@example.com"), str(waiting.folder / "keys/bob"))
        orchestrator.decide(over, "reject", "too late", bob)
    assert waiting.run("pause", "production", "--reason", "x", *waiting.as_("bob")[:-1]).code == 0
    with waiting.orchestrator() as orchestrator:
        orchestrator.roll_back("production", "shop", "no")

    answer = waiting.run("audit")

    assert answer.code == 0, answer.output
    assert "nothing is wrong" in answer.output
    assert "nobody can tell who wrote it" in answer.errors
    first = waiting.json("audit")
    assert first["count"] > 5
    waiting.commit("tenants/blog/values.yaml", "greeting: again\n")
    waiting.ship()
    again = waiting.json("audit")
    assert (again["releases"] - first["releases"], again["faults"]) == (1, [])
    assert again["count"] < 2 * first["count"]


def test_a_release_that_nobody_approved_is_found_until_somebody_accepts_it(
    waiting: Desk, tmp_path: Path
) -> None:
    meddler, plan = others(waiting, tmp_path), pending(waiting)
    files = as_released(meddler, plan)
    meddler.write("main", lambda _: Changes("x", files))

    answer = waiting.run("audit")

    assert answer.code == 1
    assert "approval: 0 of 1 approvals" in answer.output
    (fault,) = waiting.json("audit")["faults"]
    assert (fault["check"], fault["about"], fault["commit"]) == ("gates", "production/shop", meddler.head())
    assert waiting.run("audit", "--accept", fault["commit"]).code == 0
    assert waiting.run("audit", "--anew").code == 0


def test_a_verdict_that_somebody_edited_is_found_where_nothing_is_signed(
    waiting: Desk, tmp_path: Path
) -> None:
    meddler, plan = others(waiting, tmp_path), pending(waiting)
    safe = plan.model_copy(update={"verdict": Verdict.SAFE, "reasons": ()})
    text = documents.dump(safe.model_dump(mode="json", exclude_none=True))
    meddler.write("main", lambda _: Changes("x", {"plans/production/shop.yaml": text}))
    with waiting.orchestrator() as orchestrator:
        released(orchestrator, pending(waiting))

    assert faults(waiting) == [("gates", "verdict: it was called safe, and is needs-approval")]


def test_manifests_that_do_not_come_from_the_source_are_found(waiting: Desk, tmp_path: Path) -> None:
    """Though plan and candidate fit each other, and people approved that."""
    meddler, plan = others(waiting, tmp_path), pending(waiting)
    folder = f"manifests/{plan.key}"
    files = meddler.branch().files(folder)
    path, text = next((f"{folder}/{name}", text) for name, text in files.items() if b"hello" in text)
    altered = text.replace(b"hello", b"evil")
    content = committed_content(meddler.branch().changed(Changes("x", {path: altered})), folder)
    forged = plan.model_dump() | {
        "content": content,
        "digest": digest_of(
            environment="production",
            tenant="shop",
            destination=plan.destination,
            content=content,
            base=plan.base,
            replaces=plan.replaces,
        ),
    }
    file = documents.dump(Plan.model_validate(forged).model_dump(mode="json", exclude_none=True))
    meddler.write("main", lambda _: Changes("x", {path: altered, f"plans/{plan.key}.yaml": file}))
    waiting.run("approve", "production", "shop", *waiting.as_("bob"))
    with waiting.orchestrator() as orchestrator:
        released(orchestrator, pending(waiting))

    ((check, what),) = faults(waiting)
    assert check == "source"
    assert "gives other manifests" in what


def quarantined(meddler: Repository, plan: Plan, *reverted: str) -> dict[str, bytes]:
    """The quarantine's file as a revert of these commits would leave it."""
    entry = {"content": plan.content, "reason": "x", "at": meddler.commit(meddler.head() or "").time}
    entries = [Quarantined(reverted=each, **entry).model_dump(mode="json") for each in reverted]
    return {f"quarantine/{plan.key}.yaml": documents.dump(entries)}


def test_a_revert_of_what_was_never_released_is_found(waiting: Desk, tmp_path: Path) -> None:
    """It stands on another branch, on top of what somebody wants to be released."""
    meddler, plan = others(waiting, tmp_path), pending(waiting)
    name, wanted = f"releases/{plan.key}.yaml", as_released(meddler, plan)
    now = meddler.branch().read(name)
    meddler.write("approvals", lambda _: Changes("x", wanted))
    commit = meddler.write("approvals", lambda _: Changes("x", {name: now}))
    assert commit
    meddler.write("main", lambda _: Changes("x", wanted | quarantined(meddler, plan, commit.id)))

    ((check, what),) = faults(waiting)
    assert check == "release"
    assert f"it reverts {commit.id}, which did not release what was released" in what


def test_a_quarantine_that_was_emptied_is_found_and_all_after_it(waiting: Desk, tmp_path: Path) -> None:
    meddler, plan = others(waiting, tmp_path), pending(waiting)
    meddler.write("main", lambda _: Changes("x", quarantined(meddler, plan, meddler.head() or "")))
    files = as_released(meddler, plan) | quarantined(meddler, plan)
    meddler.write("main", lambda _: Changes("x", files))

    found = faults(waiting)
    assert ("gates", "approval: 0 of 1 approvals") in [(check, what[:27]) for check, what in found]
    assert [what for _, what in found].count(
        "what is in quarantine was changed, and nothing was reverted"
    ) == 2


def test_a_release_of_another_time_than_its_commit_is_found(waiting: Desk, tmp_path: Path) -> None:
    """A freeze, a soak time and the expiry of an approval are judged as of the time that it tells."""
    meddler, plan = others(waiting, tmp_path), pending(waiting)
    head = meddler.commit(meddler.head() or "")
    file = plan.released(revision=head.id, approvals=(), at=head.time - timedelta(days=9))
    text = documents.dump(file.model_dump(mode="json", exclude_none=True))
    meddler.write("main", lambda _: Changes("x", {f"releases/{plan.key}.yaml": text}))

    assert any("made at another time than it tells" in what for _, what in faults(waiting))


@pytest.mark.parametrize("name", ["shop.copy.yaml", "Shop.yaml", "more/shop.yaml"])
def test_a_file_that_argo_cd_reads_and_the_orchestrator_does_not_is_found(
    waiting: Desk, tmp_path: Path, name: str
) -> None:
    meddler, plan = others(waiting, tmp_path), pending(waiting)
    (file,) = as_released(meddler, plan).values()
    meddler.write("main", lambda _: Changes("x", {f"releases/production/{name}": file}))
    meddler.write("main", lambda _: Changes("x", deletes=[f"releases/production/{name}"]))

    assert faults(waiting) == [("release", "Argo CD takes it for a release, and it is none")]


@pytest.mark.parametrize("how", ["removed", "edited"])
def test_rules_that_nobody_approved_are_found(desk: Desk, tmp_path: Path, how: str) -> None:
    meddler = others(desk, tmp_path)
    if how == "removed":
        meddler.write("main", lambda _: Changes("x", deletes=["rules"]))
        with desk.orchestrator() as orchestrator:
            orchestrator.settle_rules()
    else:
        desk.commit("fleet.yaml", FILES["fleet.yaml"].replace("required: 1", LONGER))
        with desk.orchestrator() as orchestrator:
            change = orchestrator.rules()["production"].pending
            assert change is not None
        opened, wanted = Gate("rules", GateState.OPEN, "x"), change.wanted
        standing = RulesStanding("production", wanted, change, opened, (), wanted)
        source = SourceChange(commit=change.sources["production"].commit, authors=(), signed=True)
        head = meddler.head()
        assert head
        at = meddler.commit(head).time - timedelta(days=9)
        meddler.write("main", Settlement((standing,), source, at))

    found = faults(desk)
    assert any("made at another time than they tell" in what for _, what in found) is (how == "edited")
    found = [each for each in found if "another time" not in each[1]]
    assert found[0][0] == "rules"
    assert ("taken away" if how == "removed" else "were not approved by the rules before them") in found[0][1]


def test_commits_by_other_hands_are_named_also_those_that_were_put_back(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "signing"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_SIGNING_KEY_FILE", str(key))
    assert "no commit is signed by the orchestrator's key yet" in desk.run("audit").errors
    desk.commit("tenants/blog/values.yaml", "greeting: signed\n")
    desk.ship()
    assert desk.run("audit").code == 0
    meddler = others(desk, tmp_path)
    commit = meddler.write("main", lambda _: Changes("hi", {"README.md": b"hi"}))
    assert commit
    with desk.orchestrator() as orchestrator:
        orchestrator.deployments.put_back()

    (fault,) = [Fault.model_validate(each) for each in desk.json("audit")["faults"]]

    assert (fault.check, fault.commit, fault.about) == ("hands", commit.id, "README.md")
    assert "deploy-orchestrator@localhost" in fault.what


def test_history_that_was_rewritten_is_told(desk: Desk) -> None:
    assert desk.run("audit").code == 0
    remote = desk.folder / ".local/deployments.git"
    subprocess.run(["git", "-C", remote, "update-ref", "refs/heads/main", "main~1"], check=True)
    (fault,) = desk.json("audit")["faults"]
    assert fault["check"] == "history"
    assert "rewritten" in fault["what"]
