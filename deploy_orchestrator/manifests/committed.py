"""Manifests in Git: a tree's id names its bytes for ever, so that each is read once, whoever asks and when.

What was read is kept beside the clone, by that id and by what reads it. Nothing is kept of files that are no
manifests, and an entry that is lost or torn is made again.
"""

import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from deploy_orchestrator.documents import READER
from deploy_orchestrator.git import ObjectStore, Repository, Tree
from deploy_orchestrator.manifests import keys, objects
from deploy_orchestrator.manifests.objects import NOTHING, Manifests, read_manifests
from deploy_orchestrator.storage import Cache, cache_key, made_by

_MADE_BY: Final = f"{READER} {made_by(objects.__file__, keys.__file__)}"
_FASTEST: Final = 1


def committed_manifests(tree: Tree, folder: str) -> Manifests:
    """The manifests in a folder; none where it is not there.

    Raises:
        DocumentError, InvalidObject, DuplicateObject: as `read_manifests`.
        UnsafeTree: as `Tree.files`.
        MachineRefused: what was read cannot be kept.
    """
    kept = _kept(tree, folder)
    if kept is None:
        return NOTHING
    packed = kept.objects.read(kept.key)
    return kept.made(tree, folder) if packed is None else Manifests.from_canonical(zlib.decompress(packed))


def committed_content(tree: Tree, folder: str) -> str:
    """The `content` of the manifests in a folder. Raises as `committed_manifests`."""
    there = tree.id(folder)
    return NOTHING.content if there is None else _content(_Folder(tree.store, there, tree, folder))


@lru_cache(maxsize=16384)
def content_of_commit(repository: Repository, commit: str, folder: str) -> str:
    """As `committed_content`, of the folder at `commit`, whose id names what it holds for ever, too: trees of
    many tenants need not be read again for each.

    Raises RevisionNotFound, and as `committed_content`.
    """
    kept, key = repository.cache("commits"), cache_key(_MADE_BY, commit, folder)
    known = kept.read(key)
    if known is not None:
        return known.decode()
    content = committed_content(repository.at(commit), folder)
    kept.write(key, content.encode())
    return content


def remember_committed(store: ObjectStore, folder: str, manifests: Manifests) -> None:
    """Keep what was written to the folder with this id as read: `read_manifests` gives back what
    `Manifests.files` gave.

    Raises MachineRefused where it cannot be kept.
    """
    _Kept(store, _key(folder)).keep(manifests)


@dataclass(frozen=True, slots=True)
class _Kept:
    store: ObjectStore
    key: str

    @property
    def objects(self) -> Cache:
        return self.store.cache("objects")

    @property
    def contents(self) -> Cache:
        return self.store.cache("contents")

    def made(self, tree: Tree, folder: str) -> Manifests:
        manifests = read_manifests(tree.files(folder))
        self.keep(manifests)
        return manifests

    def keep(self, manifests: Manifests) -> None:
        self.objects.write(self.key, zlib.compress(manifests.canonical, _FASTEST))
        self.contents.write(self.key, manifests.content.encode())


def _kept(tree: Tree, folder: str) -> _Kept | None:
    there = tree.id(folder)
    return None if there is None else _Kept(tree.store, _key(there))


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder with this id, and a `tree` in which it stands at a `path`."""

    store: ObjectStore
    id: str
    tree: Tree = field(compare=False)
    path: str = field(compare=False)


@lru_cache(maxsize=16384)
def _content(folder: _Folder) -> str:
    kept = _Kept(folder.store, _key(folder.id))
    content = kept.contents.read(kept.key)
    return kept.made(folder.tree, folder.path).content if content is None else content.decode()


def _key(folder: str) -> str:
    return cache_key(_MADE_BY, folder)
