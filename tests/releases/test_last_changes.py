"""Which commit changed a plan, a release file or a folder of manifests last, as Git's own log tells it."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy_orchestrator.git import Changes, Repository
from deploy_orchestrator.releases.last_changes import last_change

PATHS = {
    "releases/dev/a.yaml": "releases/dev/a.yaml",
    "plans/dev/a.yaml": "plans/dev/a.yaml",
    "manifests/dev/a/one.yaml": "manifests/dev/a",
    "manifests/dev/a/two.yaml": "manifests/dev/a",
    "manifests/production/a/one.yaml": "manifests/production/a",
    "releases/production/b.yaml": "releases/production/b.yaml",
    "quarantine/dev/a.yaml": "",
}


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", tmp_path / "remote.git"], check=True)
    return tmp_path / "remote.git"


def by_git(remote: Path, head: str, *paths: str) -> str:
    return subprocess.check_output(
        ["git", "--git-dir", remote, "rev-list", "--topo-order", "--full-history", "-1", head, "--", *paths],
        text=True,
    ).strip()


def checked(repository: Repository, remote: Path) -> None:
    tree = repository.branch()
    assert tree.commit
    there = sorted({slot for file, slot in PATHS.items() if slot and tree.exists(file)})
    for slots in ([each] for each in there):
        assert last_change(repository, tree.commit, *slots).id == by_git(remote, tree.commit, *slots)
    if there:
        assert last_change(repository, tree.commit, *there).id == by_git(remote, tree.commit, *there)


@given(st.lists(st.tuples(st.sampled_from(sorted(PATHS)), st.booleans(), st.booleans()), max_size=12))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_it_is_what_git_says_whenever_it_is_asked(remote, tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("steps")
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", folder / "remote.git"], check=True)
    repository = Repository.clone(str(folder / "remote.git"), folder / "clone")
    for number, (path, deletes, asks) in enumerate(steps):
        changes = Changes("x", {} if deletes else {path: str(number).encode()}, [path] if deletes else [])
        repository.write("main", lambda _, changes=changes: changes)
        if asks and repository.head():
            checked(repository, folder / "remote.git")
    if repository.head():
        checked(repository, folder / "remote.git")
        checked(Repository.clone(str(folder / "remote.git"), folder / "clone"), folder / "remote.git")
        checked(Repository.clone(str(folder / "remote.git"), folder / "fresh"), folder / "remote.git")


def test_where_the_branch_was_rewritten_it_is_gone_through_anew(remote, tmp_path):
    repository = Repository.clone(str(remote), tmp_path / "clone")
    for text in (b"1", b"2", b"3"):
        repository.write("main", lambda _, text=text: Changes("x", {"plans/dev/a.yaml": text}))
    checked(repository, remote)
    subprocess.run(["git", "--git-dir", remote, "update-ref", "refs/heads/main", "main~1"], check=True)
    repository.write("main", lambda _: Changes("x", {"releases/dev/a.yaml": b"1"}))
    checked(repository, remote)


def test_where_there_is_a_merge_git_is_asked(remote, tmp_path):
    repository = Repository.clone(str(remote), tmp_path / "clone")
    for text in (b"1", b"2"):
        repository.write("main", lambda _, text=text: Changes("x", {"plans/dev/a.yaml": text}))
    script = """
    export GIT_DIR=$1 GIT_AUTHOR_NAME=M GIT_AUTHOR_EMAIL=m@example.com
    export GIT_COMMITTER_NAME=M GIT_COMMITTER_EMAIL=m@example.com
    main=$(git rev-parse main)
    other=$(git commit-tree -m other -p "$main~1" "$main~1^{tree}")
    git update-ref refs/heads/main "$(git commit-tree -m merge -p "$main" -p "$other" "$other^{tree}")"
    """
    subprocess.run(["sh", "-ec", script, "sh", remote], check=True)
    repository.fetch()
    checked(repository, remote)
    repository.write("main", lambda _: Changes("x", {"releases/dev/a.yaml": b"1"}))
    checked(repository, remote)
