"""Objects that may be wrong in one field: each of a given one replaced, doubled, added or taken away."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from variations import Body, Path, Schema, with_value

TEXTS = (
    "",
    "x",
    "A b",
    "x" * 64,
    "x" * 260,
    "-x",
    "../x",
    "x/y/z",
    "*",
    "9",
    "1GB",
    "-1",
    "150%",
    "x.Y",
    "0.5",
)
NUMBERS = (-1, 0, 1, 2, 70_000, 2**31, "x")
KEYS = ("a b", "..x", "x" * 64, "-", "/x")
FIXED = frozenset({("apiVersion",), ("kind",), ("metadata",), ("metadata", "namespace")})
OWN = frozenset(
    {"managedFields", "creationTimestamp", "generation", "resourceVersion", "uid", "generateName", "selfLink"}
)
"""What the API server writes itself, or takes away before it looks."""


@dataclass(frozen=True)
class Mutation:
    """What was done to the field at `path`, and what came of it."""

    path: Path
    what: str
    body: Body

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))} {self.what}"


def mutations(body: Body, schema: Schema) -> Iterator[Mutation]:
    """Every field of `body` made another in every way that is known, one at a time."""
    for path, value in _parts(body):
        if path in FIXED:
            continue
        yield Mutation(path, "removed", with_value(body, path, None))
        for other in _wrong(value):
            yield Mutation(path, f"= {str(other)[:20]!r}", with_value(body, path, other))
    for path, value in [*_parts(body), ((), body)]:
        if not isinstance(value, dict):
            continue
        known = schema.at(path).resolved
        for name in known.get("properties", {}):
            if name not in value and name not in OWN and (path or name not in {"status", "metadata"}):
                for added in _added(schema.at((*path, name))):
                    yield Mutation(
                        (*path, name), f"+ {str(added)[:20]!r}", with_value(body, (*path, name), added)
                    )
        if known.get("additionalProperties"):
            for key in KEYS:
                some = next(iter(value.values()), "x")
                yield Mutation((*path, key), "named", with_value(body, (*path, key), some))


def _parts(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        yield from _parts(inner, (*path, step))
    if path and path[0] != "status":
        yield path, value


def _wrong(value: Any) -> list[Any]:
    match value:
        case bool():
            return [not value]
        case int():
            return [each for each in NUMBERS if each != value]
        case str():
            return [each for each in TEXTS if each != value]
        case list():
            return [[], *([[*value, value[0]]] if value else [])]
        case dict():
            return [{}]
        case _:
            return []


def _added(schema: Schema) -> list[Any]:
    root = schema.resolved
    match root.get("type"):
        case "string":
            return [*root.get("enum", ())[:1], "x", "A b", "1", "/x", "-1", "10.0.0.9"]
        case "integer" | "number":
            return [-1, 0, 1, 70_000]
        case "boolean":
            return [True, False]
        case "array":
            items = _added(Schema(root["items"], schema.components))
            return [[], *([each] for each in items), *([each, each] for each in items[:1])]
        case "object" if "properties" in root:
            return [{}, *schema.values()]
        case "object":
            return [{}, {"a": "b"}, {"a b": "c"}]
        case _:
            return ["1", "-1", "150%", 0]
