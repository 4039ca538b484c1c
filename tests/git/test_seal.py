"""The orchestrator signs what it commits, and what others push on top counts for nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy_orchestrator.git import Changes, Ident, Repository, Seal, SigningFailed
from tests.git.conftest import Git


def key(folder: Path, name: str = "key", passphrase: str = "") -> Path:
    path = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", path], check=True
    )
    return path


def seal(path: Path, public_keys: str = "") -> Seal:
    return Seal.of("main", key=path.read_text(), public_keys=public_keys)


@pytest.fixture
def sealed(remote: Path, tmp_path: Path) -> Repository:
    """What was committed before there was a key is there too."""
    old = Repository.clone(str(remote), tmp_path / "old.git")
    old.write("main", lambda _: Changes("before", {"a": b"0"}))
    return Repository.clone(str(remote), tmp_path / "sealed.git", seal=seal(key(tmp_path)))


@pytest.fixture
def others(remote: Path, tmp_path: Path, sealed: Repository) -> Repository:
    """Somebody who may push."""
    return Repository.clone(str(remote), tmp_path / "others.git", Ident("Mallory", "mallory@example.com"))


def write(repository: Repository, message: str = "x", **files: bytes) -> str:
    commit = repository.write("main", lambda _: Changes(message, files))
    assert commit is not None
    return commit.id


def test_every_commit_is_signed_by_the_key(sealed: Repository, git: Git, tmp_path: Path):
    commit = write(sealed, a=b"1")
    found = sealed.verify(commit, sealed.seal.allowed_signers if sealed.seal else b"")
    assert found.principal == "deploy-orchestrator"
    assert sealed.commit(commit).author.name == "deploy-orchestrator"


def test_whoever_asked_for_it_is_its_author_all_the_same(sealed: Repository):
    bob = Ident("Bob", "bob@example.com")
    commit = sealed.write("main", lambda _: Changes("x", {"a": b"1"}, author=bob))
    assert commit is not None
    assert (commit.author, sealed.is_sealed(commit)) == (bob, True)


def test_what_others_push_on_top_is_not_read_and_is_put_back_by_the_next_write(
    sealed: Repository, others: Repository
):
    own = write(sealed, a=b"1")
    forged = write(others, "forged", a=b"2", b=b"2")
    sealed.fetch()
    assert (sealed.head(), sealed.branch().read("a")) == (own, b"1")
    assert [each.id for each in sealed.by_others()] == [forged]

    written = write(sealed, c=b"3")

    others.fetch()
    main = others.branch()
    assert (main.commit, main.files("")) == (written, {"a": b"1", "c": b"3"})
    put_back = others.commit(others.commit(written).parents[0])
    assert put_back.subject == "Put back what others wrote over"
    assert forged in put_back.message
    assert put_back.parents == (forged,)
    assert (sealed.by_others(), [each.id for each in sealed.lately_by_others()]) == ([], [forged])


def test_a_write_that_changes_nothing_puts_back_all_the_same(sealed: Repository, others: Repository):
    write(sealed, a=b"1")
    write(others, a=b"2")
    assert sealed.write("main", lambda _: None) is None
    others.fetch()
    assert others.branch().read("a") == b"1"


def test_what_others_push_between_the_look_and_the_push_is_put_back_too(
    sealed: Repository, others: Repository
):
    write(sealed, a=b"1")
    pushed: list[str] = []

    def update(tree):
        if not pushed:
            pushed.append(write(others, a=b"2"))
        return Changes("x", {"b": tree.read("a")})

    sealed.write("main", update)
    others.fetch()
    assert others.branch().files("") == {"a": b"1", "b": b"1"}


def test_what_stood_there_before_the_first_signed_commit_is_trusted(sealed: Repository):
    assert (sealed.branch().read("a"), sealed.by_others()) == (b"0", [])


def test_a_strangers_signature_is_none(sealed: Repository, remote: Path, tmp_path: Path):
    own = write(sealed, a=b"1")
    stranger = Repository.clone(str(remote), tmp_path / "stranger.git", seal=seal(key(tmp_path, "other")))
    write(stranger, a=b"2")
    sealed.fetch()
    assert sealed.head() == own


def test_another_key_counts_where_it_is_listed(sealed: Repository, remote: Path, tmp_path: Path):
    write(sealed, a=b"1")
    new = key(tmp_path, "new")
    former = (tmp_path / "key.pub").read_text()
    rotated = Repository.clone(str(remote), tmp_path / "rotated.git", seal=seal(new, former))
    assert rotated.branch().read("a") == b"1"
    write(rotated, a=b"2")
    reader = Seal.of("main", key=None, public_keys=f"{former}\n{(tmp_path / 'new.pub').read_text()}")
    audited = Repository.clone(str(remote), tmp_path / "audited.git", seal=reader)
    assert (audited.branch().read("a"), audited.by_others()) == (b"2", [])


def test_a_merge_brings_back_nothing_that_was_signed_before(
    sealed: Repository, remote: Path, tmp_path: Path, git: Git
):
    """Not even what was signed, and lost its race."""
    first = write(sealed, a=b"1")
    tree = git("-C", sealed.path, "rev-parse", f"{sealed.commit(first).parents[0]}^{{tree}}")
    me = Ident("deploy-orchestrator", "deploy-orchestrator@localhost")
    assert sealed.seal is not None
    lost = sealed.seal.sign("main", sealed._store, tree, (first,), "lost", author=me, committer=me)  # pyright: ignore[reportPrivateUsage]
    second = write(sealed, a=b"2")
    assert sealed.head() == second
    git("-C", sealed.path, "push", "--quiet", "origin", f"{lost}:refs/heads/side")
    work = tmp_path / "work"
    git("clone", "--quiet", remote, work)
    git("-C", work, "merge", "--quiet", "--strategy=ours", "--no-edit", "origin/side")
    git("-C", work, "push", "--quiet")
    sealed.fetch()
    assert (sealed.head(), len(sealed.by_others())) == (second, 2)


def test_what_was_signed_on_another_branch_is_not_read_where_it_is_moved_to_main(
    sealed: Repository, others: Repository, git: Git
):
    own = write(sealed, a=b"1")
    others.fetch()
    forged = others.write("deliveries", lambda _: Changes("x", {"a": b"2"}), onto="main")
    signed = sealed.write("deliveries", lambda _: Changes("Record", {"b": b"1"}))
    assert forged
    assert signed
    assert (forged.parents, signed.parents, signed.signed) == ((own,), (forged.id,), True)

    git("-C", sealed.path, "push", "--quiet", "origin", f"{signed.id}:refs/heads/main")

    sealed.fetch()
    assert (sealed.head(), sealed.branch().read("a")) == (own, b"1")
    assert (sealed.is_sealed(signed), sealed.is_sealed(signed, "deliveries")) == (False, True)
    assert not sealed.is_sealed(sealed.commit(own), "deliveries")


@pytest.mark.parametrize("newest", [True, False])
def test_a_merge_of_what_was_signed_on_another_branch_fools_no_new_clone(
    newest: bool, sealed: Repository, others: Repository, remote: Path, tmp_path: Path, git: Git
):
    write(sealed, a=b"1")
    others.fetch()
    others.write("deliveries", lambda _: Changes("x", {"a": b"2"}), onto="main")
    signed = sealed.write("deliveries", lambda _: Changes("Record", {"b": b"1"}))
    own = write(sealed, a=b"3")
    assert signed
    parents = (own, signed.id) if newest else (signed.id, own)
    merge = git(
        "-C", sealed.path, "commit-tree", "-m", "x", *(f"-p{each}" for each in parents), f"{own}^{{tree}}"
    )
    git("-C", sealed.path, "push", "--quiet", "origin", f"{merge}:refs/heads/main")
    clone = Repository.clone(str(remote), tmp_path / "clone.git", seal=sealed.seal)
    assert (clone.head(), clone.branch().read("a")) == (own, b"3")


@pytest.mark.parametrize(
    "message",
    [
        "x",
        "x\n\nDigest: 1\n",
        "x\n\nSealed-for: main\n",
        "x\n\nSealed-for: deliveries\nmore\n",
        "x\n\na: b\n c",
    ],
)
@pytest.mark.parametrize("branch", ["main", "deliveries"])
def test_a_signature_counts_on_its_own_branch_whatever_the_message_says(
    branch: str, message: str, sealed: Repository
):
    commit = sealed.write(branch, lambda _: Changes(message, {"b": b"1"}))
    assert commit
    counts = {each: sealed.is_sealed(commit, each) for each in ("main", "deliveries", "approvals")}
    assert counts == {"main": branch == "main", "deliveries": branch == "deliveries", "approvals": False}


def test_nothing_is_signed_for_another_branch_without_a_message_that_could_say_so(sealed: Repository):
    with pytest.raises(SigningFailed, match="without a message"):
        sealed.write("deliveries", lambda _: Changes(" ", {"b": b"1"}))


def test_what_others_merged_does_not_count_after_it_was_put_back(
    sealed: Repository, others: Repository, remote: Path, tmp_path: Path, git: Git
):
    before = sealed.resolve("main")
    first = write(sealed, a=b"1")
    side = others.write("side", lambda _: Changes("x", {"a": b"2"}))
    assert side
    sealed.fetch()
    parents = ("-p", first, "-p", side.id)
    merge = git("-C", sealed.path, "commit-tree", "-m", "x", *parents, f"{first}^{{tree}}")
    git("-C", sealed.path, "push", "--quiet", "origin", f"{merge}:refs/heads/main")
    last = write(sealed, b=b"1")
    put_back = sealed.commit(last).parents[0]
    found = {
        each: sealed.counts(sealed.commit(each), last)
        for each in (before, first, side.id, merge, put_back, last)
    }
    assert found == {before: True, first: True, side.id: False, merge: False, put_back: True, last: True}
    unsigned = Repository.clone(str(remote), tmp_path / "unsigned.git")
    assert unsigned.counts(side, last)


def test_other_branches_are_read_as_they_stand(sealed: Repository, others: Repository):
    write(sealed, a=b"1")
    others.write("approvals", lambda _: Changes("x", {"b": b"1"}))
    sealed.fetch()
    assert sealed.branch("approvals").read("b") == b"1"


def test_nothing_is_committed_without_the_private_key(sealed: Repository, remote: Path, tmp_path: Path):
    public = Seal.of("main", key=None, public_keys=(tmp_path / "key.pub").read_text())
    reader = Repository.clone(str(remote), tmp_path / "reader.git", seal=public)
    with pytest.raises(SigningFailed, match="without the key that signs it"):
        write(reader, a=b"1")


def test_a_key_with_a_passphrase_is_refused_at_once(tmp_path: Path):
    with pytest.raises(SigningFailed, match="has a passphrase"):
        seal(key(tmp_path, passphrase="secret"))


def test_a_user_without_a_name_is_told_that_openssh_wants_one(tmp_path: Path):
    unnamed = ("unshare", "--user", "--map-user=54321")
    if not shutil.which("unshare") or subprocess.run([*unnamed, "true"], check=False).returncode:
        pytest.skip("no user namespaces here")
    use = "import sys; from deploy_orchestrator.git import Seal; Seal.of('main', key=sys.argv[1])"
    ran = subprocess.run(
        [*unnamed, sys.executable, "-c", use, key(tmp_path).read_text()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No user exists for uid 54321" in ran.stderr
    assert "/etc/passwd" in ran.stderr


def test_what_is_no_key_is_refused_and_not_told(tmp_path: Path):
    with pytest.raises(SigningFailed) as refused:
        Seal.of("main", key="-----BEGIN hunter2", public_keys="")
    assert "hunter2" not in str(refused.value)
    with pytest.raises(SigningFailed, match="not a public key"):
        Seal.of("main", key=None, public_keys="command=x ssh-ed25519 AAAA")
    assert "PRIVATE" not in repr(seal(key(tmp_path)))
