import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from deploy_orchestrator.errors import Place
from deploy_orchestrator.git.changes import Changes, apply, folder_with
from deploy_orchestrator.git.errors import PathNotFound, UnsafeTree
from deploy_orchestrator.git.export import export
from deploy_orchestrator.git.objects import ObjectStore
from deploy_orchestrator.git.paths import parts_of
from deploy_orchestrator.git.revert import reverting
from deploy_orchestrator.git.walk import MAX_FILE, content_of, folder_of, name_of, submodule, walk


@dataclass(frozen=True, slots=True)
class Tree:
    """What a repository holds at `commit`; nothing at all where `commit` is None.

    Paths are relative to the root, `""` being the root itself. May be shared between threads and sent to
    another process. Every method raises UnsafeTree for a path that no commit may hold, such as one with
    `..` in it.
    """

    commit: str | None
    root: str
    store: ObjectStore

    def read(self, path: str, limit: int = MAX_FILE) -> bytes:
        """The file at `path`.

        Raises:
            PathNotFound: nothing is there, or a folder.
            UnsafeTree: a symbolic link or a submodule, or larger than `limit` bytes (64 MiB).
        """
        entry = self._entry(path)
        if entry is None or isinstance(entry, pygit2.Tree):
            raise self._missing(path, "file")
        if entry.filemode == FileMode.LINK:
            raise _link(path)
        return content_of(self.store.open(), entry, path, limit)

    def file_id(self, path: str) -> str | None:
        """The Git object id of the file at `path`; None where nothing is there. Raises as `read` for what is
        no file.
        """
        entry = self._entry(path)
        if entry is None:
            return None
        if isinstance(entry, pygit2.Tree):
            raise self._missing(path, "file")
        if entry.filemode == FileMode.LINK:
            raise _link(path)
        if not isinstance(entry, pygit2.Blob):
            raise submodule(path)
        return str(entry.id)

    def exists(self, path: str) -> bool:
        """Whether a file, a folder or anything else is at `path`."""
        return self._entry(path) is not None

    def names(self, path: str, *, files: bool = True) -> list[str]:
        """What lies directly in the folder at `path`, sorted; nothing where there is no such folder. Without
        `files` it is folders, links and submodules.

        A name that no folder may have, such as `..` or one that is not UTF-8, is left out: nothing can be
        asked by it.
        """
        return sorted(name for name, entry in self._listed(path) if files or not _is_file(entry))

    def ids(self, path: str) -> dict[str, str]:
        """The Git object ids of what `names` tells, by name."""
        return dict(sorted((name, str(entry.id)) for name, entry in self._listed(path)))

    def files(self, path: str) -> dict[str, bytes]:
        """All files below the folder at `path`, by their path relative to it, sorted; none where it is not
        there.

        Raises:
            UnsafeTree: as `read` for any of them, or more than 100,000 files, 512 MiB or 64 levels.
        """
        found: dict[str, bytes] = {}
        folder = self._entry(path)
        if isinstance(folder, pygit2.Tree):
            for file in walk(self.store.open(), folder, path):
                if file.mode == FileMode.LINK:
                    raise _link(f"{path}/{file.path}")
                found[file.path] = file.content
        return dict(sorted(found.items()))

    def link(self, path: str) -> str | None:
        """Where the symbolic link at `path` says that it leads to; None where there is no link."""
        entry = self._entry(path)
        if entry is None or entry.filemode != FileMode.LINK:
            return None
        return content_of(self.store.open(), entry, path, MAX_FILE).decode(errors="replace")

    def id(self, path: str) -> str | None:
        """The Git object id of the file or folder at `path`: the same content always has the same id."""
        entry = self._entry(path)
        return None if entry is None else str(entry.id)

    def export(self, path: str, into: Path) -> Path:
        """Puts the folder at `path` on disk as `into/<its id>` and returns that; what is there already is
        used again.

        The folder appears whole or not at all, and several processes may export to one place. Files keep
        whether they are executable. Symbolic links are kept if they lead to a place inside the folder.

        Raises:
            PathNotFound: no folder is there.
            UnsafeTree: a link that leads out, a submodule, a name such as `.git`, or out of the bounds of
            `files`.
        """
        folder = self._entry(path)
        if not isinstance(folder, pygit2.Tree):
            raise self._missing(path, "folder")
        target = into / str(folder.id)
        if not target.is_dir():
            export(walk(self.store.open(), folder, path), target, path)
        return target

    def changed(self, changes: Changes) -> "Tree":
        """This tree with `changes`, though no commit holds it: no branch leads there, here or elsewhere.

        Raises:
            UnsafeTree: a path that no commit may hold, or one that is both a file and a folder.
        """
        return replace(self, root=apply(self.store.open(), self.root, changes))

    def folder(self, files: Mapping[str, bytes], path: str) -> str:
        """The Git object id of a folder with these `files`, by their names, to be put at `path`. It is
        stored, though no commit holds it.

        Raises:
            UnsafeTree: a name that no commit may hold.
        """
        before = self._entry(path)
        return folder_with(self.store.open(), files, before if isinstance(before, pygit2.Tree) else None)

    def holds(self, changes: Changes) -> bool:
        """Whether `changes` change nothing. Raises UnsafeTree as `changed`."""
        return (
            all(self.id(path) == there for path, there in changes.folders.items())
            and all(self._has(path, data) for path, data in changes.writes.items())
            and not any(
                self.exists(path)
                for path in changes.deletes
                if path not in {**changes.writes, **changes.folders}
            )
        )

    def reverting(self, commit: str, paths: Collection[str] = ()) -> Changes:
        """What undoes the commit with this id here, as `git revert` would: a three-way merge of each file.

        `paths` (files or folders) limits it to what the commit changed there. A merge is undone towards its
        first parent. There are no writes and no deletes where everything is undone already.

        Raises:
            RevertConflict: what the commit changed has changed again since.
            GitError: there is no such commit.
        """
        return reverting(self.store.open(), self.root, commit, paths)

    def _entry(self, path: str) -> pygit2.Object | None:
        objects = self.store.open()
        entry: pygit2.Object = objects[self.root]
        for step in parts_of(path):
            if not isinstance(entry, pygit2.Tree) or step not in entry:
                return None
            entry = entry[step]
            if entry.filemode == FileMode.TREE:
                entry = folder_of(objects, entry, path)
        return entry

    def _has(self, path: str, data: bytes) -> bool:
        entry = self._entry(path)
        return isinstance(entry, pygit2.Blob) and entry.filemode == FileMode.BLOB and entry.data == data

    def _listed(self, path: str) -> Iterator[tuple[str, pygit2.Object]]:
        folder = self._entry(path)
        for entry in folder if isinstance(folder, pygit2.Tree) else ():
            with contextlib.suppress(UnsafeTree):
                yield name_of(entry, path), entry

    def _missing(self, path: str, kind: str) -> PathNotFound:
        return PathNotFound(f"no such {kind} at {self.commit or 'an empty branch'}", place=Place(path))


def _is_file(entry: pygit2.Object) -> bool:
    return isinstance(entry, pygit2.Blob) and entry.filemode != FileMode.LINK


def _link(path: str) -> UnsafeTree:
    return UnsafeTree("a symbolic link", place=Place(path), fix="commit the file itself in place of the link")
