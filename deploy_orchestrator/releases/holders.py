"""Which releases go into which namespace: a release file is read once, whoever asks and when.

What was read is kept beside the clone by the file's Git id, and read again where that is another.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
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

_Read = tuple[str, tuple[Place, ...]]
"""A release file's Git id, and where it goes."""

_Folder = tuple[str, dict[str, _Read]]
"""The Git id of an environment's folder, and its release files by tenant, but for what nobody can read."""


def holders_of(repository: Repository, head: str, places: Set[Place]) -> list[Slot]:
    """Whose releases are in one of `places` at `head`, but for files that nobody can read."""
    return [
        Slot(environment, tenant)
        for environment, (_, files) in _known(repository).at(head).items()
        for tenant, read in files.items()
        if not places.isdisjoint(read[1])
    ]


@dataclass(slots=True)
class _Known:
    """What was read, by environment, for the commit that was asked for last."""

    repository: Repository
    last: tuple[str, dict[str, _Folder]]
    unsaved: int = 0

    def at(self, head: str) -> dict[str, _Folder]:
        last, before = self.last
        if head == last:
            return before
        tree, anew = self.repository.at(head), self.unsaved
        found: dict[str, _Folder] = {}
        for environment, there in tree.ids(RELEASES).items():
            known = before.get(environment)
            if known is None or known[0] != there:
                known, read = _looked(tree, environment, there, known[1] if known else {})
                anew += read
            found[environment] = known
        if anew > _READ_AGAIN:
            self.repository.cache("holders").write(_key(self.repository), _FOLDERS.dump_json(found))
            anew = 0
        self.last, self.unsaved = (head, found), anew
        return found


_FOLDERS: Final = pydantic.TypeAdapter(dict[str, _Folder])


@lru_cache(maxsize=8)
def _known(repository: Repository) -> _Known:
    kept = repository.cache("holders").read(_key(repository))
    try:
        return _Known(repository, ("", {} if kept is None else _FOLDERS.validate_json(kept)))
    except pydantic.ValidationError:
        return _Known(repository, ("", {}))


def _looked(tree: Tree, environment: str, folder: str, before: Mapping[str, _Read]) -> tuple[_Folder, int]:
    """What stands in an environment's folder, and how many of its files had to be read."""
    ids = tree.ids(f"{RELEASES}/{environment}")
    files: dict[str, _Read] = {}
    anew = 0
    for slot in slots(tree, RELEASES, (f"{RELEASES}/{environment}/{file}" for file in ids)):
        there, known = ids[f"{slot.tenant}.yaml"], before.get(slot.tenant)
        if known is None or known[0] != there:
            known = next(iter(values([attempt(_place_of, slot, tree, there)])), None)
            anew += 1
        if known is not None:
            files[slot.tenant] = known
    return (folder, files), anew


def _place_of(slot: Slot, tree: Tree, there: str) -> _Read | None:
    file = slot.read_release(tree)
    return (there, tuple((file.cluster, each) for each in file.destination.namespaces)) if file else None


def _key(repository: Repository) -> str:
    return cache_key(_MADE_BY, repository.url)
