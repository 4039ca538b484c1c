import time
from pathlib import Path

import pytest

from deploy_orchestrator.git import Changes, GitError, RemoteUnreachable, Repository
from deploy_orchestrator.git.command import TimedOut, run
from deploy_orchestrator.git.transport import CLONE_LIMIT, TRANSFER_LIMIT


def test_a_remote_that_never_answers_is_given_up_and_its_processes_ended(tmp_path, monkeypatch):
    script = tmp_path / "ssh"
    script.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(script))
    monkeypatch.setattr("deploy_orchestrator.git.transport.CLONE_LIMIT", 1.0)
    with pytest.raises(RemoteUnreachable, match="did not finish within 1 seconds"):
        Repository.clone("ssh://host/x", tmp_path / "clone")
    process = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/cmdline")

    def ended() -> bool:
        return not process.exists() or b"sleep" not in process.read_bytes()

    for _ in range(100):
        if ended():
            break
        time.sleep(0.1)
    assert ended()


def test_a_remote_that_answers_may_take_its_time_to_send_what_is_new(remote, tmp_path, monkeypatch):
    """So that one large push keeps nobody from fetching for ever."""
    clone = Repository.clone(str(remote), tmp_path / "clone")
    other = Repository.clone(str(remote), tmp_path / "other")
    large = other.write("main", lambda _: Changes("Much", {"much": b"much"}))
    asked: list[tuple[str, float]] = []

    def slow_at_first(arguments, *, limit, **given):
        asked.append((arguments[0], limit))
        if len(asked) == 1:
            raise TimedOut("git fetch did not finish")
        return run(arguments, limit=limit, **given)

    monkeypatch.setattr("deploy_orchestrator.git.transport.command.run", slow_at_first)
    clone.fetch()

    assert large
    assert clone.head() == large.id
    assert asked == [("fetch", TRANSFER_LIMIT), ("ls-remote", TRANSFER_LIMIT), ("fetch", CLONE_LIMIT)]


def test_a_machine_without_git_is_told_so(remote, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GitError, match="install Git"):
        Repository.clone(str(remote), tmp_path / "clone")
