"""How long a push takes to be live where each run is a pod, and where it is a process of the code location.

    PYTHONPATH=tests/e2e tests/e2e/node/isolated python benchmarks/runs.py [--pushes 5] [--rounds 2]

It installs the chart as the end-to-end tests do, on a real node as root (`make e2e` builds what that
needs), and pushes a greeting for two tenants so many times with `runs.launcher` one way and the other, in
turns. All times of a push count from its beginning; a run's are those that Dagster's database holds.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from production import Production, production
from results import Results
from sqlalchemy import Connection, create_engine, text

LAUNCHERS = ("pods", "code-location")
ROOM_FOR_RUNS = {"resources": {"limits": {"memory": "6Gi"}}}
VALUES = "charts/shop/values.yaml"
RUNS = text(
    "select extract(epoch from create_timestamp at time zone 'utc'), start_time, end_time from runs "
    "where pipeline_name = 'ship' and status = 'SUCCESS' and start_time >= :since order by start_time"
)


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pushes", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    results = Results("runs")
    seen: defaultdict[str, list[float]] = defaultdict(list)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        production(Path(folder)) as installed,
    ):
        installed.until(lambda: installed.page("production") == "one", "the first release is live")
        greeting = "one"
        for number in range(arguments.rounds):
            for launcher in LAUNCHERS:
                installed.upgrade({"runs": {"launcher": launcher}, "codeLocation": ROOM_FOR_RUNS})
                for each in range(arguments.pushes):
                    before, greeting = greeting, f"{launcher}-{number}-{each}"
                    for what, seconds in push(installed, before, greeting).items():
                        seen[f"{launcher}: {what}"].append(seconds)
    print(f"load {os.getloadavg()[0]:.1f}")
    for what, values in sorted(seen.items()):
        print(f"{what}: median {statistics.median(values):.1f} s, {min(values):.1f} to {max(values):.1f} s")
        results.add(what, "s", *values)
    results.write()


def push(installed: Production, before: str, greeting: str) -> dict[str, float]:
    """Seconds until the greeting is served in dev, and of the runs that shipped meanwhile."""
    _quiet(installed)
    began = time.time()
    installed.commit(f"Say {greeting}", {f"greeting: {before}": f"greeting: {greeting}"}, VALUES)
    installed.until(lambda: installed.page("dev") == greeting, f"{greeting} is served in dev")
    live = time.time() - began
    _quiet(installed)
    with _database(installed) as connection:
        created, started, ended = next(iter(connection.execute(RUNS, {"since": began})))
    asked = float(created)
    told = {"asked for": asked - began, "start": started - asked, "run": ended - started, "live": live}
    print(", ".join(f"{what} {seconds:.1f} s" for what, seconds in told.items()), flush=True)
    return told


def _quiet(installed: Production) -> None:
    """Wait until no run is at work or waits."""
    busy = text("select count(*) from runs where status in ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED')")

    def over() -> bool:
        with _database(installed) as connection:
            return connection.execute(busy).scalar_one() == 0

    installed.until(over, "all runs are over")


def _database(installed: Production) -> Connection:
    return create_engine(installed.database.url).connect()


if __name__ == "__main__":
    main()
