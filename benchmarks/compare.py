"""Compare two runs of a benchmark, figure by figure.

python benchmarks/compare.py BEFORE.json AFTER.json

A figure is called different where the two ranges of its values do not touch, so that repetitions decide, not
one lucky run. Says where machine, load or versions differ. The exit code is 1 where nothing can be compared.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Run = Mapping[str, Any]
Figure = Mapping[str, Any]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    arguments = parser.parse_args()
    before, after = (json.loads(path.read_text()) for path in (arguments.before, arguments.after))
    if before["benchmark"] != after["benchmark"]:
        sys.exit(f"these are runs of two benchmarks: {before['benchmark']} and {after['benchmark']}")
    pairs = list(paired(before, after))
    if not pairs:
        sys.exit("the two runs have no figure in common")
    table = Table("what", "unit", "before", "after", "after / before", "")
    for one, other in pairs:
        ratio = f"{other['median'] / one['median']:.2f}" if one["median"] else ""
        table.add_row(one["what"], one["unit"], told(one), told(other), ratio, verdict(one, other))
    console = Console()
    console.print(table)
    for line in differences(before, after):
        console.print(line, markup=False, highlight=False)


def paired(before: Run, after: Run) -> Iterator[tuple[Figure, Figure]]:
    """The figures that both runs have, in the order of the first."""
    others = {(figure["what"], figure["unit"]): figure for figure in after["figures"]}
    for figure in before["figures"]:
        if other := others.get((figure["what"], figure["unit"])):
            yield figure, other


def told(figure: Figure) -> str:
    """The median, and from where to where where there are several values."""
    spread = f" ({figure['min']:.4g} to {figure['max']:.4g})" if len(figure["values"]) > 1 else ""
    return f"{figure['median']:.4g}{spread}"


def verdict(before: Figure, after: Figure) -> str:
    """Whether the figure differs by more than its repetitions do."""
    if len(before["values"]) < 2 or len(after["values"]) < 2:
        return "one value"
    if after["max"] < before["min"]:
        return "less"
    return "more" if after["min"] > before["max"] else "alike"


def differences(before: Run, after: Run) -> Iterator[str]:
    """What differs beside the figures, so that nobody takes it for progress."""
    yield f"commits: {before['commit']['id'][:12]} and {after['commit']['id'][:12]}"
    for part in ("machine", "versions"):
        for name in sorted(before[part].keys() | after[part].keys()):
            one, other = before[part].get(name), after[part].get(name)
            if one != other:
                yield f"{name}: {one} and {other}"
    of_one, of_other = ({figure["what"] for figure in run["figures"]} for run in (before, after))
    for missing in sorted(of_one ^ of_other):
        yield f"in one run only: {missing}"


if __name__ == "__main__":
    main()
