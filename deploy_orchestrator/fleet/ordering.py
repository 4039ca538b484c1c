"""What comes after what, among names of a file."""

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter


def in_order(after: Mapping[str, Collection[str]]) -> list[str]:
    """The names, each behind those of them that it comes `after`, and otherwise as they stand.

    Raises:
        CycleError: some come after each other. Its last argument names them, each before the next one that
            comes after it, and the first once more at the end.
    """
    sorter, place = TopologicalSorter(after), {name: number for number, name in enumerate(after)}
    sorter.prepare()
    ordered: list[str] = []
    ready: set[str] = set()
    while sorter.is_active():
        ready |= {*sorter.get_ready()}
        first = min(ready, key=place.__getitem__)
        ready.remove(first)
        sorter.done(first)
        ordered.append(first)
    return ordered
