"""What manifests a Git tree holds is read once, and never differently."""

import subprocess
from pathlib import Path

import pytest

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import Changes, Repository, Tree
from deploy_orchestrator.manifests import NOTHING, Manifests, Object, committed_content, committed_manifests


def some(**data: str) -> Manifests:
    return Manifests(
        [Object({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})]
    )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "remote.git"], check=True)
    return Repository.clone(str(tmp_path / "remote.git"), tmp_path / "clone.git")


def write(repository: Repository, files: dict[str, bytes], folder: str = "there") -> Tree:
    changes = Changes("write", {f"{folder}/{name}": data for name, data in files.items()}, [folder])
    repository.write("main", lambda _: changes)
    return repository.branch()


def kept(tmp_path: Path) -> list[Path]:
    return sorted(
        each for each in (tmp_path / "clone.git.kept").rglob("*") if each.is_file() and len(each.name) == 64
    )


def test_what_is_kept_is_what_was_read(repository, tmp_path):
    tree = write(repository, some(greeting="hello").files())
    first = committed_manifests(tree, "there")
    assert kept(tmp_path)
    again = committed_manifests(tree, "there")
    assert (again, again.objects) == (first, some(greeting="hello").objects)
    assert committed_content(tree, "there") == first.content


def test_other_bytes_are_another_tree_and_read_again(repository):
    before = write(repository, some(greeting="hello").files())
    assert committed_content(before, "there") == some(greeting="hello").content
    after = write(repository, some(greeting="bye").files())
    assert committed_content(after, "there") == some(greeting="bye").content
    assert committed_content(before, "there") == some(greeting="hello").content


def test_a_torn_entry_is_read_again(repository, tmp_path):
    tree = write(repository, some(greeting="hello").files())
    committed_manifests(tree, "there")
    for each in kept(tmp_path):
        each.write_bytes(each.read_bytes()[:-1] + b"?")
    assert committed_content(tree, "there") == some(greeting="hello").content
    assert committed_manifests(tree, "there") == some(greeting="hello")


def test_nothing_is_kept_of_what_are_no_manifests(repository, tmp_path):
    tree = write(repository, {"a.yaml": b"- no object\n"})
    for _ in range(2):
        with pytest.raises(OrchestratorError):
            committed_content(tree, "there")
    assert not kept(tmp_path)


def test_a_folder_that_is_not_there_holds_nothing(repository):
    tree = write(repository, some().files())
    assert committed_manifests(tree, "elsewhere") == NOTHING
    assert committed_content(tree, "elsewhere") == NOTHING.content
