"""Whoever may push to `approvals` can add noise there, and stops nobody's release with it."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from deploy_orchestrator.fleet import PauseRule, Policy
from deploy_orchestrator.git import Changes, Ident, Repository, Signer, TooMuchHistory, touched
from deploy_orchestrator.releases import Deployments, Line

ANN, FOLDER = "ann@example.com", "a" * 64
DIGEST = f"sha256:{FOLDER}"


class Branch:
    """The branch `approvals` of a deployments repository, Ann's key, and what a stranger may push."""

    def __init__(self, folder: Path) -> None:
        self.remote, key = folder / "deployments.git", folder / "key"
        subprocess.run(["git", "init", "--bare", "--quiet", self.remote], check=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
        self.allowed = f"{ANN} {key.with_suffix('.pub').read_text()}".encode()
        self.signer = Signer(Ident("Ann", ANN), str(key))
        self.repository = Repository.clone(str(self.remote), folder / "clone")

    def decide(self, decision: str) -> None:
        said = {
            "digest": DIGEST,
            "who": ANN,
            "decision": decision,
            "reason": "",
            "at": "2026-03-02T12:00:00Z",
        }
        file = {f"{FOLDER}/{ANN}.yaml": yaml.safe_dump(said).encode()}
        self.repository.write("approvals", lambda _: Changes("x", file), signer=self.signer)

    def git(self, *arguments: str, given: str | None = None) -> str:
        result = subprocess.run(
            ["git", "-c", "user.name=M", "-c", "user.email=m@example.com", *arguments],
            cwd=self.remote,
            input=given,
            text=True,
            capture_output=True,
            check=True,
        )
        return result.stdout.strip()

    def plant(self, name: str, tree: str, *, inside: str = "") -> None:
        """One commit that puts the folder `tree` at `name`."""
        line = f"040000 tree {tree}\t{name}\n"
        if inside:
            below = self.git("ls-tree", f"approvals:{inside}")
            tree = self.git("mktree", given=f"{below}\n{line}")
            line = f"040000 tree {tree}\t{inside}\n"
        there = "\n".join(
            each for each in self.git("ls-tree", "approvals").splitlines() if not each.endswith(f"\t{inside}")
        )
        root = self.git("mktree", given=f"{there}\n{line}".lstrip())
        commit = self.git("commit-tree", root, "-p", "approvals", "-m", "noise")
        self.git("update-ref", "refs/heads/approvals", commit)
        self.repository.fetch()

    def bomb(self, levels: int = 8) -> str:
        """A folder of 10^levels paths in some hundred bytes."""
        blob = self.git("hash-object", "-w", "--stdin", given="x")
        tree = self.git("mktree", given="".join(f"100644 blob {blob}\tf{i}\n" for i in range(10)))
        for _ in range(levels - 1):
            tree = self.git("mktree", given="".join(f"040000 tree {tree}\td{i}\n" for i in range(10)))
        return tree

    def wide(self, entries: int) -> str:
        blob = self.git("hash-object", "-w", "--stdin", given="x")
        return self.git("mktree", given="".join(f"100644 blob {blob}\tf{i}\n" for i in range(entries)))

    def believed(self) -> tuple[dict[str, str], list[str]]:
        approvals, refused = Deployments(self.repository).approvals(DIGEST, self.allowed)
        return {each.who: each.decision for each in approvals}, [each.file for each in refused]


@pytest.fixture
def branch(tmp_path: Path) -> Branch:
    return Branch(tmp_path)


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_one_commit_of_nested_folders_hides_no_decision(branch: Branch, decision: str) -> None:
    branch.decide(decision)
    branch.plant("noise", branch.bomb())
    assert branch.believed() == ({ANN: decision}, [])


@pytest.mark.parametrize("name", ["f" * 64, FOLDER])
def test_nor_does_one_that_is_called_like_a_digest(branch: Branch, name: str) -> None:
    branch.decide("reject")
    branch.plant("noise" if name == FOLDER else name, branch.bomb(), inside=FOLDER if name == FOLDER else "")
    people, refused = branch.believed()
    assert people == {ANN: "reject"}
    assert refused == ([f"{FOLDER}/noise"] if name == FOLDER else [])


def test_more_entries_than_are_gone_through_are_named_and_undo_no_rejection(branch: Branch) -> None:
    branch.decide("reject")
    branch.plant("0" * 64, branch.wide(5_000))
    branch.repository.write(
        "approvals", lambda _: Changes("x", {f"{FOLDER}/{n}": b"x" for n in range(5_000)})
    )
    people, refused = branch.believed()
    assert people == {ANN: "reject"}
    assert refused == [FOLDER]


def test_an_approval_from_before_what_is_not_gone_through_is_signed_again(branch: Branch) -> None:
    branch.decide("approve")
    branch.repository.write("approvals", lambda _: Changes("x", {f"{n}": b"x" for n in range(5_000)}))
    assert branch.believed()[0] == {}
    branch.decide("reject")
    branch.decide("approve")
    assert branch.believed()[0] == {ANN: "approve"}


def test_files_of_nobody_who_may_sign_are_named_as_far_as_a_reader_goes(branch: Branch) -> None:
    branch.decide("approve")
    for part in range(3):
        names = {f"{FOLDER}/{part}-{n}@example.com.yaml": b"x" for n in range(500)}
        branch.repository.write("approvals", lambda _, names=names: Changes("x", names))
    people, refused = branch.believed()
    assert people == {ANN: "approve"}
    assert len(refused) == 100


def test_a_decision_of_a_rewritten_branch_is_forgotten(branch: Branch) -> None:
    branch.decide("approve")
    assert branch.believed()[0] == {ANN: "approve"}
    empty = branch.git("commit-tree", branch.git("mktree", given=""), "-m", "anew")
    branch.git("update-ref", "refs/heads/approvals", empty)
    branch.repository.fetch()
    assert branch.believed() == ({}, [])


def test_more_commits_than_are_gone_through_lift_nothing_that_holds(
    branch: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody can tell of lets nothing through: neither pauses nor rejections are looked past."""
    now, line, policy = (
        datetime(2026, 3, 2, tzinfo=UTC),
        Line("production"),
        Policy(pause=PauseRule(pausers=(ANN,))),
    )
    deployments = Deployments(branch.repository)
    deployments.stop(line, "pause", "broken", branch.signer, now)
    branch.decide("reject")
    monkeypatch.setattr(touched, "MAX_COMMITS", 50)
    parent, tree = branch.git("rev-parse", "approvals"), branch.git("rev-parse", "approvals^{tree}")
    for _ in range(51):
        parent = branch.git("commit-tree", tree, "-p", parent, "-m", "noise")
    branch.git("update-ref", "refs/heads/approvals", parent)
    branch.repository.fetch()

    with pytest.raises(TooMuchHistory):
        deployments.pausing(line, policy, branch.allowed, now)
    assert deployments.pausing(line, policy, branch.allowed, now).paused, "the next look carries on"
    assert branch.believed()[0] == {ANN: "reject"}
