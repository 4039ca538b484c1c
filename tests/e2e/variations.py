"""Objects that differ from a given one in one field, of all that the API server's schema tells."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]
Path = tuple[str | int, ...]

TEXTS = (
    "{}x",
    "{}2",
    "2{}",
    "20Gi",
    "YWI=",
    "10.0.0.78",
    "no.example",
    "50%",
    "10.8.0.0/24",
    "https://other.example/",
)
WORDS = ("x", "1", "10.0.0.5", "2030-01-01T00:00:00Z", "YQ==")
NAMES = frozenset(
    {("metadata",), ("metadata", "name"), ("metadata", "namespace"), ("apiVersion",), ("kind",)}
)
PODS_TRIED_IN = frozenset({"Pod", "Job"})


@dataclass(frozen=True)
class Schema:
    """The schema of one kind, with what it refers to."""

    root: Body
    components: Body

    def at(self, path: Path) -> "Schema":
        found = self
        for step in path:
            root = found.resolved
            below = root.get("items") if isinstance(step, int) else root.get("properties", {}).get(step)
            found = Schema(below or {}, self.components)
        return found

    @property
    def resolved(self) -> Body:
        root = self.root
        while True:
            if "$ref" in root:
                root = self.components[root["$ref"].rpartition("/")[2]]
            elif len(root.get("allOf", ())) == 1:
                root = {**root["allOf"][0], **{key: value for key, value in root.items() if key != "allOf"}}
            else:
                return root

    def values(self, depth: int = 0) -> list[Any]:
        """Some values that may be valid."""
        root = self.resolved
        if "enum" in root:
            return root["enum"][:1]
        match root.get("type"):
            case "string":
                return ["10Gi"] if root.get("format") == "quantity" else list(WORDS)
            case "integer" | "number":
                return [1, 2]
            case "boolean":
                return [True, False]
            case "array":
                return [[item] for item in Schema(root["items"], self.components).values(depth + 1)[:3]]
        if "properties" in root and depth < 5:
            needed = {name: self.at((name,)).values(depth + 1) for name in root.get("required", ())}
            return [{name: found[0] for name, found in needed.items()}] if all(needed.values()) else []
        if "additionalProperties" in root:
            inner = Schema(root["additionalProperties"], self.components)
            return [{"key": value} for value in inner.values(depth + 1)[:1]]
        return [1, "50%"] if "oneOf" in root else []


@dataclass(frozen=True)
class Variation:
    """What stands at `path` is `added`, `changed` or `removed`; the first valid one of `bodies` is meant."""

    path: Path
    what: str
    bodies: tuple[Body, ...]

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))} {self.what}"


def variations(body: Body, schema: Schema) -> Iterator[Variation]:
    """Every field of `body` taken away or changed, and every field added that its schema has besides."""
    for path, value in _parts(body):
        if path in NAMES:
            continue
        yield Variation(path, "removed", (with_value(body, path, None),))
        if not isinstance(value, dict | list):
            others = _others(value, schema.at(path).resolved)
            yield Variation(path, "changed", tuple(with_value(body, path, other) for other in others))
    for path, value in [*_parts(body), ((), body)]:
        if not isinstance(value, dict) or path[:1] == ("metadata",):
            continue
        if "template" in path and body["kind"] not in PODS_TRIED_IN:
            continue
        for name in schema.at(path).resolved.get("properties", {}):
            if name not in value and (path or name not in {"status", "metadata"}):
                new = (*path, name)
                bodies = tuple(with_value(body, new, each) for each in schema.at(new).values())
                yield Variation(new, "added", bodies)


def _parts(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        yield from _parts(inner, (*path, step))
    if path:
        yield path, value


def _others(value: Any, schema: Body) -> list[Any]:
    if "enum" in schema:
        return [each for each in schema["enum"] if each != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, max(value - 1, 0)]
    return [text.format(value) for text in TEXTS]


def value_at(body: Body, path: Path) -> Any:
    """What stands there, None where nothing does."""
    value: Any = body
    for step in path:
        value = value[step] if isinstance(step, int) else (value or {}).get(step)
    return value


def with_value(body: Body, path: Path, value: Any) -> Body:
    """The same object with `value` there; None takes away what stands there."""
    changed = copy.deepcopy(body)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = copy.deepcopy(value)
    return changed
