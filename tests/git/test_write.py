import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy_orchestrator.git import (
    Changes,
    GitError,
    Ident,
    PushRejected,
    RemoteUnreachable,
    Repository,
    Tree,
    UnsafeTree,
    Witness,
    WriteContended,
)


def hook(remote: Path, name: str, script: str) -> Path:
    path = remote / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def append(line: str):
    def change(tree: Tree) -> Changes:
        before = tree.read("log") if tree.exists("log") else b""
        return Changes(f"Append {line}", {"log": before + line.encode() + b"\n"})

    return change


def append_all_at_once(repository: Repository, lines: list[str]) -> list[str]:
    with ThreadPoolExecutor(len(lines)) as pool:
        commits = pool.map(lambda line: repository.write("main", append(line)), lines)
        return [commit.id for commit in commits if commit]


def test_a_write_is_one_commit_that_everybody_sees(repository, remote, git):
    commit = repository.write("main", lambda _: Changes("Say hello\n\nWhy: because\n", {"a/b": b"hello"}))
    assert git("rev-parse", "main", cwd=remote) == commit.id == repository.head()
    assert git("show", "main:a/b", cwd=remote) == "hello"
    assert commit.subject == "Say hello"
    assert commit.trailers == {"Why": "because"}
    assert commit.parents == ()
    assert not commit.signed
    git("fsck", "--strict", cwd=remote)


def test_nothing_is_written_when_nothing_changes(repository, write):
    head = write({"a": b"1"}).id
    assert repository.write("main", lambda _: None) is None
    assert repository.write("main", lambda _: Changes("same", {"a": b"1"}, deletes=["absent", "a/b"])) is None
    assert repository.write("other", lambda _: Changes("nothing")) is None
    assert repository.head() == head
    assert repository.head("other") is None


def test_a_change_to_a_missing_branch_is_asked_with_an_empty_tree(repository, write):
    write({"a": b"1"})
    seen: list[tuple[str | None, list[str]]] = []

    def change(tree: Tree) -> Changes:
        seen.append((tree.commit, tree.names("")))
        return Changes("first", {"x": b""})

    commit = repository.write("approvals", change)
    assert seen == [(None, [])]
    assert commit.parents == ()
    assert repository.at("approvals").names("") == ["x"]


def test_a_branch_that_is_new_begins_where_another_is(repository, write):
    write({"a": b"1"})
    main = repository.head()
    commit = repository.write("upgrade/db", lambda _: Changes("upgrade", {"b": b"2"}), onto="main")
    assert commit.parents == (main,)
    assert repository.at("upgrade/db").names("") == ["a", "b"]
    assert repository.head() == main
    assert repository.write("upgrade/web", lambda _: Changes("same", {"a": b"1"}), onto="main") is None
    assert repository.head("upgrade/web") is None
    again = repository.write("upgrade/db", lambda _: Changes("more", {"c": b"3"}), onto="main")
    assert again.parents == (commit.id,)


def test_the_author_may_be_somebody_but_the_committer_is_the_orchestrator(repository, remote, git):
    repository.write("main", lambda _: Changes("x", {"a": b""}, author=Ident("Ann Ö", "ann@example.com")))
    people = git("log", "-1", "--format=%an <%ae> %cn <%ce>", cwd=remote)
    assert people == "Ann Ö <ann@example.com> deploy-orchestrator <deploy-orchestrator@localhost>"


def test_a_message_of_any_characters_is_kept_to_its_end(repository):
    commit = repository.write("main", lambda _: Changes("odd \0 \udcff é\n\nDigest: x", {"a": b""}))
    assert commit.subject == "odd \ufffd ? é"
    assert commit.trailers == {"Digest": "x"}


@pytest.mark.parametrize("name", ["", " ", "a\ncommitter b <c> 0 +0000", "a<b", "a\0b"])
def test_a_name_that_would_forge_a_commit_is_refused(name, repository):
    with pytest.raises(GitError, match="no commit can be made by"):
        repository.write("main", lambda _: Changes("x", {"a": b""}, author=Ident(name, "ann@example.com")))


