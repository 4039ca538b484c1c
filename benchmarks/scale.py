"""What many deployments cost: the same steps for a fleet of any size, with the sandbox and Git in folders.

    python benchmarks/scale.py [--tenants 203] [--runs 3]

Lays out the example fleet with that many tenants of the chart `dagster-tenant` (43 objects) in dev and
production, and releases all of them. Then: the commands that look at everything, each as a process of its
own with its most memory; one tenant's commit until it is released in dev; one commit to the chart that all
tenants share; and half of production waiting for approval. Next to it stands what `helm template` takes for
one of these charts, and what it would take for all, one after another, where a `helm` is on PATH. Beside each
time stands that of the processors, workers included, which other work on the machine disturbs less.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from results import Results
from rich.console import Console
from rich.table import Table

from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.settings import Settings

PROGRAM = Path(sysconfig.get_path("scripts"), "deploy-orchestrator").absolute()
FLEET = Path(".local/fleet")
LOOKS = {
    "status": ["status"],
    "plan, nothing changed": ["plan"],
    "plan of one tenant": ["plan", "--tenant", "tenant-0000"],
}


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tenants", type=int, default=203)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    names = [f"tenant-{number:04}" for number in range(arguments.tenants)]
    results = Results("scale")
    table = Table("what", f"{2 * len(names)} deployments", "processors", "memory")

    def tell(what: str, taken: list[Taken], memory: float = 0) -> None:
        seconds, processors = [each.seconds for each in taken], [each.processors for each in taken]
        results.add(what, "s", *seconds)
        results.add(f"{what}, processors", "s", *processors)
        shown = [f"{statistics.median(each):.2f} s" for each in (seconds, processors)]
        table.add_row(what, *shown, f"{memory:.0f} MiB" if memory else "")
        Console().print(what, *shown, style="dim")

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        lay_out(names)
        for environment in ("dev", "production"):
            tell(f"first release, {environment}", [timed(lambda e=environment: ship(e))])
        for what, command in LOOKS.items():
            seen = [run(command) for _ in range(arguments.runs + 1)][1:]
            tell(what, [taken for taken, _ in seen], max(memory for _, memory in seen))
        with Orchestrator.open(Settings()) as orchestrator:
            tell("a look of live_releases", [timed(orchestrator.live) for _ in range(arguments.runs)])
        commits: list[Taken] = []
        for number in range(arguments.runs):
            edit(
                f"tenants/{names[0]}/values-dev.yaml", f"# {number}\nwebserver: {{replicas: {number + 2}}}\n"
            )
            commits.append(timed(lambda: ship("dev", names[0])))
        tell("one tenant's commit, released and live", commits)
        edit("charts/dagster-tenant/values.yaml", None)
        tell("one commit to the chart of all, released and live in dev", [timed(lambda: ship("dev"))])
        with Orchestrator.open(Settings()) as orchestrator:
            propose(orchestrator, "production", names[: len(names) * 3 // 4])
        tell("pending", [run(["pending"])[0] for _ in range(arguments.runs)])
        if helm := shutil.which("helm"):
            one = [timed(lambda helm=helm: template(helm)) for _ in range(arguments.runs)]
            tell(
                f"helm template, {len(names)} of them one after another",
                [Taken(each.seconds * len(names), each.processors * len(names)) for each in one],
            )
    Console().print(table)
    results.write()


def lay_out(names: list[str]) -> None:
    """The example fleet with these tenants in place of its own."""
    subprocess.run([PROGRAM, "init"], check=True, capture_output=True)
    example = (FLEET / "tenants/analytics/tenant.yaml").read_text()
    for name in ("analytics", "data", "ml"):
        shutil.rmtree(FLEET / "tenants" / name)
    for name in names:
        folder = FLEET / "tenants" / name
        folder.mkdir()
        (folder / "tenant.yaml").write_text(
            example.replace("[dev, staging, production]", "[dev, production]")
        )
    fleet = FLEET / "fleet.yaml"
    waits = ("soak: 10s", "soak: 20s")
    fleet.write_text("".join(line for line in fleet.open() if not any(each in line for each in waits)))
    commit("Lay out many tenants")


def edit(path: str, text: str | None) -> None:
    """Write a file of the fleet, or add a comment to it, and commit."""
    file = FLEET / path
    if text is None:
        text = file.read_text().replace("pullPolicy: IfNotPresent", "pullPolicy: Always")
    file.write_text(text)
    commit(f"Edit {path}")


def commit(message: str) -> None:
    git("add", "-A")
    git("-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-qm", message)


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=FLEET, check=True, capture_output=True)


def wanted(fleet: Fleet, environment: str, names: list[str]) -> list[Deployment]:
    """The deployments of an environment, or those of these tenants in it."""
    return [
        each
        for each in fleet.deployments()
        if each.environment.name == environment and (not names or each.tenant.name in names)
    ]


def ship(environment: str, *names: str) -> None:
    """From the newest commit of the fleet to live, as a run does it."""
    with Orchestrator.open(Settings()) as orchestrator:
        plans = propose(orchestrator, environment, list(names))
        releases = [raised(each) for each in orchestrator.release_all(plans)]
        for _, outcome in orchestrator.deliver_all(releases):
            raised(outcome)


def propose(orchestrator: Orchestrator, environment: str, names: list[str]):
    fleet = orchestrator.fleet()
    previews = [raised(each) for _, each in orchestrator.previews(wanted(fleet, environment, names), fleet)]
    return [plan for each in orchestrator.propose(previews) if (plan := raised(each))]


class Taken(NamedTuple):
    """What a step took, of the clock and of all processors."""

    seconds: float
    processors: float


def processors() -> float:
    """Seconds of processor time of this process and of those that it started and that have ended."""
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def timed(step: Callable[[], object]) -> Taken:
    began, used = time.perf_counter(), processors()
    step()
    return Taken(time.perf_counter() - began, processors() - used)


def run(command: list[str]) -> tuple[Taken, float]:
    """What a command takes, and the most memory of any so far, in MiB."""

    def step() -> None:
        done = subprocess.run([PROGRAM, *command], capture_output=True, text=True, check=False)
        if done.returncode == 2:
            sys.exit(f"{command} failed:\n{done.stderr}")

    return timed(step), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def template(helm: str) -> None:
    subprocess.run([helm, "template", str(FLEET / "charts/dagster-tenant")], check=True, capture_output=True)


if __name__ == "__main__":
    main()
