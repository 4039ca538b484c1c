"""What each commit touches, told within bounds whoever pushed it: folders are opened one level deep."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pygit2
from pygit2.enums import FileMode

from deploy_orchestrator.git import command
from deploy_orchestrator.git.errors import GitError, TooMuchHistory
from deploy_orchestrator.git.objects import ObjectStore
from deploy_orchestrator.terms import is_commit_id

MAX_COMMITS: Final = 200_000
MAX_FOLDER: Final = 16 * 2**20
"""Bytes that Git needs to list a folder: some 175,000 folders that are called after a digest."""
MAX_TOUCHED: Final = 1_000
"""Entries of one folder that one commit changes."""

_AT_ONCE: Final = 128 * 2**20
_WALK_LIMIT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Touched:
    """A commit, whether it is a `merge`, and what it changes against its first parent, sorted.

    Of a folder that was to be opened these are its entries that differ, as `folder/entry`; any other, and one
    that is over the bounds, is told by its own name. `paths` is None where the root is over the bounds.
    """

    commit: str
    merge: bool
    paths: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _Step:
    commit: str
    parents: tuple[str, ...]
    weight: int


def touched(store: ObjectStore, to: str, since: str | None, opened: Callable[[str], bool]) -> list[Touched]:
    """See `History.touched`."""
    found: list[Touched] = []
    for together in _batches(_steps(store, to, since)):
        differing = _differing(store, [each for each in together if each.weight <= MAX_FOLDER])
        found += (
            Touched(each.commit, len(each.parents) > 1, _paths(store, differing.get(each.commit), opened))
            for each in together
        )
    return found


def on_the_way(store: ObjectStore, to: str, since: str | None) -> str:
    """See `History.on_the_way`."""
    listed = _run(store, ["rev-list", "--topo-order", "--reverse", to, *([f"^{since}"] if since else [])])
    return listed.split()[:MAX_COMMITS][-1]


_Entries = list[tuple[str, str | None, str | None]]
"""What differs in a root: its name, and the ids of the folders that are there before and after."""


def _steps(store: ObjectStore, to: str, since: str | None) -> list[_Step]:
    """The commits, oldest first, with what listing their own root and the one before takes."""
    listed = _run(
        store,
        [
            "rev-list",
            "--topo-order",
            "--parents",
            f"--max-count={MAX_COMMITS + 1}",
            to,
            *([f"^{since}"] if since else []),
        ],
    )
    lines = [line.split() for line in reversed(listed.splitlines())]
    if len(lines) > MAX_COMMITS:
        raise TooMuchHistory(
            f"more than {MAX_COMMITS:,} commits up to {to}",
            fix="find out who pushed them; the next look carries on",
        )
    wanted = list(dict.fromkeys(each for line in lines for each in line[:2]))
    sizes = _run(
        store,
        ["cat-file", "--batch-check=%(objectsize)"],
        "".join(f"{commit}^{{tree}}\n" for commit in wanted),
    )
    weights = {commit: _size(commit, line) for commit, line in zip(wanted, sizes.splitlines(), strict=True)}
    return [
        _Step(commit, tuple(parents), max(weights[each] for each in (commit, *parents[:1])))
        for commit, *parents in lines
    ]


def _size(commit: str, said: str) -> int:
    if not said.isdigit():
        raise GitError(f"the content of {commit} is missing")
    return int(said)


def _batches(steps: Sequence[_Step]) -> Iterator[Sequence[_Step]]:
    heaviest = max((min(each.weight, MAX_FOLDER) for each in steps), default=1)
    size = max(1, _AT_ONCE // max(1, heaviest))
    for start in range(0, len(steps), size):
        yield steps[start : start + size]


def _differing(store: ObjectStore, steps: Sequence[_Step]) -> dict[str, _Entries]:
    pairs = "".join(f"{' '.join((each.commit, *each.parents[:1]))}\n" for each in steps)
    output = _run(
        store, ["diff-tree", "--stdin", "--root", "--raw", "-z", "--no-renames", "--no-abbrev"], pairs
    )
    found: dict[str, _Entries] = {each.commit: [] for each in steps}
    tokens = iter(output.split("\0")[:-1])
    commit = ""
    for token in tokens:
        if is_commit_id(token):
            commit = token
            continue
        modes = token.removeprefix(":").split()
        before, after = (
            each if int(mode, 8) == FileMode.TREE else None
            for mode, each in zip(modes[:2], modes[2:4], strict=True)
        )
        found[commit].append((next(tokens), before, after))
    return found


def _paths(
    store: ObjectStore, entries: _Entries | None, opened: Callable[[str], bool]
) -> tuple[str, ...] | None:
    if entries is None or len(entries) > MAX_TOUCHED:
        return None
    found: list[str] = []
    for name, before, after in entries:
        inner = _inner(store.open(), before, after) if opened(name) and (before or after) else None
        found += [name] if inner is None else [f"{name}/{each}" for each in inner]
    return tuple(sorted(found))


def _inner(objects: pygit2.Repository, before: str | None, after: str | None) -> list[str] | None:
    """The entries that differ between two folders; None where that is over the bounds."""
    if any(each and objects.odb.read_header(each)[1] > MAX_FOLDER for each in (before, after)):
        return None
    old, new = (_listed(objects, each) for each in (before, after))
    differ = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    return None if len(differ) > MAX_TOUCHED else differ


def _listed(objects: pygit2.Repository, folder: str | None) -> dict[str, tuple[str, int]]:
    tree = objects[folder].peel(pygit2.Tree) if folder else ()
    return {
        (each.raw_name or b"").decode(errors="surrogateescape"): (str(each.id), each.filemode)
        for each in tree
    }


def _run(store: ObjectStore, arguments: Sequence[str], given: str | None = None) -> str:
    encoded = None if given is None else given.encode()
    result = command.run(arguments, repository=store.path, input=encoded, limit=_WALK_LIMIT)
    if result.code:
        raise GitError(f"the history cannot be read: {result.errors.strip()}")
    return result.output.decode(errors="surrogateescape")
