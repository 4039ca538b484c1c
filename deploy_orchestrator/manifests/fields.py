"""Paths to fields in objects, by name where the items of a list have one."""

from collections.abc import Iterable, Iterator
from typing import Any

from deploy_orchestrator.manifests import lists, untyped

NamedPath = tuple[str, ...]
"""A step is a field's name, `[identity]` of a keyed list's item, or `[index]` in another list."""


def dotted(path: Iterable[str]) -> str:
    """A path as people write it: `spec.template.spec.containers[postgres].image`."""
    text = ""
    for step in path:
        if step.startswith("["):
            text += step
        elif "." in step or "/" in step:
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text


def named(body: Any, path: Iterable[str | int]) -> NamedPath:
    """A path by field names and list indexes in `body`, with items by their identity if they have one."""
    steps: list[str] = []
    field = ""
    for step in path:
        if isinstance(step, str):
            body, field = untyped.mapping(body).get(step), step
            steps.append(step)
        else:
            entries = untyped.items(body)
            (names,) = lists.identities(field, entries) or [[]]
            steps.append(f"[{names[step] if step < len(names) else step}]")
            body = entries[step] if step < len(entries) else None
    return tuple(steps)


def standing_at(body: Any, path: Iterable[str]) -> Any:
    """What stands at a named path in `body`; None where nothing does."""
    field = ""
    for step in path:
        if not step.startswith("["):
            body, field = untyped.mapping(body).get(step), step
            continue
        entries = untyped.items(body)
        (names,) = lists.identities(field, entries) or [list(map(str, range(len(entries))))]
        body = dict(zip(names, entries, strict=False)).get(step[1:-1])
    return body


def nulls(body: Any) -> Iterator[NamedPath]:
    """Every field of `body` that says null, rather than nothing."""
    yield from _nulls(body, ())


def _nulls(value: Any, path: NamedPath) -> Iterator[NamedPath]:
    if value is None:
        yield path
    for name, below in untyped.mapping(value).items():
        yield from _nulls(below, (*path, name))
    if entries := untyped.items(value):
        (names,) = lists.identities(path[-1] if path else "", entries) or [map(str, range(len(entries)))]
        for name, below in zip(names, entries, strict=True):
            yield from _nulls(below, (*path, f"[{name}]"))
