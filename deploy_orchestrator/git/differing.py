"""Which files differ between two commits' trees: only folders that have another id are opened."""

from collections.abc import Iterator
from dataclasses import dataclass

import pygit2
from pygit2.enums import FileMode

_Entry = tuple[pygit2.Oid, int]


@dataclass(frozen=True, slots=True)
class Differing:
    """A file, link or submodule that is `before` or `after`, and not the same in both."""

    path: str
    before: bool
    after: bool


def differing(objects: pygit2.Repository, commit: str) -> Iterator[Differing]:
    """What the commit with this id changes against its first parent."""
    made = objects[commit].peel(pygit2.Commit)
    first = made.parents[0].tree_id if made.parents else None
    waiting: list[tuple[str, pygit2.Oid | None, pygit2.Oid | None]] = [("", first, made.tree_id)]
    while waiting:
        folder, before, after = waiting.pop()
        old, new = _listed(objects, before), _listed(objects, after)
        for name in {name for name, _ in old.items() ^ new.items()}:
            path = folder + name.decode(errors="surrogateescape")
            was, now = old.get(name), new.get(name)
            if _is_file(was) or _is_file(now):
                yield Differing(path, _is_file(was), _is_file(now))
            if _folder(was) or _folder(now):
                waiting.append((f"{path}/", _folder(was), _folder(now)))


def _is_file(entry: _Entry | None) -> bool:
    return entry is not None and entry[1] != FileMode.TREE


def _folder(entry: _Entry | None) -> pygit2.Oid | None:
    return entry[0] if entry and entry[1] == FileMode.TREE else None


def _listed(objects: pygit2.Repository, folder: pygit2.Oid | None) -> dict[bytes, _Entry]:
    tree = () if folder is None else objects[folder].peel(pygit2.Tree)
    return {each.raw_name or b"": (each.id, each.filemode) for each in tree}
