"""How often a room is entered on the walk of one changed value, from its commit to the release commit.

A call counts where the code that runs is in another room than the nearest code of ours that called it; a door
is a pair of functions between which such calls are made. The run is the job `ship` for one tenant of the
example fleet, in this process; it ends where the engine is told of the release.

    python -m benchmarks.walk
"""

import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import dagster as dg

import deploy_orchestrator
from deploy_orchestrator.cli.init import init
from deploy_orchestrator.definitions import project
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.defs.runs import run_of
from deploy_orchestrator.settings import Settings

ENVIRONMENT, TENANT = "dev", "analytics"
Door = tuple[str, str, str, str]
"""The room and the function that call, and those that are called."""

_HOUSE = Path(deploy_orchestrator.__file__).parent
_FOUNDATIONS = {"errors", "outcomes"}
"""What every room stands on: what is called through it is called by the one before."""


def room(frame: FrameType) -> str | None:
    """The room that code belongs to; None where it is not ours."""
    file = Path(frame.f_code.co_filename)
    found = file.relative_to(_HOUSE).parts[0].removesuffix(".py") if file.is_relative_to(_HOUSE) else None
    return None if found in _FOUNDATIONS else found


@contextmanager
def counted(entries: Counter[Door]) -> Generator[None]:
    """Count calls from one room into another until the engine is told of a release."""
    rooms: dict[str, str | None] = {}

    def of(frame: FrameType) -> str | None:
        file = frame.f_code.co_filename
        if file not in rooms:
            rooms[file] = room(frame)
        return rooms[file]

    done = False

    def see(frame: FrameType, event: str, _: Any) -> None:
        nonlocal done
        if done or event != "call" or (here := of(frame)) is None:
            return
        if frame.f_code.co_name == "announce":
            done = True
            return
        caller = frame.f_back
        while caller is not None and of(caller) is None:
            caller = caller.f_back
        if caller is not None and (there := of(caller)) and there != here:
            entries[there, caller.f_code.co_qualname, here, frame.f_code.co_qualname] += 1

    threading.setprofile(see)
    sys.setprofile(see)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def walk() -> Counter[Door]:
    """Entries of one walk, by the room that calls and the one that is called."""
    entries: Counter[Door] = Counter()
    with tempfile.TemporaryDirectory() as temporary, dg.DagsterInstance.ephemeral() as instance:
        folder = Path(temporary)
        init(folder)
        settings = Settings(
            fleet=str(folder / "fleet"), deployments=str(folder / "deployments.git"), home=folder / "state"
        )
        ship = project(Installation(settings)).resolve_job_def("ship")

        def run(purpose: str) -> None:
            config = run_of("ship", ENVIRONMENT, {TENANT: purpose}, purpose).run_config
            assert ship.execute_in_process(instance=instance, run_config=config).success

        run("first")
        values = folder / "fleet" / "tenants" / TENANT / "values.yaml"
        text = values.read_text()
        changed = re.sub(r"\Z", "\nhooks: {migration: {timeoutSeconds: 999}}\n", text)
        values.write_text(changed)
        subprocess.run(["git", "commit", "-qam", "One value"], cwd=folder / "fleet", check=True)
        with counted(entries):
            run("second")
    return entries


def main() -> None:
    """Walk, and print a line a room."""
    entries = walk()
    entered: Counter[str] = Counter()
    doors = Counter(here for _, _, here, _ in entries)
    callers: Counter[tuple[str, str]] = Counter()
    for (there, _, here, _), count in entries.items():
        entered[here] += count
        callers[here, there] += count
    print(f"{'room':15} {'entered':>7} {'doors':>6}")
    for name, count in entered.most_common():
        told = ", ".join(f"{there} {many}" for (here, there), many in callers.most_common() if here == name)
        print(f"{name:15} {count:7} {doors[name]:6}  from {told}")
    print(f"{'all':15} {entered.total():7} {doors.total():6}")


if __name__ == "__main__":
    main()
