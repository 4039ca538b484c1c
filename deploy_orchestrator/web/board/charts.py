"""What the fleet is built on, as the last survey found it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_ROWS: Final = 200
"""Of one table, as many as a page has."""
Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """The names of its `columns`, and its `rows`."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """What each chart needs, where versions clash, which dependencies have newer versions, and of which that
    is unknown, as it was `at` that time.
    """

    at: datetime
    needs: Table
    conflicts: Table
    outdated: Table
    unknown: Table


@dataclass(frozen=True, slots=True)
class Survey:
    """What a survey found, and a `drawing` of what needs what, as SVG; empty where none was made."""

    built: Built
    drawing: bytes
