"""The values in a YAML text, built from libyaml's events without recursion and within bounds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

import yaml

from deploy_orchestrator.documents.scalars import MERGE_TAG, UnreadableError, as_json, as_key, plain, tagged
from deploy_orchestrator.errors import OrchestratorError, Place
from deploy_orchestrator.terms import FieldPath

MAX_BYTES = 20_000_000
MAX_DEPTH = 100
MAX_NODES = 2_000_000
MAX_DUPLICATES = 100


class DocumentError(OrchestratorError, ValueError):
    """A text that is not YAML, is out of bounds, or does not fit its model."""


def dotted(field: Iterable[str | int]) -> str:
    """A field path as people write it: `environments[0].policy.soak`."""
    text = ""
    for step in field:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read_documents(
    text: str, file: str, lines: dict[FieldPath, int] | None = None
) -> Iterator[tuple[Any, tuple[Place, ...]]]:
    """Each document's value, with the place of every key that stands twice in one mapping.

    `lines`, if given, is filled with the line (from 1) of every field of the document last read; the caller
    clears it between documents.

    Raises:
        DocumentError: not YAML, or out of bounds.
    """
    builder = _Builder(file, lines)
    line = 1
    try:
        for event in _events(text):
            line = event.start_mark.line + 1
            builder.take(event, line)
            if type(event) is yaml.DocumentEndEvent:
                yield builder.root, tuple(builder.duplicates)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentError(
            f"not YAML: {error.problem or error.context}", place=Place(file, mark.line + 1 if mark else None)
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        raise DocumentError(f"not YAML: {error.reason}", place=Place(file, line)) from error
    except UnreadableError as error:
        raise DocumentError(str(error), place=Place(file, line)) from error


def _events(text: str) -> Iterator[Any]:
    return cast("Iterator[Any]", yaml.parse(text, Loader=yaml.CSafeLoader))  # pyright: ignore[reportUnknownMemberType]


class _Key(Enum):
    AWAITED = "?"
    MERGE = "<<"


_NOT_MERGEABLE = "expected a mapping or a list of mappings for the merge key <<"


@dataclass(slots=True)
class _Sequence:
    line: int
    anchor: str | None
    nodes_before: int
    value: list[Any] = field(default_factory=list[Any])

    @property
    def step(self) -> int:
        return len(self.value)


@dataclass(slots=True)
class _Mapping:
    line: int
    anchor: str | None
    nodes_before: int
    value: dict[str, Any] = field(default_factory=dict[str, Any])
    key: str | _Key = _Key.AWAITED
    merged: set[str] = field(default_factory=set[str])

    @property
    def step(self) -> str:
        return self.key if isinstance(self.key, str) else self.key.value

    def merge(self, value: Any) -> None:
        for mapping in reversed(cast("list[Any]", value)) if isinstance(value, list) else [value]:
            if not isinstance(mapping, dict):
                raise UnreadableError(_NOT_MERGEABLE)
            self.value.update(cast("dict[str, Any]", mapping))
            self.merged.update(cast("dict[str, Any]", mapping))


class _Builder:
    def __init__(self, file: str, lines: dict[FieldPath, int] | None) -> None:
        self._file = file
        self._lines = lines
        self._begin_document()

    def _begin_document(self) -> None:
        self.root: Any = None
        self.duplicates: list[Place] = []
        self._open: list[_Sequence | _Mapping] = []
        self._anchored: dict[str, tuple[Any, int] | None] = {}
        self._nodes = 0

    def take(self, event: Any, line: int) -> None:
        kind = cast("type[yaml.Event]", type(event))
        if kind is yaml.ScalarEvent:
            self._scalar(event, line)
        elif kind is yaml.MappingStartEvent:
            self._begin(_Mapping(line, event.anchor, self._nodes))
        elif kind is yaml.SequenceStartEvent:
            self._begin(_Sequence(line, event.anchor, self._nodes))
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._end()
        elif kind is yaml.AliasEvent:
            self._alias(event.anchor, line)
        elif kind is yaml.DocumentStartEvent:
            if event.version not in (None, (1, 1)):
                raise UnreadableError("Helm reads no other YAML than 1.1: remove the %YAML line")
            self._begin_document()

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        text: str = event.value
        if text == "<<" and (event.implicit[0] or event.tag == MERGE_TAG) and self._begins_merge():
            return
        if event.tag is not None:
            value = tagged(event.tag, text)
        elif not event.implicit[0]:
            value = text
        else:
            value = plain(text)
        if event.anchor:
            self._anchored[event.anchor] = value, 1
        self._count(1)
        self._add(value, line)

    def _begins_merge(self) -> bool:
        parent = self._open[-1] if self._open else None
        if isinstance(parent, _Mapping) and parent.key is _Key.AWAITED:
            parent.key = _Key.MERGE
            return True
        return False

    def _begin(self, collection: _Sequence | _Mapping) -> None:
        if len(self._open) == MAX_DEPTH:
            raise UnreadableError(f"nested deeper than {MAX_DEPTH}")
        if collection.anchor:
            self._anchored[collection.anchor] = None
        self._open.append(collection)
        self._count(1)

    def _end(self) -> None:
        done = self._open.pop()
        if done.anchor:
            self._anchored[done.anchor] = done.value, self._nodes - done.nodes_before
        self._add(done.value, done.line)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchored:
            raise UnreadableError(f"no anchor {anchor!r} above")
        anchored = self._anchored[anchor]
        if anchored is None:
            raise UnreadableError(f"the anchor {anchor!r} contains itself")
        value, nodes = anchored
        self._count(nodes)
        parent = self._open[-1] if self._open else None
        if isinstance(value, list) and isinstance(parent, _Mapping) and parent.key is _Key.MERGE:
            raise UnreadableError(_NOT_MERGEABLE)
        self._add(value, line)

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise UnreadableError(f"more than {MAX_NODES:,} values once aliases are expanded")

    def _add(self, value: Any, line: int) -> None:
        if not self._open:
            self._locate(line)
            self.root = as_json(value)
            return
        parent = self._open[-1]
        if isinstance(parent, _Sequence):
            self._locate(line)
            parent.value.append(as_json(value))
        elif parent.key is _Key.AWAITED:
            parent.key = as_key(value)
            self._locate(line)
            repeated = parent.key in parent.value and parent.key not in parent.merged
            if repeated and len(self.duplicates) < MAX_DUPLICATES:
                self.duplicates.append(Place(self._file, line, dotted(self._path())))
        elif parent.key is _Key.MERGE:
            parent.merge(value)
            parent.key = _Key.AWAITED
        else:
            parent.value[parent.key] = as_json(value)
            parent.key = _Key.AWAITED

    def _path(self) -> FieldPath:
        return tuple(above.step for above in self._open)

    def _locate(self, line: int) -> None:
        if self._lines is not None:
            self._lines[self._path()] = line
