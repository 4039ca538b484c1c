"""What changes between two sets of manifests: objects, and their fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from deploy_orchestrator.fleet import Destination
from deploy_orchestrator.manifests import lists, secrets
from deploy_orchestrator.manifests.changes import FieldChange, ObjectChange
from deploy_orchestrator.manifests.diff_text import CONTEXT, moved_text, objects_text
from deploy_orchestrator.manifests.fields import NamedPath
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.kinds import is_built_in
from deploy_orchestrator.manifests.objects import Manifests, Object


@dataclass(frozen=True, slots=True)
class Diff:
    """What becomes of one set of manifests in another, each part in the order of the keys.

    `reordered` are objects whose bytes differ only in an order that means nothing, or in null for absent.
    `moved` is where all of it goes from and to, and how; None where that stays as it is.
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
        if before is None or after is None:
            return _at_home(self, after.namespace) if after else self
        found = _at_home(self, after.namespace) if before.is_at(after) else self
        return found if before.is_same(after) else replace(found, moved=(before, after))

    def unified(self, context: int = CONTEXT) -> str:
        """Text for a ```diff block: each object as YAML, secrets hidden, `context` lines around a change.

        Lines that begin with `#` tell what stands for many: objects of which only labels with a version
        differ, and one that goes while another comes that is much the same.
        """
        where = moved_text(*self.moved) if self.moved else ""
        return where + objects_text(self.added, self.removed, self.changed, context)


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
                was, now = old.get(name), new.get(name)
                if not (isinstance(was, str) and was == now):
                    yield from self((*path, name), was, now)
        elif isinstance(before, list) and isinstance(after, list):
            yield from self._lists(path, cast(list[Any], before), cast(list[Any], after))
        elif not lists.equal(before, after):
            yield FieldChange(path, before, after)

    def _lists(self, path: NamedPath, before: list[Any], after: list[Any]) -> Iterator[FieldChange]:
        if names := lists.identities(path[-1], before, after):
            yield from self._keyed(path, before, after, *names)
        elif self.sets and lists.is_set(path, before, after):
            gone, come = lists.without(before, after), lists.without(after, before)
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
        elif not lists.equal(before, after):
            yield FieldChange(path, *whole)

    def _keyed(
        self, path: NamedPath, before: list[Any], after: list[Any], old_names: list[str], new_names: list[str]
    ) -> Iterator[FieldChange]:
        old = dict(zip(old_names, before, strict=True))
        new = dict(zip(new_names, after, strict=True))
        for name in {**old, **new}:
            yield from self((*path, f"[{name}]"), old.get(name), new.get(name))
        kept = [name for name in old if name in new] != [name for name in new if name in old]
        if kept and (not self.sets or lists.order_counts(path, before, after)):
            yield FieldChange(path, old_names, new_names)


def _place(
    before: list[Any], after: list[Any], index: int, all_before: list[Any], all_after: list[Any]
) -> int:
    return all_after.index(after[index]) if index < len(after) else all_before.index(before[index])


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else None
