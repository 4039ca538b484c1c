"""A part of history gone through once, for many who ask which of its commits touched what is theirs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from deploy_orchestrator.git.commit import Commit, read_commit
from deploy_orchestrator.git.differing import differing
from deploy_orchestrator.git.errors import GitError
from deploy_orchestrator.git.objects import ObjectStore

_LONGEST = 200
"""Commits that are gone through here. Where there are more, Git is quicker for each who asks."""
_MOST = 50_000
"""Files and folders that they touch, together, for the same reason."""


@dataclass(frozen=True, slots=True)
class Walked:
    """Commits that follow each other, newest first, and the places of those that touch a file or folder."""

    commits: Sequence[Commit]
    touching: dict[str, list[int]]

    def of(self, paths: Iterable[str]) -> list[Commit]:
        """Those that touch one of `paths`, or what is in it."""
        places = {place for path in paths for place in self.touching.get(path, ())}
        return [self.commits[place] for place in sorted(places)]


@lru_cache(maxsize=16)
def walked(store: ObjectStore, to: str, since: str | None) -> Walked | None:
    """The commits up to `to` and after `since`, or all of them; None where there is a merge among them, they
    are many or touch much, one is not there, or `since` is not before them.
    """
    objects = store.open()
    commits: list[Commit] = []
    current: str | None = to
    while current is not None and current != since:
        if len(commits) == _LONGEST:
            return None
        try:
            commit = read_commit(objects, current)
        except GitError:
            return None
        if len(commit.parents) > 1:
            return None
        commits.append(commit)
        current = next(iter(commit.parents), None)
    if current != since:
        return None
    touching: dict[str, list[int]] = {}
    seen = 0
    for place, commit in enumerate(commits):
        for path in _with_folders(each.path for each in differing(objects, commit.id)):
            touching.setdefault(path, []).append(place)
            seen += 1
        if seen > _MOST:
            return None
    return Walked(commits, touching)


def _with_folders(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        while path and path not in found:
            found.add(path)
            path = path.rpartition("/")[0]
    return found


@lru_cache(maxsize=4096)
def moves_files(store: ObjectStore, commit: str) -> bool:
    """Whether a commit takes files away and adds others, which may be the same ones."""
    found = [*differing(store.open(), commit)]
    return not all(each.before for each in found) and not all(each.after for each in found)
