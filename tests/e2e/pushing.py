"""The example fleet on the forge, one tenant of it, with a Dagster and the receiver of webhooks at work."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import httpx
from rig import Gitea, User
from rig.processes import free_port

from deploy_orchestrator.cli.init import init

ROOT = Path(__file__).parents[2]
PATIENCE = 300


@dataclass(frozen=True)
class Project:
    """`fleet` is a person's working copy."""

    fleet: Path
    instance: dg.DagsterInstance

    def push(self) -> tuple[str, float]:
        """Push another value of the tenant in dev; the commit, and the time at which the push began."""
        with (self.fleet / "tenants/analytics/values-dev.yaml").open("a") as values:
            values.write(f"# {secrets.token_hex(4)}\n")
        return self.commit()

    def commit(self) -> tuple[str, float]:
        """As `push` with whatever was edited."""
        _git(self.fleet, "add", "--all")
        _git(self.fleet, "commit", "--quiet", "--message", "Edit")
        began = time.time()
        _git(self.fleet, "push", "--quiet", "forge", "main")
        return _git(self.fleet, "rev-parse", "HEAD"), began

    def runs(self, head: str) -> list[dg.RunRecord]:
        """The runs for a fleet commit, oldest first."""
        return [
            record
            for record in self.instance.get_run_records(ascending=True)
            if head in record.dagster_run.tags.get("dagster/run_key", "")
        ]


def one_tenant(fleet: Path, deployments: str, owner: User) -> None:
    """The example fleet with one tenant."""
    _git(fleet, "rm", "--quiet", "-r", "tenants/ml", "tenants/data", "tenants/vision")
    _git(fleet, "commit", "--quiet", "--message", "One tenant")


@contextmanager
def pushing(
    forge: Gitea,
    folder: Path,
    *web: str,
    lay_out: Callable[[Path, str, User], None] = one_tenant,
    engine: Mapping[str, str] | None = None,
) -> Iterator[Project]:
    """The receiver, told by `forge` of every push, with what `web` starts: `dagster dev`, or
    `dagster-webserver`, which runs nothing. `lay_out` commits the fleet, told where the deployments
    repository is and who may read it; `engine` are the settings of the delivery engine, the sandbox without
    them.
    """
    init(folder)
    owner = forge.user("pushing")
    writer = forge.token(owner)
    fleet, deployments = (forge.repository(owner, name) for name in ("fleet", "deployments"))
    lay_out(folder / "fleet", deployments, owner)
    _git(folder / "fleet", "remote", "add", "forge", forge.signed_in(fleet, writer))
    _git(folder / "fleet", "push", "--quiet", "forge", "main")
    settings = (ROOT / "dagster.yaml").read_text()
    (folder / "dagster.yaml").write_text(settings.replace(".local/dagster", str(folder / "dagster")))
    secret = secrets.token_hex(32)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        "DEPLOY_ORCHESTRATOR_FLEET": forge.signed_in(fleet, writer),
        "DEPLOY_ORCHESTRATOR_DEPLOYMENTS": forge.signed_in(deployments, writer),
        "DEPLOY_ORCHESTRATOR_HOME": str(folder / "state"),
        "DEPLOY_ORCHESTRATOR_WEBHOOK_SECRET": secret,
        **(engine or {}),
    }
    at, told = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    commands = {
        f"{at}/server_info": (*web, "-w", str(ROOT / "workspace.yaml"), "-p", at.rpartition(":")[2]),
        f"{told}/healthz": (
            *("deploy-orchestrator", "webhooks"),
            *("--port", told.rpartition(":")[2], "--dagster", at),
        ),
    }
    with ExitStack() as running:
        for ready, command in commands.items():
            running.enter_context(_running(command, environment, folder / f"{command[0]}.log", ready))
        for name in ("fleet", "deployments"):
            forge.webhook(owner, name, f"{told}/webhooks", secret)
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            yield Project(folder / "fleet", instance)


def until(holds: Callable[[], bool]) -> None:
    """Wait as long as `PATIENCE` until something `holds`."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


@contextmanager
def _running(command: Sequence[str], environment: dict[str, str], log: Path, ready: str) -> Iterator[None]:
    program, *arguments = command
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [Path(sys.executable).with_name(program), *arguments],
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        ) as process,
    ):
        try:
            until(lambda: _answers(ready, process))
            yield
        finally:
            process.send_signal(signal.SIGINT)


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        return httpx.get(url).is_success
    except httpx.HTTPError:
        return False


def _git(folder: Path, *arguments: str) -> str:
    answer = subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True)
    return answer.stdout.strip()
