"""What many decisions cost those who look: `pending` where people have decided on 50,000 changes before.

    python benchmarks/decisions.py [--decisions 50000] [--runs 3]

Lays out the example fleet, releases it, and lets a change of production wait. Then the branch `approvals`
gets a file for each decision, in a folder of its own, a hundred of them a commit. `pending` is run without
any, for the first time with all of them, again, and after one decision more; each a process of its own.
"""

import argparse
import hashlib
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from results import Results
from rich.console import Console
from rich.table import Table
from scale import FLEET, PROGRAM, Taken, edit, lay_out, planned, run, ship

from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.settings import Settings

DEPLOYMENTS = Path(".local/deployments.git")
TENANT = "tenant-0000"
TOGETHER = 100


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--decisions", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    results, table = Results("decisions"), Table("pending", "time", "processors")

    def tell(what: str, taken: list[Taken]) -> None:
        seconds, used = [each.seconds for each in taken], [each.processors for each in taken]
        results.add(what, "s", *seconds)
        results.add(f"{what}, processors", "s", *used)
        table.add_row(what, *(f"{statistics.median(each):.2f} s" for each in (seconds, used)))

    def look(times: int = 1) -> list[Taken]:
        return [run([str(PROGRAM), "pending"])[0] for _ in range(times)]

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        lay_out([TENANT], small=False)
        ship("dev")
        ship("production")
        values = FLEET / "charts/dagster-tenant/values.yaml"
        edit(values, lambda text: text.replace("pullPolicy: IfNotPresent", "pullPolicy: Always"))
        ship("dev")
        with Orchestrator.open(Settings()) as orchestrator:
            planned(orchestrator, "production", TENANT)
        tell("with no decisions", look(arguments.runs + 1)[1:])
        decide(arguments.decisions)
        tell(f"with {arguments.decisions:,}, for the first time", look())
        tell(f"with {arguments.decisions:,}, again", look(arguments.runs))
        decide(1, after=arguments.decisions)
        tell("with one more", look())
    Console().print(table)
    results.write()


def decide(count: int, after: int = 0) -> None:
    """Push so many decisions, a hundred a commit, for Git takes an hour to write as many folders one by one;
    packed as a forge has them.
    """
    head = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "refs/heads/approvals"],
        cwd=DEPLOYMENTS,
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()
    stream = "".join(_commits(range(after, after + count), head))
    subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=DEPLOYMENTS,
        check=True,
        input=stream.encode(),
        capture_output=True,
    )
    subprocess.run(["git", "gc", "--quiet"], cwd=DEPLOYMENTS, check=True)


def _commits(numbers: range, head: str) -> Iterator[str]:
    for number in numbers:
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        text = f"decision: approve\ndigest: sha256:{digest}\nreason: looks good\nwho: bob@example.com\n"
        if (number - numbers[0]) % TOGETHER == 0:
            when = 1_700_000_000 + number
            yield f"commit refs/heads/approvals\ncommitter Bob <bob@example.com> {when} +0000\n"
            yield "data 8\nApprove\n\n"
        if head and number == numbers[0]:
            yield f"from {head}\n"
        yield f"M 100644 inline {digest}/bob@example.com.yaml\ndata {len(text)}\n{text}\n"


if __name__ == "__main__":
    main()
