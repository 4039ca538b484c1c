"""Whoever pushes to the deployments repository's main without the orchestrator's key changes nothing."""

import subprocess
from pathlib import Path

import pytest
from pydantic import BaseModel

from deploy_orchestrator import documents
from deploy_orchestrator.git import Changes, Ident, Repository
from deploy_orchestrator.releases import (
    Delivered,
    GatesClosed,
    Plan,
    Release,
    RevertRefused,
    Settlement,
    SourceChange,
)
from deploy_orchestrator.risk import Verdict
from tests.desk import FILES, Desk
from tests.steps import released

KEY_FILE = "DEPLOY_ORCHESTRATOR_SIGNING_KEY_FILE"


@pytest.fixture
def sealed(waiting: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    """The orchestrator signs; production/shop waits for an approval."""
    path = tmp_path / "signing"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    monkeypatch.setenv(KEY_FILE, str(path))
    waiting.commit("tenants/blog/values.yaml", "greeting: signed\n")
    waiting.ship()
    return waiting


@pytest.fixture
def mallory(sealed: Desk, tmp_path: Path) -> Repository:
    """Somebody who may push to main, and writes what the orchestrator would."""
    person = Ident("deploy-orchestrator", "deploy-orchestrator@localhost")
    return Repository.clone(str(sealed.folder / ".local/deployments.git"), tmp_path / "mallory", person)


def dump(record: BaseModel) -> bytes:
    return documents.dump(record.model_dump(mode="json", exclude_none=True))


def pending(desk: Desk) -> Plan:
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        return plan


def forged_release(desk: Desk, mallory: Repository) -> Release:
    """A release file of what waits for an approval, as the orchestrator would have written it."""
    plan = pending(desk)
    head = mallory.head()
    assert head is not None
    file = plan.released(revision=head, approvals=(), at=mallory.commit(head).time)
    written = {"releases/production/shop.yaml": dump(file)}
    commit = mallory.write("main", lambda _: Changes("Release", written))
    assert commit is not None
    return file.made_by(commit)


def test_a_release_file_that_the_orchestrator_did_not_sign_is_none(sealed: Desk, mallory: Repository) -> None:
    with sealed.orchestrator() as orchestrator:
        before = orchestrator.deployments.release("production", "shop")
    forged = forged_release(sealed, mallory)

    with sealed.orchestrator() as orchestrator:
        assert orchestrator.deployments.release("production", "shop") == before
        assert forged.digest != (before.digest if before else None)
        assert orchestrator.deployments.pending("production", "shop"), "it waits all the same"
        assert before
        assert orchestrator.engine.status("production", "shop").live(before)

    answer = sealed.run("status")
    assert answer.code == 2
    assert f"{forged.commit} by 'deploy-orchestrator <deploy-orchestrator@localhost>'" in answer.errors
    assert "is not signed by the orchestrator's key: 'Release'" in answer.errors


def test_it_is_put_back_whatever_else_is_wrong(sealed: Desk, mallory: Repository) -> None:
    before = mallory.branch().read("releases/production/shop.yaml")
    forged_release(sealed, mallory)
    sealed.commit("fleet.yaml", "what is this?\n")

    with sealed.orchestrator() as orchestrator:
        orchestrator.deployments.put_back()

    mallory.fetch()
    assert mallory.branch().read("releases/production/shop.yaml") == before


def test_a_release_file_below_what_the_orchestrator_signed_on_another_branch_is_none(
    sealed: Desk, mallory: Repository
) -> None:
    with sealed.orchestrator() as orchestrator:
        before = orchestrator.deployments.release("production", "shop")
    file = pending(sealed).released(
        revision=mallory.resolve("main"), approvals=(), at=mallory.commit("main").time
    )
    forged = mallory.write(
        "x", lambda _: Changes("x", {"releases/production/shop.yaml": dump(file)}), onto="main"
    )
    assert forged
    push = ["git", "-C", str(mallory.path), "push", "--quiet", "--force", mallory.url]
    subprocess.run([*push, f"{forged.id}:refs/heads/deliveries"], check=True)
    with sealed.orchestrator() as orchestrator:
        made = orchestrator.deployments.release("dev", "blog")
        assert made
        orchestrator.deployments.record_deliveries([Delivered.of(made, "healthy", file.released_at)])
    mallory.fetch()
    signed = mallory.commit("deliveries")
    assert (signed.parents, signed.signed) == ((forged.id,), True)

    subprocess.run([*push, f"{signed.id}:refs/heads/main"], check=True)

    with sealed.orchestrator() as orchestrator:
        assert orchestrator.deployments.release("production", "shop") == before
        assert orchestrator.deployments.pending("production", "shop"), "it waits all the same"


def test_a_plan_that_the_orchestrator_did_not_sign_is_not_released(sealed: Desk, mallory: Repository) -> None:
    """Its verdict is no part of the digest: a forged one would pass without an approval."""
    plan = pending(sealed)
    safe = plan.model_copy(update={"verdict": Verdict.SAFE, "reasons": ()})
    mallory.write("main", lambda _: Changes("x", {"plans/production/shop.yaml": dump(safe)}))

    with sealed.orchestrator() as orchestrator:
        waits = orchestrator.deployments.pending("production", "shop")
        assert waits == plan
        with pytest.raises(GatesClosed, match="0 of 1 approvals"):
            released(orchestrator, safe)


@pytest.mark.parametrize("how", ["another approver", "none at all, so that the fleet's are trusted"])
def test_rules_that_the_orchestrator_did_not_sign_do_not_count(
    sealed: Desk, mallory: Repository, how: str
) -> None:
    signers = [
        f"{each}@example.com {(sealed.folder / f'keys/{each}.pub').read_text()}"
        for each in ("alice", "bob", "mallory")
    ]
    (sealed.fleet / "allowed_signers").write_text("".join(signers))
    sealed.commit(
        "fleet.yaml", FILES["fleet.yaml"].replace("bob@example.com]", "bob@example.com, mallory@example.com]")
    )
    with sealed.orchestrator() as orchestrator:
        standing = orchestrator.rules()["production"]
        assert standing.change
    if how == "another approver":
        first = standing.change.wanted
        source = SourceChange(commit=standing.change.sources["production"].commit, authors=(), signed=True)
        trusted = type(standing)("production", first, standing.change, standing.gate, (), first)
        settled = Settlement((trusted,), source, mallory.commit("main").time)
        mallory.write("main", settled)
    else:
        mallory.write("main", lambda _: Changes("x", deletes=["rules"]))

    assert sealed.run("approve", "production", "shop", *sealed.as_("mallory")).code == 1
    with sealed.orchestrator() as orchestrator:
        assert "mallory@example.com" not in orchestrator.rules()["production"].in_force.policy.pausers
        with pytest.raises(GatesClosed, match="0 of 1 approvals"):
            released(orchestrator, pending(sealed))


def merge_side(mallory: Repository) -> None:
    """Merge the branch `side` into main, and keep nothing of it but its commits."""
    head, side = mallory.resolve("main"), mallory.resolve("side")
    git = ["git", "-C", str(mallory.path), "-c", "user.name=m", "-c", "user.email=m@example.com"]
    made = [*git, "commit-tree", "-m", "x", "-p", head, "-p", side, f"{head}^{{tree}}"]
    merge = subprocess.run(made, check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run([*git, "push", "--quiet", mallory.url, f"{merge}:refs/heads/main"], check=True)


def test_history_and_figures_tell_of_no_release_that_others_merged(sealed: Desk, mallory: Repository) -> None:
    plan, head = pending(sealed), mallory.resolve("main")
    with sealed.orchestrator() as orchestrator:
        told = orchestrator.deployments.history("production", "shop"), orchestrator.deployments.changes()
    forged = plan.released(revision=head, approvals=(), at=mallory.commit(head).time)
    mallory.write("side", lambda _: Changes("x", {"releases/production/shop.yaml": dump(forged)}))
    merge_side(mallory)

    with sealed.orchestrator() as orchestrator:
        orchestrator.deployments.put_back()
        now = orchestrator.deployments.history("production", "shop"), orchestrator.deployments.changes()
    assert now == told


def test_a_rollback_brings_back_nothing_that_others_merged(sealed: Desk, mallory: Repository) -> None:
    """Not even below a history of their own, in which what is live was released after the forged file."""
    path = "releases/production/shop.yaml"
    plan, head, live = (
        pending(sealed),
        mallory.resolve("main"),
        mallory.branch().read("releases/production/shop.yaml"),
    )
    forged = dump(plan.released(revision=head, approvals=(), at=mallory.commit(head).time))
    mallory.write("side", lambda _: Changes("x", {path: forged}))
    mallory.write("side", lambda _: Changes("x", {path: live}))
    merge_side(mallory)

    with sealed.orchestrator() as orchestrator:
        orchestrator.deployments.put_back()
        with pytest.raises(RevertRefused, match="nothing was released before"):
            orchestrator.roll_back("production", "shop", "unhealthy")
        orchestrator.deployments.put_back()
    mallory.fetch()
    assert mallory.branch().read(path) == live
