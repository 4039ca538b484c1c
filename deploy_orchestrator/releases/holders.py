"""Which releases go into which namespace: a release file is read once, whoever asks and when.

What was read is kept beside the clone by the file's Git id, and read again where that is another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import pydantic

from deploy_orchestrator.documents import READER
from deploy_orchestrator.git import Repository, Tree
from deploy_orchestrator.outcomes import attempt, values
from deploy_orchestrator.releases import model
from deploy_orchestrator.releases.layout import RELEASES, Slot, slots
from deploy_orchestrator.storage import cache_key, made_by

_MADE_BY: Final = f"{READER} {made_by(model.__file__, __file__)}"
_READ_AGAIN: Final = 20
"""Files that are read anew rather than kept: what is kept is as long as all that exists."""

Place = tuple[str, str]
"""A cluster and a namespace in it."""

_Read = tuple[str, str, str]
"""A release file's Git id, and where it goes."""


def by_place(repository: Repository, head: str) -> Mapping[Place, tuple[Slot, ...]]:
    """Whose releases are where at `head`, but for files that nobody can read."""
    return _known(repository).at(head)


@dataclass(slots=True)
class _Known:
    """What was read, by path, for the commit that was asked for last."""

    repository: Repository
    read: dict[str, _Read]
    unsaved: int = 0
    found: dict[str, Mapping[Place, tuple[Slot, ...]]] = field(
        default_factory=dict[str, Mapping[Place, tuple[Slot, ...]]]
    )

    def at(self, head: str) -> Mapping[Place, tuple[Slot, ...]]:
        if head not in self.found:
            self.found = {head: self._look(self.repository.at(head))}
        return self.found[head]

    def _look(self, tree: Tree) -> Mapping[Place, tuple[Slot, ...]]:
        read: dict[str, _Read] = {}
        places: dict[Place, tuple[Slot, ...]] = {}
        for slot, there in _files(tree):
            known = self.read.get(slot.release)
            if known is None or known[0] != there:
                self.unsaved += 1
                known = next(iter(values([attempt(_place_of, slot, tree, there)])), None)
            if known is not None:
                read[slot.release] = known
                places[known[1:]] = (*places.get(known[1:], ()), slot)
        self.read = read
        if self.unsaved > _READ_AGAIN:
            self.repository.cache("holders").write(_key(self.repository), _READ.dump_json(read))
            self.unsaved = 0
        return places


_READ: Final = pydantic.TypeAdapter(dict[str, _Read])


@lru_cache(maxsize=8)
def _known(repository: Repository) -> _Known:
    kept = repository.cache("holders").read(_key(repository))
    try:
        return _Known(repository, {} if kept is None else _READ.validate_json(kept))
    except pydantic.ValidationError:
        return _Known(repository, {})


def _files(tree: Tree) -> list[tuple[Slot, str]]:
    ids = {
        f"{RELEASES}/{environment}/{file}": there
        for environment in tree.names(RELEASES)
        for file, there in tree.ids(f"{RELEASES}/{environment}").items()
    }
    return [(slot, ids[slot.release]) for slot in slots(tree, RELEASES, ids)]


def _place_of(slot: Slot, tree: Tree, there: str) -> _Read | None:
    file = slot.read_release(tree)
    return (there, file.cluster, file.namespace) if file else None


def _key(repository: Repository) -> str:
    return cache_key(_MADE_BY, repository.url)
