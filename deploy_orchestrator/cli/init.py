"""`init`: two local Git repositories to try everything on, with people who can sign."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from deploy_orchestrator.cli.output import screen
from deploy_orchestrator.errors import OrchestratorError

PEOPLE = ("alice", "bob")


class InitError(OrchestratorError):
    """The example could not be laid out."""


def init(
    directory: Annotated[Path, typer.Argument(help="Where to lay it out.")] = Path(".local"),
) -> None:
    """Lay out the example fleet and an empty deployments repository; keep what is already there.

    The fleet gets two people with SSH keys of their own under DIRECTORY/keys: alice, who commits to it, and
    bob, who approves. Both stand in its allowed_signers.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for person in PEOPLE:
        _key(directory / "keys" / person, f"{person}@example.com")
    _lay(directory / "deployments.git", _deployments)
    _lay(directory / "fleet", lambda made: _fleet(made, directory / "keys"))
    for name, path, use in (
        ("fleet", directory / "fleet", "commit here"),
        ("deployments", directory / "deployments.git", "written by the orchestrator"),
        ("keys", directory / "keys", "alice commits, bob approves"),
    ):
        screen.print(f"{name:<12} {path}  ({use})", soft_wrap=True)


def _lay(path: Path, build: Callable[[Path], None]) -> None:
    if path.exists():
        return
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".init-") as folder:
        made = Path(folder) / path.name
        made.mkdir()
        build(made)
        made.rename(path)


def _key(path: Path, person: str) -> None:
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", str(path))


def _deployments(made: Path) -> None:
    _git(made, "init", "--quiet", "--bare", "--initial-branch=main")


def _fleet(made: Path, keys: Path) -> None:
    charts, example = _example()
    shutil.copytree(example, made, dirs_exist_ok=True)
    shutil.copytree(charts, made / "charts")
    with (made / "allowed_signers").open("a") as signers:
        for person in PEOPLE:
            kind, key, *_ = (keys / f"{person}.pub").read_text().split()
            signers.write(f'{person}@example.com namespaces="git" {kind} {key}\n')
    _git(made, "init", "--quiet", "--initial-branch=main")
    for name, value in {
        "user.name": "Alice",
        "user.email": "alice@example.com",
        "user.signingkey": str((keys / "alice").resolve()),
        "gpg.format": "ssh",
        "gpg.ssh.allowedSignersFile": "allowed_signers",
        "commit.gpgsign": "true",
    }.items():
        _git(made, "config", name, value)
    _git(made, "add", "--all")
    _git(made, "commit", "--quiet", "--message", "Start the fleet")


def _example() -> tuple[Path, Path]:
    package = Path(__file__).parents[1]
    for root in (package / "shipped", package.parent):
        if (root / "examples" / "fleet").is_dir():
            return root / "charts", root / "examples" / "fleet"
    raise InitError(
        "the example fleet is missing from this installation", fix="install deploy-orchestrator again"
    )


def _git(repository: Path, *arguments: str) -> None:
    _run("git", "-C", str(repository), *arguments)


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise InitError(
            f"{command[0]} is not installed", fix=f"install {command[0]} and try again"
        ) from error
    except subprocess.CalledProcessError as error:
        raise InitError(f"`{' '.join(command)}` failed: {error.stderr.strip()}") from error