def test_eight_writers_in_two_processes_all_get_their_change_in(repository):
    lines = [["a", "b", "c", "d"], ["e", "f", "g", "h"]]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        first, second = pool.map(append_all_at_once, [repository] * 2, lines)
    repository.fetch()
    assert sorted(repository.at("main").read("log").decode().split()) == list("abcdefgh")
    assert {commit.id for commit in repository.log("main")} == {*first, *second}


def test_writers_with_clones_of_their_own_all_get_their_change_in(remote, tmp_path):
    clones = [Repository.clone(str(remote), tmp_path / str(number)) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append_all_at_once, clones, [[str(number)] for number in range(8)]))
    clones[0].fetch()
    assert sorted(clones[0].at("main").read("log").decode().split()) == list("01234567")


def test_a_lost_race_asks_again_with_what_the_winner_left(repository, remote, tmp_path):
    rival = Repository.clone(str(remote), tmp_path / "rival")
    seen: list[list[str]] = []

    def change(tree: Tree) -> Changes:
        if not seen:
            rival.write("main", lambda _: Changes("rival", {"rival": b""}))
        seen.append(tree.names(""))
        return Changes("mine", {"mine": b""})

    commit = repository.write("main", change)
    assert seen == [[], ["rival"]]
    assert repository.at(commit.id).names("") == ["mine", "rival"]


def test_a_branch_that_was_set_back_meanwhile_does_not_get_its_old_commits_again(
    repository, remote, git, write
):
    kept, dropped = write({"a": b"kept"}), write({"a": b"dropped"})

    def change(tree: Tree) -> Changes:
        git("update-ref", "refs/heads/main", kept.id, cwd=remote)
        return Changes("mine", {"b": tree.read("a")})

    commit = repository.write("main", change)
    assert commit.parents == (kept.id,)
    assert repository.at(commit.id).files("") == {"a": b"kept", "b": b"kept"}
    assert dropped.id not in {found.id for found in repository.log("main")}


def test_a_race_that_is_always_lost_ends(repository, remote, tmp_path, monkeypatch):
    monkeypatch.setattr("deploy_orchestrator.git.repository._ATTEMPTS", 3)
    rival = Repository.clone(str(remote), tmp_path / "rival")
    asked: list[str | None] = []

    def change(tree: Tree) -> Changes:
        asked.append(tree.commit)
        rival.write("main", append(str(len(asked))))
        return Changes("mine", {"mine": b""})

    with pytest.raises(WriteContended):
        repository.write("main", change)
    assert len(set(asked)) == 3


def test_a_push_that_arrives_though_its_answer_is_lost_is_written_once(repository, remote, git):
    lost = hook(remote, "post-receive", "kill -9 $PPID")
    commit = repository.write("main", append("once"))
    assert commit.id == git("rev-parse", "main", cwd=remote)
    lost.unlink()
    repository.write("main", append("then"))
    assert repository.at("main").read("log") == b"once\nthen\n"


def test_a_write_may_be_repeated_after_the_network_went_away_in_the_middle(repository, remote, tmp_path):
    lost = hook(remote, "post-receive", f"mv {remote} {tmp_path}/away; kill -9 $PPID")

    def change(tree: Tree) -> Changes:
        return Changes("once", {"a": b"1"})

    with pytest.raises(RemoteUnreachable):
        repository.write("main", change)
    (tmp_path / "away").rename(remote)
    lost.unlink()
    assert repository.write("main", change) is None
    assert len(repository.log("main")) == 1


def test_a_push_that_the_remote_forbids_is_not_tried_again(repository, remote, tmp_path):
    hook(remote, "pre-receive", f"echo tried >> {tmp_path}/tries; echo 'blocked: ask Bob' >&2; exit 1")
    with pytest.raises(PushRejected, match="blocked: ask Bob"):
        repository.write("main", append("x"))
    assert (tmp_path / "tries").read_text() == "tried\n"
    repository.fetch()
    assert repository.head() is None


def test_hooks_of_the_user_do_not_run(repository, home, git, tmp_path):
    hook(home, "pre-push", f"touch {tmp_path}/ran")
    git("config", "--global", "core.hooksPath", home / "hooks")
    assert repository.write("main", append("x"))
    assert not (tmp_path / "ran").exists()


