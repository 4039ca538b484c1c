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
EDITS = st.tuples(st.sampled_from(FILES), st.sampled_from(["100644", "100755", "D"]), st.integers(1, 9))


@given(st.lists(EDITS, min_size=1, max_size=9), st.integers(0, 8), st.booleans())
@settings(max_examples=20, deadline=None)
def test_it_is_what_git_says_of_each_commit_and_of_each_path(tmp_path_factory, steps, known, merges):
    folder = tmp_path_factory.mktemp("steps")
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", folder], check=True)
    stream = "".join(
        f"commit refs/heads/main\nmark :{number}\ncommitter M <m@example.com> {number} +0000\ndata 1\nx\n"
        + (f"merge :{max(1, number - back)}\n" if merges and back > 6 and number > 2 else "")
        + (f"D {path}\n" if mode == "D" else f"M {mode} inline {path}\ndata 1\n{number % 2}\n")
        for number, (path, mode, back) in enumerate(steps, 1)
    )

    def git(*arguments: str, given: str = "") -> list[str]:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, input=given.encode(), check=True, capture_output=True
        )
        return done.stdout.decode().split()

    git("fast-import", "--quiet", given=stream)
    history = History.around(folder)
    assert history is not None
    commits = git("rev-list", "--topo-order", "main")
    for commit in commits:
        first = [f"{commit}^1"] if git("rev-list", "--parents", "-1", commit)[1:] else ["--root"]
        told = git("diff-tree", "-r", "--no-renames", "--name-only", "--no-commit-id", *first, commit)
        assert history.changed(commit) == tuple(sorted(told))
    since = commits[known] if known < len(commits) else None
    for paths in (["a"], ["a/b"], ["c/three.yaml", "a/one.yaml"], ["none"], ["a/on"]):
        bound = [f"^{since}"] if since else []
        told = git("rev-list", "--topo-order", "--full-history", "main", *bound, "--", *paths)
        assert [each.id for each in history.log("main", since=since, paths=paths)] == told
    renames = git("diff-tree", "--stdin", "-r", "-M", "--diff-filter=R", given="\n".join(commits) + "\n")
    assert bool(history.renames(commits)) == bool(renames)
    for older in commits:
        has = git("rev-list", "--ancestry-path", f"{older}..main")
        assert {each for each in commits if history.is_ancestor(older, each)} == {older, *has}
