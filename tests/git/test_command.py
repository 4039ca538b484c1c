import time
from pathlib import Path

import pytest

from deploy_orchestrator.git import GitError, RemoteUnreachable, Repository


def test_a_remote_that_never_answers_is_given_up_and_its_processes_ended(tmp_path, monkeypatch):
    script = tmp_path / "ssh"
    script.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(script))
    monkeypatch.setattr("deploy_orchestrator.git.repository._CLONE_LIMIT", 1.0)
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


def test_a_machine_without_git_is_told_so(remote, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GitError, match="install Git"):
        Repository.clone(str(remote), tmp_path / "clone")
