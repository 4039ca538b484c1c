import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy_orchestrator.git import Changes, GitError, RevertConflict


def test_a_commit_is_undone_and_what_came_after_it_stays(repository, write, remote, git):
    write({"a": b"1", "b": b"1", "gone/x": b"1"})
    bad = write({"a": b"2", "new": b"2"}, deletes=("gone",), message="Release a\n\nmore")
    write({"b": b"2"})
    commit = repository.write("main", lambda tree: tree.reverting(bad.id))
    assert repository.at("main").files("") == {"a": b"1", "b": b"2", "gone/x": b"1"}
    assert commit.message == f'Revert "Release a"\n\nThis reverts commit {bad.id}.\n'
    git("fsck", "--strict", cwd=remote)


def test_more_can_be_written_in_the_same_commit(repository, write):
    write({"a": b"1"})
    bad = write({"a": b"2"})

    def change(tree):
        undo = tree.reverting(bad.id)
        return dataclasses.replace(undo, message="Roll back a", writes={**undo.writes, "quarantine": b"a 2"})

    commit = repository.write("main", change)
    assert commit.subject == "Roll back a"
    assert repository.at("main").files("") == {"a": b"1", "quarantine": b"a 2"}
    assert repository.write("main", change) is None


def test_only_the_named_paths_are_undone(repository, write):
    write({"releases/a": b"1", "manifests/a": b"1", "releases-old/a": b"1"})
    bad = write({"releases/a": b"2", "manifests/a": b"2", "releases-old/a": b"2"})
    write({"manifests/a": b"3"})
    repository.write("main", lambda tree: tree.reverting(bad.id, ["releases"]))
    assert repository.at("main").files("") == {
        "releases/a": b"1",
        "manifests/a": b"3",
        "releases-old/a": b"2",
    }


def test_what_has_changed_again_since_is_a_conflict_that_names_the_files(repository, write):
    write({"a": b"1", "c": b"1"})
    bad = write({"a": b"2", "b": b"2", "c": b"2"})
    write({"a": b"3"}, deletes=("b",))
    with pytest.raises(RevertConflict) as raised:
        repository.write("main", lambda tree: tree.reverting(bad.id))
    assert raised.value.paths == ("a",)
    assert repository.at("main").files("") == {"a": b"3", "c": b"2"}


def test_a_file_that_resembles_another_is_not_taken_for_it(repository, write):
    body = b"".join(b"line %d\n" % number for number in range(50))
    write({"old": body})
    bad = write({"old": body + b"bad\n"})
    write({"new": body + b"bad\n"}, deletes=("old",))
    with pytest.raises(RevertConflict):
        repository.write("main", lambda tree: tree.reverting(bad.id))


def test_the_first_commit_and_a_commit_undone_before_can_be_undone(repository, write):
    first = write({"a": b"1"})
    assert repository.write("main", lambda tree: tree.reverting(first.id))
    assert repository.at("main").files("") == {}
    assert repository.write("main", lambda tree: tree.reverting(first.id)) is None


def test_an_unknown_commit_cannot_be_undone(repository, write):
    write({"a": b"1"})
    with pytest.raises(GitError, match="cannot be read"):
        repository.at("main").reverting("1" * 40)


FILES = st.dictionaries(st.sampled_from("abc"), st.binary(max_size=3), min_size=1)


@given(FILES, FILES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_undoing_the_last_commit_restores_what_was_before(repository, before, after):
    repository.write("main", lambda tree: Changes("before", before, tree.names("")))
    restored = repository.at("main").files("")
    bad = repository.write("main", lambda tree: Changes("after", after, tree.names("")))
    if bad is not None:
        repository.write("main", lambda tree: tree.reverting(bad.id))
        assert repository.at("main").files("") == restored
