"""What the fleet is built on, as the last survey found it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MAX_ROWS: Final = 200
"""Of one table, as many as a page has."""
Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class ChartTable:
    """The names of its `columns`, and its `rows`."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """What each chart needs, where versions clash, which dependencies have newer versions, and of which that
    is unknown, as it was `at` that time.
    """

    at: datetime
    needs: ChartTable
    conflicts: ChartTable
    outdated: ChartTable
    unknown: ChartTable


@dataclass(frozen=True, slots=True)
class Clash:
    """Where versions clash in what a deployment needs, as the last survey found it, and a `drawing` of what
    needs what there, as SVG; empty where none was made.
    """

    table: ChartTable
    drawing: bytes


@dataclass(frozen=True, slots=True)
class SurveyPage:
    """What the last survey found, None where none is known, a `drawing` of what needs what, as SVG, empty
    where none was made, and what `clashes` in deployments, by `environment/tenant`. `trouble` says in a line
    why nothing newer can be told.
    """

    built: Built | None = None
    drawing: bytes = b""
    clashes: Mapping[str, Clash] = field(default_factory=dict[str, Clash])
    trouble: str = ""
