import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deploy_orchestrator.git import Changes, Commit, Repository

Git = Callable[..., str]
Write = Callable[..., Commit]


@pytest.fixture
def git() -> Git:
    """Git itself, as another person would use it: its output, or a failed test."""

    def run(*arguments: str | Path, cwd: Path | None = None, stdin: bytes | None = None) -> str:
        done = subprocess.run(["git", *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    return run


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a name and an e-mail, and without keys."""
    folder = tmp_path_factory.mktemp("home")
    settings = (Path.home() / ".gitconfig").read_text()
    (folder / ".gitconfig").write_text(f"{settings}[user]\n    name = Ann\n    email = ann@example.com\n")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture
def remote(tmp_path: Path, git: Git) -> Path:
    path = tmp_path / "remote.git"
    git("init", "--bare", "--quiet", path)
    return path


@pytest.fixture
def repository(remote: Path, tmp_path: Path) -> Repository:
    return Repository.clone(str(remote), tmp_path / "clone.git")


@pytest.fixture
def write(repository: Repository) -> Write:
    """Writes one commit of these files to `main`."""

    def written(
        files: Mapping[str, bytes], *, deletes: tuple[str, ...] = (), message: str = "change"
    ) -> Commit:
        commit = repository.write("main", lambda _: Changes(message, files, deletes))
        assert commit is not None
        return commit

    return written
