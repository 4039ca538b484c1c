"""A kubeconfig runs no program of somebody else's."""

from pathlib import Path

import pytest
import urllib3

from deploy_orchestrator import documents
from deploy_orchestrator.delivery import KubeconfigRunsProgram
from deploy_orchestrator.delivery.connection import connect

RETRIES = urllib3.Retry(0)


def written(folder: Path, user: dict[str, object]) -> Path:
    file = folder / "kubeconfig"
    config: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:9"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": user}],
    }
    file.write_bytes(documents.dump(config))
    return file


@pytest.mark.parametrize("how", ["exec", "auth-provider"])
def test_a_kubeconfig_that_names_a_program_is_refused(tmp_path: Path, how: str) -> None:
    mark = tmp_path / "pwned"
    program = {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [str(mark)]}
    provider = {"name": "gcp", "config": {"cmd-path": "/usr/bin/touch", "cmd-args": str(mark)}}
    file = written(tmp_path, {how: program if how == "exec" else provider})

    with pytest.raises(KubeconfigRunsProgram, match="DEPLOY_ORCHESTRATOR_KUBECONFIG_COMMANDS"):
        connect(file, "here", RETRIES)
    with pytest.raises(KubeconfigRunsProgram, match="DEPLOY_ORCHESTRATOR_KUBECONFIG_COMMANDS"):
        connect(file, None, RETRIES)

    assert not mark.exists()


def test_the_operators_own_settings_allow_it(tmp_path: Path) -> None:
    mark = tmp_path / "asked"
    script = tmp_path / "token"
    script.write_text(
        f"#!/bin/sh\ntouch {mark}\n"
        """printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", """
        """"status": {"token": "t"}}'\n"""
    )
    script.chmod(0o755)
    program = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(script),
        "interactiveMode": "Never",
    }
    file = written(tmp_path, {"exec": program})

    connect(file, "here", RETRIES, commands=True)

    assert mark.exists()


def test_a_kubeconfig_with_a_token_is_read(tmp_path: Path) -> None:
    assert connect(written(tmp_path, {"token": "t"}), "here", RETRIES)
