"""What holds of every command."""

import errno
import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import typer

from deploy_orchestrator.cli import app
from deploy_orchestrator.cli.commands import COMMANDS as LISTED

PROGRAM = Path(sysconfig.get_path("scripts"), "deploy-orchestrator")


def commands(command, name=()):
    yield name, command
    for each, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*name, each))


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_help_text_is_a_sentence(name):
    command = COMMANDS[name]
    texts = {"the command": (command.help or "").split("\n\n")[0]}
    for parameter in command.params:
        texts[parameter.name] = getattr(parameter, "help", None) or ""
    for what, text in texts.items():
        assert re.fullmatch(r"[A-Z].*[.]", text, re.DOTALL), f"{what}: {text!r}"


def test_what_is_listed_is_what_each_command_says_of_itself():
    told = {name[0]: each.get_short_help_str(1000) for name, each in COMMANDS.items() if len(name) == 1}
    assert {name: each.summary for name, each in LISTED.items()} == told


def test_what_is_not_called_is_not_imported():
    probe = (
        "import contextlib, sys; from deploy_orchestrator.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(sorted(each for each in sys.modules if each.startswith(('deploy_orchestrator', 'pydantic'))))"
    )
    for option in ("--version", "--help"):
        loaded = subprocess.check_output([sys.executable, "-c", probe, option], text=True).splitlines()[-1]
        assert loaded == str(
            sorted(f"deploy_orchestrator{each}" for each in ("", ".cli", ".cli.commands", ".errors"))
        )


WITHOUT_RESULT = {("argocd", "bootstrap"), ("serve",), ("webhooks",)}
"""Objects for kubectl, and servers."""


@pytest.mark.parametrize(
    "name",
    [name for name in COMMANDS if not hasattr(COMMANDS[name], "commands") and name not in WITHOUT_RESULT],
    ids=" ".join,
)
def test_every_command_prints_json_on_request(nowhere, name):
    answer = nowhere.run(*name, "--format", "nothing")
    assert "'text', 'json'" in answer.errors


def test_wrong_use_exits_2(desk):
    for arguments in (("frob",), ("history",), ("status", "--format", "xml")):
        answer = desk.run(*arguments)
        assert answer.code == 2
        assert "Usage: " in answer.errors


def test_the_version_is_told(desk):
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", desk.run("--version").output)


@pytest.mark.parametrize("command", [("status",), ("plan",), ("pending",), ("history", "dev", "blog")])
def test_where_init_was_not_run_it_says_so_and_leaves_nothing(fresh, tmp_path, monkeypatch, command):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    answer = fresh.run(*command)
    assert answer.code == 2
    assert "run `deploy-orchestrator init`" in answer.errors
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_repository_out_of_reach_is_named(desk, monkeypatch):
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FLEET", "https://127.0.0.1:1/fleet.git")
    answer = desk.run("status")
    assert answer.code == 2
    assert answer.errors.startswith("error: https://127.0.0.1:1/fleet.git cannot be fetched")


def test_a_setting_without_sense_is_named(desk, monkeypatch):
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_ENGINE", "flux")
    answer = desk.run("status")
    assert answer.code == 2
    assert answer.errors.startswith("error: DEPLOY_ORCHESTRATOR_ENGINE: ")


def test_a_broken_fleet_is_told_with_its_place(desk):
    desk.commit("fleet.yaml", "clusters: [\n")
    answer = desk.run("plan")
    assert answer.code == 2
    assert answer.errors.startswith("error: fleet.yaml:")


def test_a_state_folder_that_cannot_be_is_told_with_what_to_do(desk, monkeypatch):
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_HOME", ".local/fleet/fleet.yaml")
    answer = desk.run("status")
    assert answer.code == 2
    assert answer.errors.startswith("error: ")
    assert "fleet.yaml" in answer.errors
    assert "  fix: move away" in answer.errors
    assert "set DEPLOY_ORCHESTRATOR_HOME" in answer.errors


def test_a_full_disk_is_told_with_what_to_do(desk, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    answer = desk.run("status")
    assert answer.code == 2
    assert answer.errors.startswith("error: No space left on device\n  fix: make room there")


def test_the_installed_program_exits_as_it_says(desk):
    def ended(*arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)

    fine = ended("status", "--format", "json")
    assert (fine.returncode, len(json.loads(fine.stdout)), fine.stderr) == (0, 3, "")
    desk.run("sandbox", "degrade", "dev", "blog")
    assert ended("status").returncode == 1
    assert ended("history", "dev", "blgo").returncode == 2


def test_the_command_line_starts_without_what_it_does_not_need():
    probe = (
        "import sys, deploy_orchestrator.cli; print([each for each in sys.argv[1:] if each in sys.modules])"
    )
    unneeded = ["dagster", "kubernetes", "kubernetes_validate", "pygraphviz", "helm_python"]
    loaded = subprocess.check_output([sys.executable, "-c", probe, *unneeded], text=True)
    assert loaded == "[]\n"
