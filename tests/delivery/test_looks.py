"""What the sandbox saw of its files is remembered, and what may have changed since is read again."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy_orchestrator.delivery import Sandbox, Sync
from deploy_orchestrator.delivery.sandbox import looks
from deploy_orchestrator.git import Repository
from deploy_orchestrator.releases import Release

LONG_AGO = 1_700_000_000


def aged(folder: Path) -> None:
    """Files that were written so long ago that a change of them has another time."""
    for file in folder.rglob("*.yaml"):
        os.utime(file, (LONG_AGO, LONG_AGO))


@pytest.fixture
def released(sandbox: Sandbox, publisher) -> Release:
    release = publisher.release(publisher.config_map("a", x="1"), publisher.config_map("b"))
    sandbox.sync(release)
    aged(sandbox.folder)
    return release


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the manifests that were read."""
    seen: list[str] = []
    real: Callable[[Path], bytes] = Path.read_bytes

    def noted(path: Path) -> bytes:
        if path.suffix == ".yaml":
            seen.append(path.name)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    return seen


def test_what_did_not_change_is_read_once_also_by_another_process(sandbox, released, read):
    assert sandbox.status(released.environment, released.tenant).sync is Sync.SYNCED
    assert len(read) == 2
    looks._known.cache_clear()
    repository = sandbox.deployments
    other = Sandbox(sandbox.folder, Repository.clone(repository.url, repository.path))
    assert other.status(released.environment, released.tenant).sync is Sync.SYNCED
    assert len(read) == 2


def test_a_file_of_the_same_size_at_another_time_is_read_again(sandbox, released, read):
    sandbox.status(released.environment, released.tenant)
    (file,) = sandbox.folder.rglob("*.a.yaml")
    file.write_bytes(file.read_bytes().replace(b"'1'", b"'2'"))
    read.clear()
    assert sandbox.status(released.environment, released.tenant).sync is Sync.OUT_OF_SYNC
    assert read == [file.name]


def test_another_file_in_its_place_with_its_time_and_size_is_read_again(sandbox, released):
    sandbox.status(released.environment, released.tenant)
    (file,) = sandbox.folder.rglob("*.a.yaml")
    other = file.with_name("other")
    other.write_bytes(file.read_bytes().replace(b"'1'", b"'2'"))
    other.replace(file)
    aged(sandbox.folder)
    assert sandbox.status(released.environment, released.tenant).sync is Sync.OUT_OF_SYNC


def test_what_was_written_just_now_is_not_remembered(sandbox, released, read):
    for file in sandbox.folder.rglob("*.yaml"):
        os.utime(file)
    for _ in range(2):
        sandbox.status(released.environment, released.tenant)
    assert len(read) == 4


def test_a_memory_that_is_torn_is_made_again(sandbox, released, read):
    sandbox.status(released.environment, released.tenant)
    for each in (sandbox.folder / ".state/looks").rglob("*"):
        if each.is_file():
            each.write_bytes(each.read_bytes()[:-1] + b"?")
    looks._known.cache_clear()
    read.clear()
    assert sandbox.status(released.environment, released.tenant).sync is Sync.SYNCED
    assert len(read) == 2
