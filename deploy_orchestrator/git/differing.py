"""Which files differ between two folders: only what has another id is opened."""

from collections.abc import Iterator

import pygit2
from pygit2.enums import FileMode

_Entry = tuple[pygit2.Oid, int]


def differing(objects: pygit2.Repository, before: pygit2.Oid | None, after: pygit2.Oid) -> Iterator[str]:
    """The path of each file, link or submodule that one of two trees has and the other has not, or not as it
    is. Renames are both of their paths.
    """
    waiting: list[tuple[str, pygit2.Oid | None, pygit2.Oid | None]] = [("", before, after)]
    while waiting:
        folder, *sides = waiting.pop()
        old, new = (_listed(objects, each) for each in sides)
        for name in {name for name, _ in old.items() ^ new.items()}:
            path = folder + name.decode(errors="surrogateescape")
            pair = old.get(name), new.get(name)
            if any(each and each[1] != FileMode.TREE for each in pair):
                yield path
            folders = [each[0] if each and each[1] == FileMode.TREE else None for each in pair]
            if any(folders):
                waiting.append((f"{path}/", *folders))


def _listed(objects: pygit2.Repository, folder: pygit2.Oid | None) -> dict[bytes, _Entry]:
    tree = () if folder is None else objects[folder].peel(pygit2.Tree)
    return {each.raw_name or b"": (each.id, each.filemode) for each in tree}
