"""Which values a chart reads, so that a misspelt one is noticed.

Told from the text alone, and on the side of silence: a value counts as read if the chart has a default or
a schema for it, or if any template of the chart or of its dependencies names it or what is around it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deploy_orchestrator.charts import Chart, Dependency
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.fields import NamedPath

Reads = Mapping[str, "Reads"] | None
"""What is read below each field; None where all of it is."""

_LOOKED_UP = re.compile(r'\b(?:index|get|hasKey)\s+[$.\w]*\bValues((?:\s+"(?:[^"\\]|\\.)*")+)')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAMED = re.compile(r"\bValues\b((?:\.\w+)*)")


def reads(chart: Chart, actions: Iterable[str]) -> Reads:
    """What is read of the values that may be given to `chart`, those of its dependencies below their names.

    `actions` are the template actions of the chart, its dependencies and its default values.
    """
    named = set[NamedPath]()
    for action in actions:
        for found in _LOOKED_UP.finditer(action):
            named.add(tuple(_strings(found[1])))
        for found in _NAMED.finditer(_LOOKED_UP.sub("", action)):
            named.add(tuple(found[1].split(".")[1:]))
    return _below(chart, named)


def _strings(text: str) -> Iterator[str]:
    """Those that Go and JSON write alike, up to one that they do not: of what is there all may be read."""
    for literal in _STRING.findall(text):
        try:
            yield json.loads(literal)
        except ValueError:
            return


def unread(values: Any, known: Reads, path: NamedPath = ()) -> Iterator[tuple[NamedPath, Iterable[str]]]:
    """The path of each field of `values` that is not read, with the names that are known beside it."""
    for name, value in untyped.mapping(values).items():
        if known is None or value is None:
            continue
        if name not in known:
            yield (*path, name), known
        else:
            yield from unread(value, known[name], (*path, name))


def _below(chart: Chart, named: Iterable[NamedPath]) -> Reads:
    known: Reads = {name: _of_default(value) for name, value in chart.values.items()}
    dependencies = chart.metadata.dependencies
    for path in (("global",), ("tags",), *named, *_of_schema(chart.schema), *_asked_by(dependencies)):
        known = _with(known, path)
    for subchart in chart.subcharts:
        keys = [each.key for each in dependencies if each.name == subchart.name] or [subchart.name]
        for key in keys:
            known = _union(known, {key: _below(subchart, named)})
    return known


def _of_default(value: Any) -> Reads:
    return {name: _of_default(below) for name, below in untyped.mapping(value).items()} or None


def _of_schema(schema: Any, path: NamedPath = ()) -> Iterator[NamedPath]:
    for name, below in untyped.mapping(untyped.mapping(schema).get("properties")).items():
        inner = list(_of_schema(below, (*path, name)))
        yield from inner or [(*path, name)]


def _asked_by(dependencies: Iterable[Dependency]) -> Iterator[NamedPath]:
    for dependency in dependencies:
        for condition in dependency.condition.split(","):
            yield tuple(condition.strip().split("."))
        for imported in dependency.import_values:
            parent = untyped.mapping(imported).get("parent")
            if isinstance(parent, str):
                yield tuple(parent.split("."))


def _with(known: Reads, path: NamedPath) -> Reads:
    if known is None or not path:
        return None
    first, *rest = path
    return {**known, first: _with(known.get(first, {}), tuple(rest))}


def _union(one: Reads, other: Reads) -> Reads:
    if one is None or other is None:
        return None
    both = {name: _union(one[name], other[name]) for name in one.keys() & other.keys()}
    return {**one, **other, **both}
