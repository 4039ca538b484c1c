"""Where commits stand in one line of first parents: the upper one of two has the lower one in its history,
and is not in the history of that.
"""

from functools import lru_cache
from threading import Lock

import pygit2

from deploy_orchestrator.git.objects import ObjectStore

_LONGEST = 20_000
"""Commits that are remembered, and gone through for one question."""


class Ancestry:
    """Commits of a store that were asked for, and all between them: one line, begun anew for another."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._lock = Lock()
        self._numbers: dict[str, int] = {}
        self._ends: tuple[str, str] | None = None

    def leads_to(self, older: str, newer: str) -> bool | None:
        """Whether `newer` has `older` in its history; None where they are not known to stand in one line."""
        objects = self._store.open()
        upper, lower = sorted(
            (older, newer), key=lambda each: objects[each].peel(pygit2.Commit).commit_time, reverse=True
        )
        with self._lock:
            self._begin(objects, upper)
            self._lengthen(objects, lower)
            numbers = [self._numbers.get(each) for each in (older, newer)]
        first, second = numbers
        return None if first is None or second is None else first <= second

    def _begin(self, objects: pygit2.Repository, upper: str) -> None:
        """Have a commit in the line: above its upper end, or as the only one of another line."""
        if upper in self._numbers:
            return
        above: list[str] = []
        current: str | None = upper
        while self._ends and current and current != self._ends[0] and len(above) < _LONGEST:
            above.append(current)
            current = _first_parent(objects, current)
        if not self._ends or not current or current != self._ends[0] or len(self._numbers) > _LONGEST:
            self._numbers, self._ends = {upper: 0}, (upper, upper)
            return
        for number, commit in enumerate(reversed(above), self._numbers[current] + 1):
            self._numbers[commit] = number
        self._ends = upper, self._ends[1]

    def _lengthen(self, objects: pygit2.Repository, lower: str) -> None:
        """Go on below its lower end until a commit is there."""
        while self._ends and lower not in self._numbers and len(self._numbers) <= _LONGEST:
            upper, lowest = self._ends
            below = _first_parent(objects, lowest)
            if below is None:
                return
            self._numbers[below] = self._numbers[lowest] - 1
            self._ends = upper, below


@lru_cache(maxsize=8)
def line_of(store: ObjectStore) -> Ancestry:
    """The line that is remembered of a store."""
    return Ancestry(store)


def _first_parent(objects: pygit2.Repository, commit: str) -> str | None:
    parents = objects[commit].peel(pygit2.Commit).parent_ids
    return str(parents[0]) if parents and parents[0] in objects else None
