"""Change single values of a YAML text, and leave all else as it was written: comments, quotes, layout."""

import json
from collections.abc import Mapping
from typing import Any, cast

import yaml

from deploy_orchestrator.documents.document import Document, parse
from deploy_orchestrator.documents.reader import DocumentError
from deploy_orchestrator.documents.scalars import plain
from deploy_orchestrator.terms import FieldPath


def edited(document: Document, texts: Mapping[FieldPath, str]) -> str:
    """The text of `document`, the only one in it, with other texts in some fields.

    Raises:
        DocumentError: a field is absent or no scalar of its own, as behind an alias.
    """
    root: yaml.Node | None = yaml.compose(document.text, Loader=yaml.CSafeLoader)
    lines = document.text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    changes: list[tuple[int, int, str]] = []
    for field, text in texts.items():
        node = _at(root, field)
        if node is None:
            raise DocumentError("no value that can be changed here", place=document.place(*field))
        start, end = (starts[mark.line] + mark.column for mark in (node.start_mark, node.end_mark))
        changes.append((start, end, _written(node, text)))
    new = document.text
    for start, end, text in sorted(changes, reverse=True):
        new = new[:start] + text + new[end:]
    _require_only(document, texts, new)
    return new


def _at(node: Any, field: FieldPath) -> "yaml.ScalarNode | None":
    for step in field:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in reversed(node.value) if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        else:
            return None
    return node if isinstance(node, yaml.ScalarNode) else None


def _written(node: yaml.ScalarNode, text: str) -> str:
    if node.style in ("|", ">"):
        return f"{_plain(text)}\n"
    if node.style == "'" and "'" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False) if node.style else _plain(text)


def _plain(text: str) -> str:
    try:
        is_plain = plain(text) == text and parse(f"[{text}]".encode(), "").value == [text]
    except DocumentError:
        is_plain = False
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _require_only(document: Document, texts: Mapping[FieldPath, str], new: str) -> None:
    wanted = document.value
    for field, text in texts.items():
        wanted = _with(wanted, field, text)
    if parse(new.encode(), document.file).value != wanted:
        field = next(iter(texts))
        raise DocumentError("cannot be changed without changing more", place=document.place(*field))


def _with(value: Any, field: FieldPath, text: str) -> Any:
    if not field:
        return text
    step, *below = field
    if isinstance(value, list):
        items = cast(list[Any], value)
        return [_with(each, tuple(below), text) if at == step else each for at, each in enumerate(items)]
    return {**value, step: _with(value[step], tuple(below), text)}
