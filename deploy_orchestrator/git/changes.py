from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pygit2
from pygit2.enums import FileMode

from deploy_orchestrator.git.commit import Ident
from deploy_orchestrator.git.errors import UnsafeTree
from deploy_orchestrator.git.paths import parts_of

_Node = dict[str, "bytes | str | _Node | None"]
"""What becomes of each name: a file of these bytes, the folder of this id, a folder with that, or nothing."""


@dataclass(frozen=True, slots=True)
class Changes:
    """One commit to be: `deletes` (files, or folders with all in them) go first, then `writes` are written,
    and each of the `folders`, by its Git id (see `Tree.folder`), is put in place of what is at its path.

    `author` None stands for the repository's own identity. Of a signed commit the signer is the author.
    """

    message: str
    writes: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    deletes: Collection[str] = ()
    folders: Mapping[str, str] = field(default_factory=dict[str, str])
    author: Ident | None = None


def apply(objects: pygit2.Repository, root: str, changes: Changes) -> str:
    """The tree that `changes` turn the tree `root` into. Only folders that change are read, and made anew.

    Raises:
        UnsafeTree: a path that no commit may hold, or one that is both a file and a folder.
    """
    before = objects[root].peel(pygit2.Tree)
    without = _rebuilt(objects, before, _nested(dict.fromkeys(changes.deletes)), before)
    result = _rebuilt(objects, without, _nested({**changes.writes, **changes.folders}), before)
    return str(result.id)


def folder_with(objects: pygit2.Repository, files: Mapping[str, bytes], before: pygit2.Tree | None) -> str:
    """The id of a folder with these `files`, by their names; what stood in `before` is not stored again."""
    return str(_rebuilt(objects, None, _nested(files), before).id)


def empty_tree(objects: pygit2.Repository) -> str:
    return str(objects.TreeBuilder().write())


def _nested(changes: Mapping[str, bytes | str | None]) -> _Node:
    root: _Node = {}
    for path, content in sorted(changes.items(), key=lambda change: change[0]):
        steps = parts_of(path)
        if not steps:
            raise UnsafeTree("the root of a repository cannot be written or deleted")
        node: bytes | str | _Node | None = root
        for folder in steps[:-1]:
            if isinstance(node, dict):
                node = node.setdefault(folder, {})
        if isinstance(node, dict):
            node[steps[-1]] = content
        elif node is not None:
            raise UnsafeTree(f"both a file and a folder: {path!r}")
    return root


def _rebuilt(
    objects: pygit2.Repository, tree: pygit2.Tree | None, changes: _Node, before: pygit2.Tree | None
) -> pygit2.Tree:
    """`tree` with `changes`; what stood in `before` already is not stored again."""
    builder = objects.TreeBuilder(tree) if tree else objects.TreeBuilder()
    for name, change in changes.items():
        entry = tree[name] if tree and name in tree else None
        stood = before[name] if before and name in before else None
        if isinstance(change, bytes):
            stays = stood is not None and stood.id == pygit2.hash(change)
            builder.insert(name, stood.id if stood and stays else objects.create_blob(change), FileMode.BLOB)
            continue
        if isinstance(change, str):
            builder.insert(name, change, FileMode.TREE)
            continue
        if change is not None:
            below = _rebuilt(objects, _folder(entry), change, _folder(stood))
            if len(below):
                builder.insert(name, below.id, FileMode.TREE)
                continue
            if not isinstance(entry, pygit2.Tree):
                continue
        if entry is not None:
            builder.remove(name)
    return objects[builder.write()].peel(pygit2.Tree)


def _folder(entry: pygit2.Object | None) -> pygit2.Tree | None:
    return entry if isinstance(entry, pygit2.Tree) else None
