from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import pygit2
from pygit2.enums import FileMode

from deploy_orchestrator.errors import Place
from deploy_orchestrator.git.errors import UnsafeTree
from deploy_orchestrator.git.paths import MAX_DEPTH, is_safe_name

_Kind = TypeVar("_Kind", pygit2.Blob, pygit2.Tree)

MAX_FILE = 64 * 2**20
MAX_TOTAL = 512 * 2**20
MAX_ENTRIES = 100_000


@dataclass(frozen=True, slots=True)
class File:
    """A file or symbolic link, `path` being relative to the folder that was walked."""

    path: str
    mode: FileMode
    content: bytes


def walk(objects: pygit2.Repository, folder: pygit2.Tree, place: str) -> Iterator[File]:
    """Everything below `folder`, which stands at `place`, within the bounds above.

    Raises:
        UnsafeTree: a submodule, a name that no folder on disk may have, or out of bounds.
    """
    total = 0
    for path, entry in _entries(objects, folder, place):
        content = content_of(objects, entry, below(place, path))
        total += len(content)
        if total > MAX_TOTAL:
            raise UnsafeTree(f"more than {MAX_TOTAL:,} bytes", place=Place(place))
        yield File(path, FileMode(entry.filemode), content)


def _entries(objects: pygit2.Repository, folder: pygit2.Tree, place: str) -> list[tuple[str, pygit2.Object]]:
    found: list[tuple[str, pygit2.Object]] = []
    waiting = [("", folder)]
    count = 0
    while waiting:
        prefix, folder = waiting.pop()
        count += len(folder)
        if count > MAX_ENTRIES:
            raise UnsafeTree(f"more than {MAX_ENTRIES:,} files and folders", place=Place(place))
        for entry in folder:
            path = prefix + name_of(entry, place)
            if entry.filemode != FileMode.TREE:
                found.append((path, entry))
            elif path.count("/") >= MAX_DEPTH:
                raise UnsafeTree(f"nested deeper than {MAX_DEPTH} folders", place=Place(below(place, path)))
            else:
                waiting.append((path + "/", folder_of(objects, entry, below(place, path))))
    return found


def content_of(objects: pygit2.Repository, entry: pygit2.Object, place: str, limit: int = MAX_FILE) -> bytes:
    if entry.filemode == FileMode.COMMIT:
        raise submodule(place)
    try:
        _, size = objects.odb.read_header(entry.id)
    except KeyError as error:
        raise UnsafeTree("its content is missing", place=Place(place)) from error
    if size > limit:
        raise UnsafeTree(f"larger than {limit:,} bytes", place=Place(place))
    return _load(objects, entry, pygit2.Blob, place).data


def submodule(place: str) -> UnsafeTree:
    return UnsafeTree(
        "a submodule, whose files are not in this repository", place=Place(place), fix="commit the files"
    )


def folder_of(objects: pygit2.Repository, entry: pygit2.Object, place: str) -> pygit2.Tree:
    return _load(objects, entry, pygit2.Tree, place)


def name_of(entry: pygit2.Object, place: str) -> str:
    try:
        name = (entry.raw_name or b"").decode()
    except UnicodeDecodeError as error:
        raise UnsafeTree(f"a name that is not UTF-8: {entry.raw_name!r}", place=Place(place)) from error
    if not is_safe_name(name):
        raise UnsafeTree(f"a file or folder called {name!r}", place=Place(place))
    return name


def below(place: str, path: str) -> str:
    return f"{place}/{path}" if place else path


def _load(objects: pygit2.Repository, entry: pygit2.Object, kind: type[_Kind], place: str) -> _Kind:
    try:
        found = objects[entry.id]
    except (KeyError, pygit2.GitError) as error:
        raise UnsafeTree(f"its content is missing or broken: {error}", place=Place(place)) from error
    if not isinstance(found, kind):
        raise UnsafeTree("not what its folder says it is", place=Place(place))
    return found
