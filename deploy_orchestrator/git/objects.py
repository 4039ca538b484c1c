import threading
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import ObjectType, RepositoryOpenFlag

from deploy_orchestrator.git.errors import RevisionNotFound
from deploy_orchestrator.storage import Cache

_REMEMBERED: Final = 2**20
"""Bytes of a folder, or of a commit, that is not read anew at each look into it. By itself it is 4,096: some
90 files, or 60 changes that a message tells of.
"""

for _kind in (ObjectType.TREE, ObjectType.COMMIT):
    pygit2.settings.cache_object_limit(_kind, _REMEMBERED)


class ObjectStore:
    """The objects of the clone at `path`. May be shared between threads and sent to another process.

    What was found out of them is kept in the folder `kept`; None keeps nothing.
    """

    def __init__(self, path: Path, kept: Path | None = None) -> None:
        self.path = path
        self._kept = kept
        self._local = threading.local()

    def open(self) -> pygit2.Repository:
        """This thread's handle."""
        handle: pygit2.Repository | None = getattr(self._local, "handle", None)
        if handle is None:
            handle = self._local.handle = pygit2.Repository(str(self.path), RepositoryOpenFlag.NO_SEARCH)
        return handle

    def cache(self, kind: str) -> Cache:
        """Where one kind of findings is kept."""
        return Cache(self._kept / kind if self._kept else None)

    def __reduce__(self) -> tuple[type["ObjectStore"], tuple[Path, Path | None]]:
        return ObjectStore, (self.path, self._kept)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectStore) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"ObjectStore({str(self.path)!r})"


def checked_out(folder: Path) -> str:
    """The id of the commit that the working copy at `folder` has checked out.

    Raises:
        RevisionNotFound: it is no working copy, or has no commit yet.
    """
    try:
        return str(pygit2.Repository(str(folder), RepositoryOpenFlag.NO_SEARCH).head.target)
    except pygit2.GitError as error:
        raise RevisionNotFound(f"{folder} is no working copy with a commit: {error}") from error
