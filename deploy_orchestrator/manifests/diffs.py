"""What changes between two sets of manifests: objects, their fields, and a text to look at."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, cast

from deploy_orchestrator import documents
from deploy_orchestrator.fleet import Destination
from deploy_orchestrator.manifests import lists, secrets
from deploy_orchestrator.manifests.fields import NamedPath, dotted
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.kinds import is_built_in
from deploy_orchestrator.manifests.objects import Manifests, Object

MAX_LINES: Final = 5_000


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs. None stands for absent, as null does in Kubernetes; secret values are hidden.

    A step of `path` is a field's name, `[identity]` of a keyed list's item, or `[index]` in another list:
    `("spec", "template", "spec", "containers", "[postgres]", "image")`.
    """

    path: NamedPath
    before: Any
    after: Any

    @property
    def field(self) -> str:
        """The path as people write it: `spec.template.spec.containers[postgres].image`."""
        return dotted(self.path)


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """An object that stays and differs: `before` and `after` with their secrets, `fields` without."""

    key: ObjectKey
    before: Object
    after: Object
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """What becomes of one set of manifests in another, each part in the order of the keys.

    `reordered` are objects whose bytes differ only in an order that means nothing, or in null for absent.
    `moved` is where all of it goes from and to, None where it stays where it is.
    """

    added: tuple[Object, ...]
    removed: tuple[Object, ...]
    changed: tuple[ObjectChange, ...]
    reordered: tuple[ObjectKey, ...] = ()
    moved: tuple[Destination, Destination] | None = None

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.moved)

    def between(self, before: Destination | None, after: Destination | None) -> "Diff":
        """The same with what the destinations differ in; None where nothing was, or that is not known.

        Where all stays, an object of a custom kind that comes to name its namespace, or no longer does, is
        the same: Argo CD gives it the Application's (`DeduplicateTargetObjects` in its source).
        """
        if before is None or after is None or before.is_at(after):
            return _at_home(self, after.namespace) if after else self
        return replace(self, moved=(before, after))

    def unified(self) -> str:
        """Text for a ```diff block: each object as YAML, secrets hidden, three lines around a change."""
        sides: dict[ObjectKey, tuple[Object | None, Object | None]] = {
            **{each.key: (None, each) for each in self.added},
            **{each.key: (each, None) for each in self.removed},
            **{each.key: (each.before, each.after) for each in self.changed},
        }
        objects = "".join(_unified(key, *sides[key]) for key in sorted(sides))
        return (_moved(*self.moved) if self.moved else "") + objects


def diff(before: Manifests | None, after: Manifests) -> Diff:
    """What changes from `before` (None: nothing was there) to `after`."""
    old: Mapping[ObjectKey, Object] = before.by_key if before else {}
    new = after.by_key
    differing = [key for key in new if key in old and old[key].canonical != new[key].canonical]
    changes = [ObjectChange(key, old[key], new[key], _fields(old[key], new[key])) for key in differing]
    return Diff(
        added=tuple(new[key] for key in new if key not in old),
        removed=tuple(old[key] for key in old if key not in new),
        changed=tuple(change for change in changes if change.fields),
        reordered=tuple(change.key for change in changes if not change.fields),
    )


def _at_home(difference: Diff, namespace: str) -> Diff:
    added = {(each.key.group, each.kind, each.name, each.namespace): each for each in difference.added}
    found: dict[ObjectKey, ObjectChange] = {}
    for old in difference.removed:
        other = {None: namespace, namespace: None}.get(old.namespace, old.namespace)
        new = added.get((old.key.group, old.kind, old.name, other))
        if new is not None and not is_built_in(old.key.group):
            found[old.key] = ObjectChange(new.key, old, new, _fields(old, new))
    if not found:
        return difference
    named = {change.key for change in found.values()}
    return replace(
        difference,
        added=tuple(each for each in difference.added if each.key not in named),
        removed=tuple(each for each in difference.removed if each.key not in found),
        changed=tuple(sorted((*difference.changed, *found.values()), key=lambda change: change.key)),
    )


def _fields(before: Object, after: Object) -> tuple[FieldChange, ...]:
    compare = _Comparison(sets=is_built_in(after.key.group))
    return tuple(compare((), secrets.hidden(before), secrets.hidden(after, before)))


