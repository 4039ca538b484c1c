"""What a plan or a release file says is remembered by its Git id: never what another one says."""

import subprocess
from pathlib import Path

import pydantic
import pytest

from deploy_orchestrator.documents import DocumentError, Record, document
from deploy_orchestrator.git import Changes, Repository, Tree
from deploy_orchestrator.releases import layout


class Numbered(Record):
    number: int


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "remote.git"], check=True)
    return Repository.clone(str(tmp_path / "remote.git"), tmp_path / "clone.git")


def holding(repository: Repository, text: bytes) -> Tree:
    repository.write("main", lambda _: Changes("write", {"a.yaml": text}))
    return repository.branch()


def read(tree: Tree, model: type[pydantic.BaseModel] = Numbered) -> pydantic.BaseModel | None:
    """As another process, which remembers nothing but what stands on disk."""
    layout._parsed.cache_clear()
    return layout.read(tree, "a.yaml", model)


def test_a_record_is_parsed_once_for_all_processes(repository, monkeypatch):
    tree = holding(repository, b"number: 1\n")
    first = read(tree)
    monkeypatch.setattr(document, "read_documents", None)
    assert read(tree) == first == Numbered(number=1)


def test_other_bytes_are_another_file_and_read_again(repository):
    before = holding(repository, b"number: 1\n")
    assert read(before) == Numbered(number=1)
    after = holding(repository, b"number: 2\n")
    assert read(after) == Numbered(number=2)
    assert read(before) == Numbered(number=1)


def test_what_fits_no_record_is_told_at_its_line_each_time(repository):
    tree = holding(repository, b"# here\nnumber: many\n")
    for _ in range(2):
        with pytest.raises(DocumentError, match=r"a\.yaml:2: number"):
            read(tree)


def test_what_is_remembered_is_held_against_the_model_that_is_asked_for(repository):
    class Named(Record):
        name: str

    tree = holding(repository, b"number: 1\n")
    read(tree)
    with pytest.raises(DocumentError, match=r"a\.yaml:1: number: there is no such field"):
        read(tree, Named)


def test_a_torn_entry_is_read_again(repository, tmp_path):
    tree = holding(repository, b"number: 1\n")
    read(tree)
    for each in (tmp_path / "clone.git.kept").rglob("*"):
        if each.is_file():
            each.write_bytes(each.read_bytes()[:-1] + b"2")
    assert read(tree) == Numbered(number=1)
