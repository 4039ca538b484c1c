"""How long a command takes before it does anything: processor time of the commands that people type most.

python benchmarks/startup.py
python benchmarks/startup.py --program BEFORE/bin/deploy-orchestrator --program AFTER/bin/deploy-orchestrator

Lays out the example fleet, releases it in dev in the sandbox, and runs each command several times with each
program in turn. Processor time, of the command with its children, is what other work on the machine disturbs
least. The last line is what a process of a run imports before Dagster gives it work.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from results import Results
from rich.console import Console
from rich.table import Table

from deploy_orchestrator.outcomes import values
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.settings import Settings

COMMANDS = ("--version", "--help", "status", "plan --environment dev")
DEFINITIONS = "import deploy_orchestrator.definitions"


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    own = Path(sysconfig.get_path("scripts"), "deploy-orchestrator")
    parser.add_argument("--program", type=Path, action="append", help="default: the one installed here")
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    programs = [path.absolute() for path in arguments.program or [own]]
    table, results = Table("command", *map(str, programs)), Results("startup")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        lay_out(own)
        for command in (*COMMANDS, None):
            row = [command or DEFINITIONS]
            seconds = measured([asked(program, command) for program in programs], arguments.runs)
            for program, each in zip(programs, seconds, strict=True):
                what = row[0] if len(programs) == 1 else f"{row[0]} by {program}"
                results.add(what, "s of processor time", *each)
                row.append(f"{statistics.median(each):.2f} s ({min(each):.2f} to {max(each):.2f})")
            table.add_row(*row)
    Console().print(table)
    results.write()


def asked(program: Path, command: str | None) -> list[str]:
    """The command line of a command; for None that of a process which imports the definitions."""
    if command is None:
        return [str(program.with_name("python")), "-c", DEFINITIONS]
    return [str(program), *command.split()]


def measured(commands: Sequence[Sequence[str]], runs: int) -> list[list[float]]:
    """The processor time in seconds of each command, in turn, after one run that is not counted."""
    seen: list[list[float]] = [[] for _ in commands]
    for run in range(runs + 1):
        for command, each in zip(commands, seen, strict=True):
            before = spent()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
            if run:
                each.append(spent() - before)
    return seen


def spent() -> float:
    """The processor time in seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def lay_out(program: Path) -> None:
    """The example fleet in the current folder, released in dev, so that nothing there would change."""
    subprocess.run([program, "init"], check=True, capture_output=True)
    with Orchestrator.open(Settings()) as orchestrator:
        fleet = orchestrator.fleet()
        deployments = [each for each in fleet.deployments() if each.environment.name == "dev"]
        previews = values(preview for _, preview in orchestrator.previews(deployments, fleet))
        plans = [plan for plan in values(orchestrator.propose(list(previews))) if plan]
        releases = list(values(orchestrator.release_all(plans)))
        for _, outcome in orchestrator.deliver_all(releases):
            if isinstance(outcome, Exception):
                raise outcome


if __name__ == "__main__":
    main()
