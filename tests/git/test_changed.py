import subprocess

import pygit2
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_orchestrator.git import Changes, Commit, History, Repository


def written(repository: Repository, writes: dict[str, bytes], deletes: tuple[str, ...] = ()) -> Commit:
    commit = repository.write("main", lambda tree: Changes("x", writes, deletes))
    assert commit is not None
    return commit


def test_added_changed_and_removed_files_are_told_by_path(repository: Repository) -> None:
    first = written(repository, {"a/one.yaml": b"1", "two.yaml": b"2"})
    second = written(repository, {"a/one.yaml": b"11", "b/c/new.yaml": b"3"}, ("two.yaml",))
    assert repository.changed(first.id) == ("a/one.yaml", "two.yaml")
    assert repository.changed(second.id) == ("a/one.yaml", "b/c/new.yaml", "two.yaml")


def test_a_moved_file_counts_as_both_of_its_paths(repository: Repository) -> None:
    written(repository, {"old.yaml": b"the same bytes\n" * 9})
    moved = written(repository, {"new.yaml": b"the same bytes\n" * 9}, ("old.yaml",))
    assert repository.changed(moved.id) == ("new.yaml", "old.yaml")


def test_a_merge_is_held_against_its_first_parent(repository: Repository) -> None:
    first = written(repository, {"a": b"1"})
    second = written(repository, {"b": b"1"})
    objects = pygit2.Repository(str(repository.path))
    person = pygit2.Signature("Ann", "ann@example.com")
    tree = objects[second.id].peel(pygit2.Tree).id
    merge = objects.create_commit(None, person, person, "merge", tree, [first.id, second.id])
    assert repository.changed(str(merge)) == ("b",)


def test_what_each_commit_touches_is_told_one_level_deep_in_folders_that_are_opened(
    repository: Repository,
) -> None:
    written(repository, {"a/one.yaml": b"1", "b": b"1", "f" * 40: b"a file that is called like a commit"})
    side = written(repository, {"a": b"no folder any more"}, ("a/one.yaml",))
    file = repository.at(side.id).id("b")
    stream = (
        f"commit refs/heads/main\ncommitter M <m@example.com> 1 +0000\ndata 1\nx\nfrom {side.id}~1\n"
        f'merge {side.id}\nM 644 {file} "\\377"\nM 160000 {side.id} module\n\n'
        f"commit refs/heads/main\ncommitter M <m@example.com> 1 +0000\ndata 1\nx\n\n"
    )
    objects = str(repository.path)
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force"], cwd=objects, input=stream.encode(), check=True
    )
    head = repository.head()
    assert head is not None

    found = repository.touched(head, opened="a".__eq__)

    assert [each.merge for each in found] == [False, False, True, False]
    assert [each.commit for each in reversed(found)] == [each.id for each in repository.log(head)]
    for each in found:
        assert each.paths is not None
        assert set(each.paths) == set(repository.changed(each.commit))
    assert repository.touched(head, since=side.id, opened="a".__eq__) == found[2:]


FILES = ("a", "a/one.yaml", "a/b/two.yaml", "c/three.yaml")


@given(st.lists(st.tuples(st.sampled_from(FILES), st.sampled_from(["100644", "100755", "D"])), max_size=9))
@settings(max_examples=15, deadline=None)
def test_it_is_what_git_says_of_each_commit(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("steps")
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", folder], check=True)
    stream = "".join(
        f"commit refs/heads/main\ncommitter M <m@example.com> {number} +0000\ndata 1\nx\n"
        + (f"D {path}\n" if mode == "D" else f"M {mode} inline {path}\ndata 1\n{number % 2}\n")
        for number, (path, mode) in enumerate(steps)
    )
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=folder, input=stream.encode(), check=True, capture_output=True
    )
    history = History.around(folder)
    assert history is not None
    for commit in history.log("main") if steps else ():
        command = ["git", "diff-tree", "-r", "--root", "--no-renames", "--name-only", "--no-commit-id"]
        told = subprocess.check_output([*command, commit.id], cwd=folder, text=True)
        assert history.changed(commit.id) == tuple(sorted(told.split()))
