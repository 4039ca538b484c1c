"""Who wrote which file on the branch `approvals`: gone through once, kept on disk, and carried on from there.

What is kept holds nothing that the branch does not: it is made anew where it is lost or the branch rewritten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import pydantic

from deploy_orchestrator.git import Repository, RevisionNotFound, Touched
from deploy_orchestrator.storage import cache_key
from deploy_orchestrator.terms import is_digest

_FORMAT: Final = "2"


@dataclass(frozen=True, slots=True)
class Write:
    """A commit that changes a file, the `number` of the commit (from the first one on), whether it is a
    `merge`, and whether it changes that file `alone`.
    """

    commit: str
    number: int
    merge: bool
    alone: bool


class _Kept(pydantic.BaseModel):
    """The writes to each file, oldest first, by folder and path, as far as `head`, its `count`-th commit."""

    head: str
    count: int
    hiding: list[tuple[int, str]]
    folders: dict[str, dict[str, list[tuple[str, int, bool, bool]]]]


_NOTHING: Final = _Kept(head="", count=0, hiding=[], folders={})


@dataclass(frozen=True, slots=True)
class Ledger:
    """The writes to the files of each digest's folder up to `head`.

    `hiding` are the numbers and ids of commits that are not gone through: merges, which can hide what they
    throw away, and those whose root is over the bounds. What was written before one may have been changed by
    it.
    """

    hiding: Sequence[tuple[int, str]]
    _folders: Mapping[str, Mapping[str, Sequence[tuple[str, int, bool, bool]]]]

    def __contains__(self, folder: str) -> bool:
        return folder in self._folders

    def writes(self, folder: str) -> dict[str, list[Write]]:
        """The writes to each file in `folder`, by path, the newest first.

        A commit that does more to the folder than is gone through stands under the name of the folder.
        """
        files = self._folders.get(folder, {})
        return {path: [Write(*each) for each in reversed(files[path])] for path in sorted(files)}


@lru_cache(maxsize=8)
def ledger(repository: Repository, branch: str, head: str) -> Ledger:
    """The ledger of `branch`, whose last commit is `head`.

    Raises:
        TooMuchHistory: it has more commits than are gone through.
    """
    cache = repository.cache("ledger")
    key = cache_key(_FORMAT, repository.url, branch)
    kept = _kept(cache.read(key))
    if kept.head == head:
        return Ledger(kept.hiding, kept.folders)
    if kept.head and not _leads_to(repository, kept.head, head):
        kept = _NOTHING.model_copy(deep=True)
    for each in repository.touched(head, since=kept.head or None, opened=_is_digest):
        _enter(kept, each)
    kept.head = head
    cache.write(key, kept.model_dump_json().encode())
    return Ledger(kept.hiding, kept.folders)


def _kept(data: bytes | None) -> _Kept:
    try:
        return _NOTHING.model_copy(deep=True) if data is None else _Kept.model_validate_json(data)
    except pydantic.ValidationError:
        return _NOTHING.model_copy(deep=True)


def _leads_to(repository: Repository, older: str, head: str) -> bool:
    try:
        return repository.is_ancestor(older, head)
    except RevisionNotFound:
        return False


def _enter(kept: _Kept, commit: Touched) -> None:
    kept.count += 1
    if commit.merge or commit.paths is None:
        kept.hiding.append((kept.count, commit.commit))
    paths = commit.paths or ()
    write = (commit.commit, kept.count, commit.merge, len(paths) == 1)
    for path in paths:
        folder = path.partition("/")[0]
        if _is_digest(folder):
            kept.folders.setdefault(folder, {}).setdefault(_printable(path), []).append(write)


def _is_digest(folder: str) -> bool:
    return is_digest(f"sha256:{folder}")


def _printable(path: str) -> str:
    """Bytes that are not UTF-8 spelled out, which no file of a person has in its name."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")
