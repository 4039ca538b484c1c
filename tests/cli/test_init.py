import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from deploy_orchestrator.fleet import load
from deploy_orchestrator.git import Repository


def git(folder, *arguments):
    return subprocess.check_output(["git", "-C", folder, *arguments], text=True).strip()


def state(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def test_it_lays_out_a_fleet_that_loads_and_people_who_can_sign(nowhere, tmp_path):
    answer = nowhere.run("init")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.output.splitlines()] == [
        "fleet",
        "deployments",
        "keys",
        "dagster",
    ]
    clone = Repository.clone(str(tmp_path / ".local/fleet"), tmp_path / "clone")
    fleet = load(clone.branch())
    assert not fleet.broken
    assert set(fleet.tenants) == {"analytics", "catalog", "data", "ml", "scoring", "vision"}
    head = clone.head() or ""
    assert clone.verify(head, fleet.allowed_signers).principal == "alice@example.com"
    keys = tmp_path / ".local/keys"
    assert {stat.S_IMODE((keys / person).stat().st_mode) for person in ("alice", "bob")} == {0o600}
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700


def test_once_more_it_keeps_everything(nowhere):
    nowhere.run("init")
    before = state(".local")
    assert nowhere.run("init").code == 0
    assert state(".local") == before


def test_what_is_missing_is_made_again(nowhere):
    nowhere.run("init")
    before = git(".local/fleet", "rev-parse", "HEAD")
    Path(".local/deployments.git").rename(".local/gone")
    nowhere.run("init")
    assert git(".local/deployments.git", "rev-parse", "--is-bare-repository") == "true"
    assert git(".local/fleet", "rev-parse", "HEAD") == before


def test_what_dagster_reads_is_laid_out_and_not_overwritten(nowhere):
    Path("dagster.yaml").write_text("telemetry: {enabled: false}\n")
    nowhere.run("init")
    assert Path("dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    assert "deploy_orchestrator.definitions" in Path("workspace.yaml").read_text()


def test_settings_of_the_users_git_do_not_interfere(nowhere, tmp_path, monkeypatch):
    hooks = tmp_path / "template/hooks"
    hooks.mkdir(parents=True)
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    (tmp_path / "ignored").write_text("*.yaml\n")
    (tmp_path / ".gitconfig").write_text(
        f"[init]\n templateDir = {hooks.parent}\n defaultObjectFormat = sha256\n"
        f"[core]\n hooksPath = {hooks}\n excludesFile = {tmp_path / 'ignored'}\n"
        "[commit]\n template = /nowhere\n[gpg]\n format = openpgp\n program = /nowhere\n"
        '[gpg "ssh"]\n program = /nowhere\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "")
    answer = nowhere.run("init")
    monkeypatch.delenv("GIT_DIR")
    assert (answer.code, answer.errors) == (0, "")
    assert git(".local/fleet", "status", "--short") == ""
    assert "fleet.yaml" in git(".local/fleet", "ls-files")


def test_without_a_home_it_works(nowhere, monkeypatch):
    monkeypatch.setenv("HOME", "/nonexistent")
    assert nowhere.run("init").code == 0


@pytest.mark.parametrize("missing", ["git", "ssh-keygen"])
def test_a_missing_program_is_named_and_nothing_half_made_stays(nowhere, tmp_path, monkeypatch, missing):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in {"git", "ssh-keygen"} - {missing}:
        (programs / name).symlink_to(subprocess.check_output(["which", name], text=True).strip())
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(programs))
    answer = nowhere.run("init")
    assert answer.code == 2
    assert answer.errors.startswith(f"error: the command `{missing}` is missing\n  fix: install Git")
    assert not (tmp_path / ".local/fleet").exists()
    monkeypatch.setenv("PATH", path)
    assert nowhere.run("init").code == 0


def test_elsewhere_it_tells_how_the_other_commands_find_it(nowhere, monkeypatch):
    answer = nowhere.run("init", "demo")
    exports = dict(re.findall(r"^export (\S+)=(\S+)$", answer.output, re.MULTILINE))
    assert len(exports) == 3
    for name, value in exports.items():
        monkeypatch.setenv(name, value)
    assert re.search(r"^dev/analytics +not released", nowhere.run("status").output, re.MULTILINE)


def test_as_json_it_is_where_things_are(nowhere):
    assert nowhere.json("init") == {
        "fleet": ".local/fleet",
        "deployments": ".local/deployments.git",
        "keys": ".local/keys",
        "dagster": ["dagster.yaml", "workspace.yaml"],
    }


def test_where_no_folder_can_be_it_says_so(nowhere):
    Path("taken").write_text("")
    answer = nowhere.run("init", "taken")
    assert answer.code == 2
    assert answer.errors.startswith("error: taken: File exists\n  fix: move away what is there")


def test_nobody_can_take_back_what_stands_in_the_deployments_repository(nowhere, tmp_path):
    nowhere.run("init")
    clone, deployments = tmp_path / "clone", tmp_path / ".local/deployments.git"
    subprocess.run(["git", "clone", "--quiet", deployments, clone], check=True, capture_output=True)
    for name, value in {"user.name": "a", "user.email": "a@example.com"}.items():
        git(clone, "config", name, value)
    for message in ("reject", "something else"):
        git(clone, "commit", "--quiet", "--allow-empty", "--message", message)
    git(clone, "push", "--quiet", "origin", "HEAD:approvals")

    rewound = subprocess.run(
        ["git", "-C", clone, "push", "--force", "origin", "HEAD~1:approvals"], check=False
    )
    deleted = subprocess.run(["git", "-C", clone, "push", "origin", ":approvals"], check=False)

    assert rewound.returncode != 0
    assert deleted.returncode != 0
    assert git(deployments, "rev-parse", "approvals") == git(clone, "rev-parse", "HEAD")
