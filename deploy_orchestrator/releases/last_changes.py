"""Which commit changed each plan, release file and folder of manifests last: gone through once, kept on disk,
and carried on from there.

What is kept holds nothing that the branch does not: it is made anew where it is lost or the branch rewritten.
Only the orchestrator pushes to `main`, one commit after another; where others put a merge, Git is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import pydantic

from deploy_orchestrator.git import Commit, Repository
from deploy_orchestrator.releases.history import newest_first
from deploy_orchestrator.releases.layout import MAIN, MANIFESTS, PLANS, RELEASES
from deploy_orchestrator.storage import cache_key

_FORMAT: Final = "1"
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


class _Kept(pydantic.BaseModel):
    """By path the last commit that changed it, behind its number in the chain that ends at `head`."""

    head: str
    count: int
    changes: dict[str, tuple[int, str]]


@dataclass(slots=True)
class _Known:
    """What was found out of the branch that was asked for last."""

    repository: Repository
    kept: _Kept

    def up_to(self, head: str) -> Mapping[str, tuple[int, str]]:
        """The changes by path; empty where history is no chain."""
        kept = self.kept
        if kept.head != head:
            chain = _chain(self.repository, kept.head, head)
            if chain is None and (chain := _chain(self.repository, "", head)) is None:
                return {}
            kept = self.kept = _carried_on(kept if chain.since else _NOTHING, chain, self.repository)
            if self.repository.head(MAIN) == head:
                self.repository.cache("changes").write(_key(self.repository), kept.model_dump_json().encode())
        return kept.changes


_NOTHING: Final = _Kept(head="", count=0, changes={})


@lru_cache(maxsize=8)
def _known(repository: Repository) -> _Known:
    data = repository.cache("changes").read(_key(repository))
    try:
        return _Known(repository, _NOTHING if data is None else _Kept.model_validate_json(data))
    except pydantic.ValidationError:
        return _Known(repository, _NOTHING)


@dataclass(frozen=True, slots=True)
class _Chain:
    """Commits that follow each other after `since`, oldest first."""

    since: str
    commits: Sequence[str]


def _chain(repository: Repository, since: str, head: str) -> _Chain | None:
    """None where there is a merge among them, or `since` is no commit before `head`."""
    commits: list[str] = []
    current = head
    while current != since:
        commits.append(current)
        parents = repository.commit(current).parents
        if len(parents) > 1 or (not parents and since):
            return None
        current = parents[0] if parents else since
    return _Chain(since, commits[::-1])


def _carried_on(kept: _Kept, chain: _Chain, repository: Repository) -> _Kept:
    changes = dict(kept.changes)
    for number, commit in enumerate(chain.commits, kept.count):
        changes |= {path: (number, commit) for path in map(_told, repository.changed(commit)) if path}
    return _Kept(head=chain.commits[-1], count=kept.count + len(chain.commits), changes=changes)


def _told(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[: _LEVELS.get(parts[0], 0)])


def _key(repository: Repository) -> str:
    return cache_key(_FORMAT, repository.url)
