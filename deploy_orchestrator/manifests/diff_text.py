"""What changes, as people read it: objects as YAML side by side, and what says the same many times once."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.fleet import Destination
from deploy_orchestrator.manifests import lists, secrets
from deploy_orchestrator.manifests.changes import FieldChange, ObjectChange
from deploy_orchestrator.manifests.fields import NamedPath
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.kinds import is_built_in
from deploy_orchestrator.manifests.objects import Object
from deploy_orchestrator.manifests.yaml_lines import spelled_out, yaml_lines

CONTEXT: Final = 3
"""How many lines around a change are shown, where nobody asks for another number."""

MAX_LINES: Final = 5_000

_VERSIONS: Final = frozenset({"app.kubernetes.io/version", "chart", "helm.sh/chart"})
_NAMED_AT_MOST: Final = 12
_ALIKE: Final = 0.6
_PAIRED_AT_MOST: Final = 50


def moved_text(before: Destination, after: Destination) -> str:
    """Where all of it goes from and to."""
    old, new = (yaml_lines(each.as_json()) for each in (before, after))
    lines = difflib.unified_diff(old, new, "a/destination", "b/destination", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def objects_text(
    added: Sequence[Object], removed: Sequence[Object], changed: Sequence[ObjectChange], context: int
) -> str:
    """Each object as a unified diff of its YAML, secrets hidden, with `context` lines around a change.

    An object that goes while another of its kind comes that is much the same is compared with it, under a
    line that says so. Objects of which nothing but labels with a version differs are told together, in lines
    that begin with `#` at the end.
    """
    churning = {each.key: each for each in changed if all(map(_is_version, each.fields))}
    renamed = {old.key: new for old, new in _renamed(removed, added)}
    come = {each.key for each in renamed.values()}
    sides: dict[ObjectKey, tuple[Object | None, Object | None]] = {
        **{each.key: (None, each) for each in added if each.key not in come},
        **{each.key: (each, renamed.get(each.key)) for each in removed},
        **{each.key: (each.before, each.after) for each in changed if each.key not in churning},
    }
    texts = [_unified(*sides[key], context) for key in sorted(sides)]
    return "".join([*texts, *_versions(churning.values())])


def _unified(before: Object | None, after: Object | None, context: int) -> str:
    old = secrets.hidden(before) if before else None
    new = secrets.hidden(after, before) if after else None
    names = (
        f"a/{before.key.file}" if before else "/dev/null",
        f"b/{after.key.file}" if after else "/dev/null",
    )
    sets = all(is_built_in(each.key.group) for each in (before, after) if each)
    old_lines, new_lines = yaml_lines(old), yaml_lines(_aligned((), old, new, sets=sets))
    head = ""
    if before and after and before.key != after.key:
        same = f"{_likeness(Counter(old_lines), Counter(new_lines)):.0%}"
        head = f"# {before.key} goes and {after.key} comes, {same} of the lines are the same\n"
    if len(old_lines) + len(new_lines) > MAX_LINES:
        size = f"{len(old_lines):,} lines before and {len(new_lines):,} after, too many to compare here"
        return f"{head}--- {names[0]}\n+++ {names[1]}\n@@ {size} @@\n"
    lines = difflib.unified_diff(old_lines, new_lines, *names, lineterm="", n=context)
    return head + "".join(f"{spelled_out(line)}\n" for line in lines)


def _is_version(field: FieldChange) -> bool:
    return field.path[-2:-1] == ("labels",) and field.path[-1] in _VERSIONS


def _versions(changed: Iterable[ObjectChange]) -> Iterator[str]:
    together: defaultdict[frozenset[tuple[str, str, str]], list[str]] = defaultdict(list)
    for each in changed:
        labels = frozenset(
            (field.path[-1], str(field.before or "none"), str(field.after or "none")) for field in each.fields
        )
        pods = any(field.path[0] != "metadata" for field in each.fields)
        together[labels].append(f"{each.key}{' and its pods' if pods else ''}")
    for labels, objects in together.items():
        said = ", ".join(f"{label}: {old} → {new}" for label, old, new in sorted(labels))
        yield f"# {spelled_out(said)}, and nothing else, on {first_few(objects, _NAMED_AT_MOST)}\n"


def _renamed(removed: Sequence[Object], added: Sequence[Object]) -> Iterator[tuple[Object, Object]]:
    """Objects that go, each with the one that says much the same; Secrets are not looked into."""
    kinds: defaultdict[tuple[str, str], tuple[list[Object], list[Object]]] = defaultdict(lambda: ([], []))
    for side, objects in enumerate((removed, added)):
        for each in objects:
            kinds[each.key.group, each.kind][side].append(each)
    for (_, kind), (old, new) in kinds.items():
        if kind != "Secret" and old and new and max(len(old), len(new)) <= _PAIRED_AT_MOST:
            yield from _pairs(old, new)


def _pairs(old: Sequence[Object], new: Sequence[Object]) -> Iterator[tuple[Object, Object]]:
    lines = {each.key: Counter(yaml_lines(secrets.hidden(each))) for each in (*old, *new)}
    alike = [
        (likeness, before, after)
        for before in old
        for after in new
        if (likeness := _likeness(lines[before.key], lines[after.key])) >= _ALIKE
    ]
    taken: set[ObjectKey] = set()
    for _, before, after in sorted(alike, key=lambda each: (-each[0], each[1].key, each[2].key)):
        if not taken & {before.key, after.key}:
            taken |= {before.key, after.key}
            yield before, after


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    return (one & other).total() / max(one.total(), other.total(), 1)


def _aligned(path: NamedPath, before: Any, after: Any, *, sets: bool) -> Any:
    """`after` with each list whose order means nothing in the order of `before`."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        old, new = cast(Mapping[str, Any], before), cast(Mapping[str, Any], after)
        return {name: _aligned((*path, name), old.get(name), value, sets=sets) for name, value in new.items()}
    if not isinstance(before, list) or not isinstance(after, list):
        return after
    ours, theirs = cast(list[Any], before), cast(list[Any], after)
    field = path[-1] if path else ""
    if names := lists.identities(field, ours, theirs):
        old, new = (
            dict(zip(each, items, strict=True)) for each, items in zip(names, (ours, theirs), strict=True)
        )
        fixed = not sets or lists.order_counts(path, ours, theirs)
        order = new if fixed else [name for name in {**old, **new} if name in new]
        return [_aligned((*path, f"[{name}]"), old.get(name), new[name], sets=sets) for name in order]
    if sets and path and lists.is_set(path, ours, theirs):
        gone, come = lists.without(ours, theirs), lists.without(theirs, ours)
        return [*lists.without(ours, gone), *come]
    return theirs
