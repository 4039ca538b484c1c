"""What many deployments cost: the same steps for fleets of any sizes, with the sandbox and Git in folders.

    python benchmarks/scale.py [--tenants 203 1500] [--small] [--runs 3] [--folder FOLDER]
                               [--helm HELM] [--helmfile HELMFILE]

Lays out the example fleet with that many tenants of the chart `dagster-tenant` (43 objects) in dev and
production, and releases all of them; with --small it is a chart of one ConfigMap in its place. Then: the
commands that look at everything, each as a process of its own with its most memory; one tenant's commit until
it is released in dev; one commit to the chart that all tenants share; and 150 that wait for approval in
production. Next to it stands what `helm template` takes for one of these charts and what it would take for
all, one after another, and `helmfile template` of all, where these are. Beside each time stands that of the
processors, of all processes that were started, which other work on the machine disturbs less. Of several
sizes it tells what one change costs more for each 100 deployments that exist beside it.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from results import Results
from rich.console import Console
from rich.table import Table

from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Plan, Release
from deploy_orchestrator.settings import Settings

PROGRAM = Path(sysconfig.get_path("scripts"), "deploy-orchestrator").absolute()
FLEET = Path(".local/fleet")
CHART = FLEET / "charts/dagster-tenant"
SMALL = {
    "Chart.yaml": "apiVersion: v2\nname: dagster-tenant\nversion: 0.1.0\n",
    "values.yaml": "pullPolicy: IfNotPresent\ninstance: {}\n",
    "templates/config.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
data:
  values.json: {{ .Values | toJson | quote }}
""",
}
WAITING = 150
ONE = "one tenant's commit, released, in a process that did so before"


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tenants", type=int, nargs="+", default=[203])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--helm", default=shutil.which("helm"))
    parser.add_argument("--helmfile", default=shutil.which("helmfile"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        with Orchestrator.open(Settings()) as orchestrator:
            released(orchestrator, "dev", arguments.one)
        return
    results = Results("scale")
    said: dict[str, list[str]] = {}
    growth: dict[int, float] = {}
    for number in arguments.tenants:
        deployments = 2 * number
        for what, taken, memory in measured(
            number, arguments.small, arguments.runs, arguments.folder, arguments.helm, arguments.helmfile
        ):
            results.add(f"{what}, {deployments}", "s", *(each.seconds for each in taken))
            results.add(f"{what}, {deployments}, processors", "s", *(each.processors for each in taken))
            seconds, processors = (statistics.median(each) for each in zip(*taken, strict=True))
            shown = f"{seconds:.2f} s ({processors:.2f} s)" + (f", {memory:.0f} MiB" if memory else "")
            said.setdefault(what, []).append(shown)
            Console().print(f"{deployments}: {what}: {shown}", style="dim")
            if what == ONE:
                growth[deployments] = processors
    table = Table(
        "time, and that of the processors", *(f"{2 * each} deployments" for each in arguments.tenants)
    )
    for what, cells in said.items():
        table.add_row(what, *cells)
    Console().print(table)
    for few, many in zip(growth, list(growth)[1:], strict=False):
        more = (growth[many] - growth[few]) / (many - few) * 100_000
        Console().print(f"one change among {many} costs {more:.1f} ms more for each 100 than among {few}")
    results.write()


def measured(
    tenants: int, small: bool, runs: int, kept: Path | None, helm: str | None, helmfile: str | None
) -> Iterator[tuple[str, list["Taken"], float]]:
    """What each step took with this many tenants, and the most memory in MiB where it was a process."""
    names = [f"tenant-{number:04}" for number in range(tenants)]
    kept = kept and kept.absolute()
    with tempfile.TemporaryDirectory() as folder, inside(Path(folder)):
        first = release_first(names, small, (kept or Path(folder, "kept")) / str(tenants))
        yield f"first release of {tenants}, live", [first], 0
        for what, command in {"status": ["status"], "plan, nothing changed": ["plan"]}.items():
            seen = [run([str(PROGRAM), *command]) for _ in range(runs + 1)][1:]
            yield what, [taken for taken, _ in seen], max(memory for _, memory in seen)
        with Orchestrator.open(Settings()) as orchestrator:
            orchestrator.live()
            yield "a look of live_releases", [timed(orchestrator.live) for _ in range(runs)], 0
        edit_tenant(names[0], 1)
        alone = [sys.executable, str(Path(__file__).absolute()), "--one", names[0]]
        yield "one tenant's commit, released, with the start of a process", [run(alone)[0]], 0
        yield ONE, [one_more(names[0], number + 2) for number in range(runs)], 0
        edit(
            CHART / "values.yaml", lambda text: text.replace("pullPolicy: IfNotPresent", "pullPolicy: Always")
        )
        yield f"one commit to the chart of {tenants}, live", [timed(lambda: ship("dev"))], 0
        with Orchestrator.open(Settings()) as orchestrator:
            planned(orchestrator, "production", *names[:WAITING])
        run([str(PROGRAM), "pending"])
        yield (
            f"pending, {min(WAITING, tenants)} waiting",
            [run([str(PROGRAM), "pending"])[0] for _ in range(runs)],
            0,
        )
        if helm:
            one = [run([helm, "template", str(CHART)])[0] for _ in range(runs)]
            yield f"helm template of {tenants}, one after another", [each.times(tenants) for each in one], 0
        if helm and helmfile:
            releases = "".join(f"- name: {each}\n  chart: {CHART.absolute()}\n" for each in names)
            Path("helmfile.yaml").write_text(f"helmBinary: {helm}\nreleases:\n{releases}")
            command = [helmfile, "--file", "helmfile.yaml", "template", "--concurrency", "2", "--skip-deps"]
            yield f"helmfile template of {tenants}, two at a time", [run(command)[0]], 0


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def release_first(names: list[str], small: bool, kept: Path) -> "Taken":
    """Have everything released in the current folder, from where it is `kept` or else made now, and tell what
    dev took. What a crash left of production is gone on with.
    """
    kept.mkdir(parents=True, exist_ok=True)
    taken, released_everywhere = kept / "first-release.json", kept / "released-everywhere"
    with inside(kept):
        if not taken.exists():
            shutil.rmtree(".local", ignore_errors=True)
            lay_out(names, small)
            taken.write_text(json.dumps(timed(lambda: ship("dev"))))
        if not released_everywhere.exists():
            ship("production")
            released_everywhere.touch()
    shutil.copytree(kept / ".local", ".local", symlinks=True, ignore=shutil.ignore_patterns("clones"))
    return Taken(*json.loads(taken.read_text()))


def lay_out(names: list[str], small: bool) -> None:
    """The example fleet with these tenants in place of its own."""
    subprocess.run([PROGRAM, "init"], check=True, capture_output=True)
    example = (FLEET / "tenants/analytics/tenant.yaml").read_text()
    for tenant in (FLEET / "tenants").glob("[!_]*"):
        shutil.rmtree(tenant)
    for name in names:
        folder = FLEET / "tenants" / name
        folder.mkdir()
        (folder / "tenant.yaml").write_text(
            example.replace("[dev, staging, production]", "[dev, production]")
        )
    if small:
        shutil.rmtree(CHART)
        for file, text in SMALL.items():
            (CHART / file).parent.mkdir(parents=True, exist_ok=True)
            (CHART / file).write_text(text)
    fleet = FLEET / "fleet.yaml"
    waits = ("soak: 10s", "soak: 20s")
    fleet.write_text("".join(line for line in fleet.open() if not any(each in line for each in waits)))
    commit("Lay out many tenants")


def edit_tenant(name: str, number: int) -> None:
    """Change a value of one tenant in dev."""
    edit(
        FLEET / f"tenants/{name}/values-dev.yaml",
        lambda _: f"instance:\n  runStartTimeoutSeconds: {300 + number}\n",
    )


def edit(file: Path, change: Callable[[str], str]) -> None:
    file.write_text(change(file.read_text() if file.exists() else ""))
    commit(f"Edit {file.name}")


def commit(message: str) -> None:
    git("add", "-A")
    git("-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-qm", message)


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=FLEET, check=True, capture_output=True)


def wanted(fleet: Fleet, environment: str, *names: str) -> list[Deployment]:
    """The deployments of an environment, or those of these tenants in it."""
    if names:
        return [fleet.deployment(environment, name) for name in names]
    return [each for each in fleet.deployments() if each.environment.name == environment]


def planned(orchestrator: Orchestrator, environment: str, *names: str) -> list[Plan]:
    fleet = orchestrator.fleet()
    deployments = wanted(fleet, environment, *names)
    previews = [raised(each) for _, each in orchestrator.previews(deployments, fleet)]
    return [plan for each in orchestrator.propose(previews) if (plan := raised(each))]


def released(orchestrator: Orchestrator, environment: str, *names: str) -> list[Release]:
    """From the newest commit of the fleet to pushed releases, as a run does it."""
    plans = planned(orchestrator, environment, *names)
    return [raised(each) for each in orchestrator.release_all(plans)]


def ship(environment: str) -> None:
    """As `released` for all, until they are live."""
    with Orchestrator.open(Settings()) as orchestrator:
        for _, outcome in orchestrator.deliver_all(released(orchestrator, environment)):
            raised(outcome)


class Taken(NamedTuple):
    """What a step took, of the clock and of all processors."""

    seconds: float
    processors: float

    def times(self, number: int) -> "Taken":
        return Taken(self.seconds * number, self.processors * number)


def one_more(name: str, number: int) -> Taken:
    edit_tenant(name, number)

    def step() -> None:
        with Orchestrator.open(Settings()) as orchestrator:
            released(orchestrator, "dev", name)

    return timed(step)


def processors() -> float:
    """Seconds of processor time of this process and of those that it started and that have ended."""
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def timed(step: Callable[[], object]) -> Taken:
    began, used = time.perf_counter(), processors()
    step()
    return Taken(time.perf_counter() - began, processors() - used)


def run(command: list[str]) -> tuple[Taken, float]:
    """What a program takes, and the most memory that it held, in MiB: as Linux tells while it runs."""
    began, memory = time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told)
        while True:
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            memory = max(memory, held(process.pid))
            time.sleep(0.01)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            told.seek(0)
            sys.exit(f"{command} failed:\n{told.read().decode()}")
    return Taken(time.perf_counter() - began, used.ru_utime + used.ru_stime), memory


def held(process: int) -> float:
    """The most memory that a process held so far, in MiB; not what its parent held before it began."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0


if __name__ == "__main__":
    main()
