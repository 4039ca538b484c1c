"""Who wrote which file on the branch `approvals`: gone through once, kept on disk, and carried on from there.

What is kept holds nothing that the branch does not: it is made anew where it is lost or the branch rewritten.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Self

import pydantic

from deploy_orchestrator.git import Repository, TooMuchHistory, Touched
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


_Writes = list[tuple[str, int, bool, bool]]
_Folders = dict[str, dict[str, _Writes]]


class _Head(pydantic.BaseModel):
    """As far as what was gone through: `head`, the `count`-th commit."""

    head: str
    count: int
    hiding: list[tuple[int, str]]
    sizes: dict[str, int]


@dataclass(slots=True)
class _Kept:
    """The writes to each file, oldest first, by folder and path, in shards by how the folder begins: only
    what is asked for is read of it.
    """

    head: str = ""
    count: int = 0
    hiding: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    shards: dict[str, bytes] = field(default_factory=dict[str, bytes])

    @classmethod
    def load(cls, data: bytes | None) -> Self:
        try:
            first, _, rest = (data or b"").partition(b"\n")
            about = _Head.model_validate_json(first)
        except pydantic.ValidationError:
            return cls()
        shards: dict[str, bytes] = {}
        at = 0
        for name, size in about.sizes.items():
            shards[name] = rest[at : at + size]
            at += size
        return cls(about.head, about.count, about.hiding, shards)

    def dump(self) -> bytes:
        sizes = {name: len(shard) for name, shard in self.shards.items()}
        about = _Head(head=self.head, count=self.count, hiding=self.hiding, sizes=sizes)
        return b"\n".join((about.model_dump_json().encode(), b"".join(self.shards.values())))

    def enter(self, commits: Sequence[Touched]) -> None:
        """Carry on with later commits, oldest first."""
        opened: dict[str, _Folders] = {}
        for each in commits:
            self.count += 1
            if each.merge or each.paths is None:
                self.hiding.append((self.count, each.commit))
            paths = each.paths or ()
            write = (each.commit, self.count, each.merge, len(paths) == 1)
            for path in paths:
                folder = path.partition("/")[0]
                if _is_digest(folder):
                    name = _shard(folder)
                    shard = opened.setdefault(name, _folders(self.shards.get(name, b"{}")))
                    shard.setdefault(folder, {}).setdefault(_printable(path), []).append(write)
        self.shards |= {name: json.dumps(shard).encode() for name, shard in opened.items()}


def _shard(folder: str) -> str:
    return folder[:2]


def _folders(shard: bytes) -> _Folders:
    return json.loads(shard)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The writes to the files of each digest's folder up to `head`.

    `hiding` are the numbers and ids of commits that are not gone through: merges, which can hide what they
    throw away, and those whose root is over the bounds. What was written before one may have been changed by
    it.
    """

    hiding: Sequence[tuple[int, str]]
    _shards: Mapping[str, bytes]

    def __contains__(self, folder: str) -> bool:
        return folder in self._folders(folder)

    def writes(self, folder: str) -> dict[str, list[Write]]:
        """The writes to each file in `folder`, by path, the newest first.

        A commit that does more to the folder than is gone through stands under the name of the folder.
        """
        files = self._folders(folder).get(folder, {})
        return {path: [Write(*each) for each in reversed(files[path])] for path in sorted(files)}

    def _folders(self, folder: str) -> _Folders:
        return _read(self._shards.get(_shard(folder), b"{}"))


@lru_cache(maxsize=512)
def _read(shard: bytes) -> _Folders:
    return _folders(shard)


@lru_cache(maxsize=8)
def ledger(repository: Repository, branch: str, head: str) -> Ledger:
    """The ledger of `branch`, whose last commit is `head`.

    Raises:
        TooMuchHistory: it has more commits than are gone through at once; the next look carries on there.
    """
    cache = repository.cache("ledger")
    key = cache_key(_FORMAT, repository.url, branch)
    kept = _Kept.load(cache.read(key))
    if kept.head == head:
        return Ledger(kept.hiding, kept.shards)
    if kept.head and not repository.leads_to(kept.head, head):
        kept = _Kept()
    since = kept.head or None
    try:
        new, kept.head = repository.touched(head, since=since, opened=_is_digest), head
    except TooMuchHistory:
        kept.head = repository.on_the_way(head, since=since)
        kept.enter(repository.touched(kept.head, since=since, opened=_is_digest))
        cache.write(key, kept.dump())
        raise
    kept.enter(new)
    cache.write(key, kept.dump())
    return Ledger(kept.hiding, kept.shards)


def _is_digest(folder: str) -> bool:
    return is_digest(f"sha256:{folder}")


def _printable(path: str) -> str:
    """Bytes that are not UTF-8 spelled out, which no file of a person has in its name."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")
