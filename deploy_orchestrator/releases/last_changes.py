"""Which commit changed each plan, release file and folder of manifests last: gone through once, kept on disk,
and carried on from there.

What is kept holds nothing that the branch does not: it is made anew where it is lost or the branch rewritten.
Only the orchestrator pushes to `main`, one commit after another; where others put a merge, Git is asked.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Final

import pydantic

from deploy_orchestrator.git import Commit, Repository
from deploy_orchestrator.releases.history import newest_first
from deploy_orchestrator.releases.layout import MAIN, MANIFESTS, PLANS, RELEASES
from deploy_orchestrator.storage import cache_key

_FORMAT: Final = "1"
_HEADS: Final = 4
_GONE_THROUGH_AGAIN: Final = 50
"""Commits, and files that they change, that are looked at anew rather than kept: what is kept is as long as
all that exists.
"""
_LEVELS: Final[dict[str, int]] = dict.fromkeys((MANIFESTS, PLANS, RELEASES), 3)
"""How many parts of a path tell the slot, in each of these folders."""


def last_change(repository: Repository, head: str, *paths: str) -> Commit:
    """The newest commit up to `head` that changed one of `paths`, which are there: plans, release files, or
    the folders of manifests. What others merged is passed over.
    """
    known = _known(repository).up_to(head)
    changes = [known[path] for path in paths if path in known]
    if len(changes) == len(paths):
        return repository.commit(max(changes)[1])
    counted = next(newest_first(repository, head, *paths), None)
    return counted or repository.log(head, paths=paths, limit=1)[0]


def removed_by(repository: Repository, head: str, path: str) -> str | None:
    """The newest commit up to `head` that took away the release file at `path`, which is not there; None
    where none ever was.
    """
    known = _known(repository).up_to(head)
    if not known:
        return repository.removed(head, path).get(path)
    return known[path][1] if path in known else None


@dataclass(frozen=True, slots=True)
class _Kept:
    """By path the last commit that changed it, behind its number in the chain that ends at `head`."""

    head: str
    count: int
    changes: dict[str, tuple[int, str]]


@dataclass(slots=True)
class _Known:
    """What was found out of the branch, by the last few commits that were asked for: those who write ask for
    what they have made so far as well as for what is there.
    """

    repository: Repository
    found: dict[str, _Kept]
    unsaved: int = 0
    lock: Lock = field(default_factory=Lock)

    def up_to(self, head: str) -> Mapping[str, tuple[int, str]]:
        """The changes by path; empty where history is no chain."""
        with self.lock:
            kept = self.found.pop(head, None) or self._made(head)
            if kept is None:
                return {}
            self.found[head] = kept
            while len(self.found) > _HEADS:
                del self.found[next(iter(self.found))]
            return kept.changes

    def _made(self, head: str) -> _Kept | None:
        chain = _chain(self.repository, self.found, head)
        if chain is None:
            return None
        kept = self.found.get(chain.since, _NOTHING)
        changes = dict(kept.changes)
        for number, commit in enumerate(chain.commits, kept.count):
            files = self.repository.changed(commit)
            changes |= {path: (number, commit) for path in map(_told, files) if path}
            self.unsaved += 1 + len(files)
        made = _Kept(head=head, count=kept.count + len(chain.commits), changes=changes)
        if self.unsaved > _GONE_THROUGH_AGAIN and self.repository.head(MAIN) == head:
            self.repository.cache("changes").write(_key(self.repository), _KEPT.dump_json(made))
            self.unsaved = 0
        return made


_NOTHING: Final = _Kept(head="", count=0, changes={})
_KEPT: Final = pydantic.TypeAdapter(_Kept)


@lru_cache(maxsize=8)
def _known(repository: Repository) -> _Known:
    data = repository.cache("changes").read(_key(repository))
    try:
        kept = _NOTHING if data is None else _KEPT.validate_json(data)
    except pydantic.ValidationError:
        kept = _NOTHING
    return _Known(repository, {kept.head: kept} if kept.head else {})


@dataclass(frozen=True, slots=True)
class _Chain:
    """Commits that follow each other after `since`, oldest first."""

    since: str
    commits: Sequence[str]


def _chain(repository: Repository, known: Collection[str], head: str) -> _Chain | None:
    """What leads to `head` from the nearest commit that is `known`, or from the first one; None where there
    is a merge among them.
    """
    commits: list[str] = []
    current = head
    while current and current not in known:
        commits.append(current)
        parents = repository.commit(current).parents
        if len(parents) > 1:
            return None
        current = parents[0] if parents else ""
    return _Chain(current, commits[::-1])


def _told(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[: _LEVELS.get(parts[0], 0)])


def _key(repository: Repository) -> str:
    return cache_key(_FORMAT, repository.url)
