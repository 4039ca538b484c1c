"""`init`: two local Git repositories to try everything on, with people who can sign."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock

from deploy_orchestrator.cli.options import Format, Output
from deploy_orchestrator.cli.output import say, show_json
from deploy_orchestrator.cli.shipped import shipped
from deploy_orchestrator.errors import OrchestratorError

HOME = Path(".local")
PEOPLE = ("alice", "bob")
DAGSTER = ("dagster.yaml", "workspace.yaml")
"""What Dagster reads in the folder that it is started from: its instance, and where the project is."""


class InitError(OrchestratorError):
    """The example could not be laid out."""


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to lay it out.")] = HOME,
    output: Output = Format.TEXT,
) -> None:
    """Lay out an example fleet to try everything on.

    Makes a fleet repository and an empty deployments repository, and keeps what is already there. The fleet
    gets two people with SSH keys of their own under DIRECTORY/keys: alice, who commits to it, and bob, who
    approves. Both stand in its allowed_signers. The current folder gets dagster.yaml and workspace.yaml, by
    which `dagster dev -w workspace.yaml` serves the web UI from there.
    """
    fleet, deployments, keys = (directory / name for name in ("fleet", "deployments.git", "keys"))
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(directory / ".init.lock"):
        _lay(keys, _keys)
        _lay(deployments, _deployments)
        _lay(fleet, lambda made: _fleet(made, keys))
        for name in DAGSTER:
            _lay_file(Path(name))
    if output is Format.JSON:
        show_json({"fleet": fleet, "deployments": deployments, "keys": keys, "dagster": DAGSTER})
        return
    say(f"fleet        {fleet}  (commit here)")
    say(f"deployments  {deployments}  (written by the orchestrator)")
    say(f"keys         {keys}  (alice commits, bob approves)")
    say(f"dagster      {', '.join(DAGSTER)}  (dagster dev -w {DAGSTER[1]})")
    if directory != HOME:
        say("\nFor the other commands to find them:")
        for name, path in (("FLEET", fleet), ("DEPLOYMENTS", deployments), ("HOME", directory / "state")):
            say(f"export DEPLOY_ORCHESTRATOR_{name}={path}")


def _lay(path: Path, build: Callable[[Path], None]) -> None:
    if path.exists():
        return
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".init-") as folder:
        made = Path(folder) / path.name
        made.mkdir()
        build(made)
        made.rename(path)


def _lay_file(path: Path) -> None:
    if path.exists():
        return
    with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".init-") as folder:
        shutil.copyfile(shipped() / path.name, made := Path(folder) / path.name)
        made.rename(path)


def _keys(made: Path) -> None:
    made.chmod(0o700)
    for person in PEOPLE:
        _run(
            "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{person}@example.com", "-f", made / person
        )


def _deployments(made: Path) -> None:
    _git(made, "init", "--quiet", "--bare", "--template=", "--initial-branch=main")
    for name in ("receive.denyNonFastForwards", "receive.denyDeletes"):
        _git(made, "config", name, "true")


def _fleet(made: Path, keys: Path) -> None:
    root = shipped()
    shutil.copytree(root / "examples" / "fleet", made, dirs_exist_ok=True, copy_function=shutil.copyfile)
    shutil.copytree(root / "charts", made / "charts", copy_function=shutil.copyfile)
    with (made / "allowed_signers").open("a") as signers:
        for person in PEOPLE:
            kind, key, *_ = (keys / f"{person}.pub").read_text().split()
            signers.write(f'{person}@example.com namespaces="git" {kind} {key}\n')
    _git(made, "init", "--quiet", "--template=", "--initial-branch=main")
    for name, value in {
        "user.name": "Alice",
        "user.email": "alice@example.com",
        "user.signingkey": str((keys / "alice").resolve()),
        "gpg.format": "ssh",
        "gpg.ssh.program": "ssh-keygen",
        "gpg.ssh.allowedSignersFile": "allowed_signers",
        "commit.gpgsign": "true",
    }.items():
        _git(made, "config", name, value)
    _git(made, "add", "--all", "--force")
    _git(made, "commit", "--quiet", "--message", "Start the fleet")


def _git(repository: Path, *arguments: str) -> None:
    _run("git", "-C", repository, *arguments)


def _run(command: str, *arguments: str | Path) -> None:
    """Without the user's own Git settings, whose hooks, templates and programs would change what is made."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    try:
        subprocess.run(
            [command, *arguments], env={**own, **plain}, check=True, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        raise InitError(
            f"the command `{command}` is missing", fix="install Git 2.34 or later with OpenSSH, and try again"
        ) from error
    except subprocess.CalledProcessError as error:
        raise InitError(
            f"`{command} {arguments[0]}` failed: {(error.stderr or error.stdout).strip()}"
        ) from error
