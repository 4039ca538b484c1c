"""How much of each room the tests reached, lines and branches together; fails where that is below its floor.

`make test MEASURED=1` runs it after the tests.
"""

import sys
from io import StringIO
from pathlib import Path

from coverage import Coverage

import deploy_orchestrator

FLOOR = 95.0
LOWER: dict[str, float] = {"adoption": 89.0, "cli": 94.0, "forges": 94.0, "manifests": 91.0}
"""Rooms that do not reach the floor yet, and what they hold."""


def main() -> int:
    measured = Coverage()
    measured.load()
    package = Path(deploy_orchestrator.__file__).parent
    rooms = sorted(each.parent for each in package.glob("*/__init__.py"))
    modules = sorted(each for each in package.glob("[a-z]*.py"))
    low = False
    for room in (*rooms, *modules):
        reached = measured.report(include=str(room / "*" if room.is_dir() else room), file=StringIO())
        floor = LOWER.get(room.name, FLOOR)
        low = low or reached < floor
        print(f"{room.name:<20}{reached:7.2f} %{f'   below {floor:g} %' if reached < floor else ''}")
    return int(low)


if __name__ == "__main__":
    sys.exit(main())