def test_deletes_go_first_and_take_whole_folders(repository, write):
    write({"a/1": b"", "a/b/2": b"", "a/b/3": b"", "c": b"", "d/e": b""})
    write({"a/b/new": b""}, deletes=("a/", "c", "d/e"))
    assert list(repository.at("main").files("")) == ["a/b/new"]
    write({"a": b"now a file"})
    assert repository.at("main").files("") == {"a": b"now a file"}


@pytest.mark.parametrize(
    "path", ["", "/", "/etc/passwd", "../x", "a/../../x", "a//b", ".git/config", "a/.GIT/x", "a\0"]
)
@pytest.mark.parametrize("kind", ["writes", "deletes"])
def test_a_path_that_leaves_the_repository_is_refused(path, kind, repository):
    changes = Changes("x", {path: b""}) if kind == "writes" else Changes("x", deletes=[path])
    with pytest.raises(UnsafeTree):
        repository.write("main", lambda _: changes)


def test_a_path_cannot_be_a_file_and_a_folder(repository):
    with pytest.raises(UnsafeTree, match="both a file and a folder"):
        repository.write("main", lambda _: Changes("x", {"a": b"", "a/b": b""}))


NAMES = st.sampled_from(["a", "b", "a-", "a.b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@given(
    st.lists(
        st.tuples(st.dictionaries(PATHS, st.binary(max_size=2), max_size=4), st.lists(PATHS, max_size=3)),
        max_size=4,
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tree_holds_what_the_changes_say(repository, steps):
    expected = dict(repository.at("main").files("")) if repository.head() else {}
    for writes, deletes in steps:
        distinct = {
            path: content
            for path, content in writes.items()
            if not any(path.startswith(other + "/") for other in writes)
        }
        changes = Changes("x", distinct, deletes)
        repository.write("main", lambda _, changes=changes: changes)
        gone = [path for path in expected if any(f"{path}/".startswith(f"{delete}/") for delete in deletes)]
        gone += [
            path
            for path in expected
            if any(path.startswith(f"{new}/") or new.startswith(f"{path}/") for new in distinct)
        ]
        expected = {path: content for path, content in expected.items() if path not in gone} | distinct
        actual = repository.at("main").files("") if repository.head() else {}
        assert actual == expected


def test_several_writes_are_a_commit_each_upon_one_another_in_one_push(repository, remote, git):
    hook(remote, "pre-receive", 'wc -l >> "$GIT_DIR/pushed"')
    first, nothing, last = repository.write_all("main", [append("1"), lambda _: None, append("2")])
    assert nothing is None
    assert last.parents == (first.id,)
    assert git("show", "main:log", cwd=remote) == "1\n2"
    assert git("rev-list", "main", cwd=remote).split() == [last.id, first.id]
    assert (remote / "pushed").read_text().split() == ["1"]


def test_several_writes_that_lose_a_race_are_all_made_anew(repository, remote, tmp_path):
    other, raced = Repository.clone(str(remote), tmp_path / "other"), []

    def lose_once(tree: Tree) -> Changes:
        if not raced:
            raced.append(other.write("main", append("theirs")))
        return append("2")(tree)

    first, last = repository.write_all("main", [append("1"), lose_once])
    assert first.parents == (raced[0].id,)
    assert repository.at(last.id).read("log") == b"theirs\n1\n2\n"


def test_nothing_arrives_when_one_of_several_writes_cannot_be_made(repository, write):
    head = write({"a": b"1"}).id
    with pytest.raises(UnsafeTree):
        repository.write_all("main", [append("1"), lambda _: Changes("out", {"../b": b""})])
    repository.fetch()
    assert repository.head() == head
    assert repository.write_all("main", []) == []


def test_a_write_with_a_witness_arrives_only_if_that_branch_has_not_moved(repository, remote, tmp_path, git):
    other = Repository.clone(str(remote), tmp_path / "other")
    other.write("word", lambda _: Changes("yes", {"word": b"yes"}))
    heard = []

    def withdraw() -> None:
        heard.append(repository.branch("word").read("word"))
        if len(heard) == 1:
            other.write("word", lambda _: Changes("no", {"word": b"no"}))

    def act_on_it(_: Tree) -> Changes:
        return Changes("act", {"did": heard[-1]})

    (made,) = repository.write_all(
        "main", [act_on_it], begin=withdraw, witness=Witness("word", lambda: "Acted on this")
    )

    assert heard == [b"yes", b"no"]
    assert repository.at(made.id).read("did") == b"no"
    assert git("log", "--format=%s", "word", cwd=remote).splitlines() == ["Acted on this", "no", "yes"]
    assert repository.at("word").files("") == {"word": b"no"}


def test_a_witness_is_left_alone_by_a_write_that_does_not_depend_on_it_or_changes_nothing(repository):
    before = repository.write("word", append("yes"))
    repository.write_all("main", [append("1")], witness=Witness("word", lambda: None))
    repository.write_all("main", [lambda _: None], witness=Witness("word", lambda: "x"))
    repository.fetch()
    assert repository.head("word") == before.id
    assert repository.branch().read("log") == b"1\n"


def test_a_witness_that_is_not_there_yet_begins_with_what_depends_on_it(repository, remote, git):
    repository.write_all("main", [append("1")], witness=Witness("absent", lambda: "Acted on nothing"))
    assert git("log", "--format=%s", "absent", cwd=remote).splitlines() == ["Acted on nothing"]
    assert repository.at("absent").names("") == []


def test_nothing_is_written_where_two_branches_cannot_be_updated_at_once(repository, remote, git):
    repository.write("word", append("yes"))
    git("config", "receive.advertiseAtomic", "false", cwd=remote)
    with pytest.raises(PushRejected, match="two branches at once"):
        repository.write_all("main", [append("1")], witness=Witness("word", lambda: "x"))
    repository.fetch()
    assert repository.head() is None


def test_a_forbidden_witness_is_told_and_nothing_is_written(repository, remote):
    repository.write("word", append("yes"))
    hook(remote, "update", '[ "$1" = refs/heads/main ]')
    with pytest.raises(PushRejected, match="hook declined"):
        repository.write_all("main", [append("1")], witness=Witness("word", lambda: "x"))
    repository.fetch()
    assert repository.head() is None


def test_a_lock_that_a_killed_command_left_in_the_clone_stops_no_write(repository, write):
    write({"a": b"1"})
    lock = repository.path / "refs/heads/main.lock"
    lock.touch()
    commit = write({"a": b"2"})
    assert repository.head() == commit.id
    assert not lock.exists()


def test_branches_are_listed_by_how_they_begin(repository, write):
    head = write({"a": b"1"}).id
    made = repository.write("upgrades/db/1.1.0", lambda _: Changes("x", {"a": b"2"}), onto="main")
    assert repository.heads("upgrades/db/") == {"1.1.0": made.id}
    assert repository.heads("") == {"main": head, "upgrades/db/1.1.0": made.id}


def test_a_branch_goes_only_where_it_still_stands_there(repository, remote, git, tmp_path):
    first = repository.write("spent", lambda _: Changes("x", {"a": b"1"}))
    other = Repository.clone(str(remote), tmp_path / "other.git")
    moved = other.write("spent", lambda _: Changes("y", {"a": b"2"}))
    assert moved is not None
    assert not repository.remove("spent", first.id)
    assert repository.heads("") == {"spent": moved.id}
    assert repository.remove("spent", moved.id)
    assert repository.heads("") == {}
    assert git("branch", "--list", cwd=remote) == ""


def test_a_branch_that_a_clone_does_not_follow_is_written_upon_what_others_left_there(remote, tmp_path):
    clones = [
        Repository.clone(str(remote), tmp_path / f"{name}.git", branches=("main",)) for name in ("a", "b")
    ]
    first = clones[0].write("side", append("one"))
    second = clones[1].write("side", append("two"))
    third = clones[0].write("side", append("three"))
    assert None not in (first, second, third)
    assert [each.parents for each in (second, third) if each] == [
        (each.id,) for each in (first, second) if each
    ]
