import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy_orchestrator.git import Changes, Person, Repository


def git(*arguments: str | Path, cwd: Path | None = None, stdin: bytes | None = None) -> str:
    done = subprocess.run(["git", *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.fixture(autouse=True)
def _own_git_configuration(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text("[user]\n\tname = Ann\n\temail = ann@example.com\n[init]\n\tdefaultBranch = main\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    path = tmp_path / "remote.git"
    git("init", "--bare", "--quiet", path)
    return path


@pytest.fixture
def repository(remote: Path, tmp_path: Path) -> Repository:
    return Repository.clone(str(remote), tmp_path / "clone")