@dataclass(frozen=True, slots=True)
class _Comparison:
    sets: bool

    def __call__(self, path: NamedPath, before: Any, after: Any) -> Iterator[FieldChange]:
        if isinstance(before, dict) and isinstance(after, dict):
            old, new = cast(dict[str, Any], before), cast(dict[str, Any], after)
            for name in sorted({**old, **new}):
                yield from self((*path, name), old.get(name), new.get(name))
        elif isinstance(before, list) and isinstance(after, list):
            yield from self._lists(path, cast(list[Any], before), cast(list[Any], after))
        elif not _equal(before, after):
            yield FieldChange(path, before, after)

    def _lists(self, path: NamedPath, before: list[Any], after: list[Any]) -> Iterator[FieldChange]:
        if names := lists.identities(path[-1], before, after):
            yield from self._keyed(path, before, after, *names)
        elif self.sets and lists.is_set(path):
            gone, come = _without(before, after), _without(after, before)
            yield from self._items(path, gone, come, whole=(before, after))
        else:
            yield from self._items(path, before, after, whole=(before, after))

    def _items(
        self, path: NamedPath, before: list[Any], after: list[Any], *, whole: tuple[list[Any], list[Any]]
    ) -> Iterator[FieldChange]:
        if all(isinstance(item, dict | list) for item in (*before, *after)):
            for index in range(max(len(before), len(after))):
                place = _place(before, after, index, *whole)
                yield from self((*path, f"[{place}]"), _item(before, index), _item(after, index))
        elif not _equal(before, after):
            yield FieldChange(path, *whole)

    def _keyed(
        self, path: NamedPath, before: list[Any], after: list[Any], old_names: list[str], new_names: list[str]
    ) -> Iterator[FieldChange]:
        old = dict(zip(old_names, before, strict=True))
        new = dict(zip(new_names, after, strict=True))
        for name in {**old, **new}:
            yield from self((*path, f"[{name}]"), old.get(name), new.get(name))
        kept = [name for name in old if name in new] != [name for name in new if name in old]
        if kept and (not self.sets or lists.order_counts(path[-1], before, after)):
            yield FieldChange(path, old_names, new_names)


def _place(
    before: list[Any], after: list[Any], index: int, all_before: list[Any], all_after: list[Any]
) -> int:
    return all_after.index(after[index]) if index < len(after) else all_before.index(before[index])


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else None


def _without(items: list[Any], others: list[Any]) -> list[Any]:
    left = list(others)
    remaining: list[Any] = []
    for item in items:
        if (found := next((index for index, other in enumerate(left) if _equal(item, other)), None)) is None:
            remaining.append(item)
        else:
            del left[found]
    return remaining


def _equal(before: Any, after: Any) -> bool:
    """Equal as JSON: unlike in Python, `true` is not 1."""
    if isinstance(before, list) and isinstance(after, list):
        ours, theirs = cast(list[Any], before), cast(list[Any], after)
        return len(ours) == len(theirs) and all(map(_equal, ours, theirs))
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast(dict[str, Any], before), cast(dict[str, Any], after)
        return old.keys() == new.keys() and all(_equal(value, new[name]) for name, value in old.items())
    return isinstance(before, bool) == isinstance(after, bool) and before == after


def _unified(key: ObjectKey, before: Object | None, after: Object | None) -> str:
    old = secrets.hidden(before) if before else None
    new = secrets.hidden(after, before) if after else None
    new = _aligned((), old, new, sets=is_built_in(key.group))
    old_lines, new_lines = _lines(old), _lines(new)
    names = (f"a/{key.file}" if before else "/dev/null", f"b/{key.file}" if after else "/dev/null")
    if len(old_lines) + len(new_lines) > MAX_LINES:
        size = f"{len(old_lines):,} lines before and {len(new_lines):,} after, too many to compare here"
        return f"--- {names[0]}\n+++ {names[1]}\n@@ {size} @@\n"
    return "".join(f"{line}\n" for line in difflib.unified_diff(old_lines, new_lines, *names, lineterm=""))


def _moved(before: Destination, after: Destination) -> str:
    old, new = (_lines(asdict(each)) for each in (before, after))
    lines = difflib.unified_diff(old, new, "a/destination", "b/destination", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _lines(body: Any) -> list[str]:
    return documents.dump(body).decode().splitlines() if body is not None else []


def _aligned(path: NamedPath, before: Any, after: Any, *, sets: bool) -> Any:
    """`after` with each list whose order means nothing in the order of `before`."""
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast(dict[str, Any], before), cast(dict[str, Any], after)
        return {name: _aligned((*path, name), old.get(name), value, sets=sets) for name, value in new.items()}
    if not isinstance(before, list) or not isinstance(after, list):
        return after
    ours, theirs = cast(list[Any], before), cast(list[Any], after)
    field = path[-1] if path else ""
    if names := lists.identities(field, ours, theirs):
        old, new = (
            dict(zip(each, items, strict=True)) for each, items in zip(names, (ours, theirs), strict=True)
        )
        fixed = not sets or lists.order_counts(field, ours, theirs)
        order = new if fixed else [name for name in {**old, **new} if name in new]
        return [_aligned((*path, f"[{name}]"), old.get(name), new[name], sets=sets) for name in order]
    if sets and path and lists.is_set(path):
        gone, come = _without(ours, theirs), _without(theirs, ours)
        return [*_without(ours, gone), *come]
    return theirs
