"""How long a push takes to become a run, through a real Git forge, the receiver of webhooks and Dagster.

    PYTHONPATH=tests/e2e python benchmarks/webhooks.py [--pushes 10]

It boots the Gitea of the end-to-end tests (`make .venv/installed-e2e` first), `dagster dev` and the receiver,
pushes to the example fleet, and waits after each push until everything is at rest.
"""

import argparse
import math
import os
import statistics
import tempfile
from pathlib import Path

from pushing import Project, pushing, until
from results import Results
from rig import Gitea


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--pushes", type=int, default=10)
    pushes = arguments.parse_args().pushes
    results = Results("webhooks")
    with (
        tempfile.TemporaryDirectory() as scratch,
        Gitea(Path(scratch)) as forge,
        pushing(forge, Path(scratch) / "project", "dagster", "dev") as project,
    ):
        until(lambda: project.instance.get_runs_count() > 0)
        _rest(project)
        seen = [_push(project) for _ in range(pushes)]
    by_push = [(asked, started) for asked, started, told in seen if told]
    print(
        f"{len(by_push)} of {pushes} pushes were told before a sensor looked; load {os.getloadavg()[0]:.1f}"
    )
    for what, seconds in zip(("asked for", "started"), zip(*by_push, strict=True), strict=True):
        print(f"first run {what}: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s")
        results.add(f"first run {what}", "s", *seconds)
    results.write()


def _push(project: Project) -> tuple[float, float, bool]:
    """Seconds until the first run was asked for, and until one started; whether the push asked for it."""
    head, began = project.push()
    until(lambda: any(record.start_time for record in project.runs(head)))
    _rest(project)
    first, *others = project.runs(head)
    asked = first.create_timestamp.timestamp() - began
    started = min(record.start_time or math.inf for record in (first, *others)) - began
    told = "dagster/tick" not in first.dagster_run.tags
    by = "the push" if told else "a sensor"
    print(f"asked for after {asked:.2f} s by {by}, started after {started:.2f} s")
    return asked, started, told


def _rest(project: Project) -> None:
    until(lambda: all(run.is_finished for run in project.instance.get_runs()))


if __name__ == "__main__":
    main()
