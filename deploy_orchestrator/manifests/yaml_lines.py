"""The lines of a body as people read them, one below the other whatever stands in a text of several lines."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from deploy_orchestrator import documents

_MARK: Final = "\ue000"
_MARKED: Final = re.compile(
    rf"(?P<before>(?P<indent> *)(?P<items>(?:- )*).*?)'?{_MARK}(?P<number>\d+){_MARK}'?"
)


def yaml_lines(body: Any) -> list[str]:
    """A body of JSON types as YAML, no lines for None.

    A text of several lines that YAML can only write on one, for it has tabs, or spaces at an end of line, is
    shown as a block all the same. Other bodies have other lines.
    """
    if body is None:
        return []
    written = documents.dump(body).decode()
    if "\\n" not in written or _MARK in written:
        return written.splitlines()
    texts: list[str] = []
    lines = documents.dump(_marked(body, texts)).decode().splitlines()
    return [each for line in lines for each in _shown(line, texts)]


def spelled_out(text: str) -> str:
    """`text` on one line, with what does not print spelled out."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\t" else ascii(each)[1:-1] for each in text)


def _marked(value: Any, texts: list[str]) -> Any:
    if isinstance(value, str) and _is_flattened(value):
        texts.append(value)
        return f"{_MARK}{len(texts) - 1}{_MARK}"
    if isinstance(value, Mapping):
        entries = cast(Mapping[str, Any], value)
        return {name: _marked(below, texts) for name, below in entries.items()}
    if isinstance(value, list):
        return [_marked(below, texts) for below in cast(list[Any], value)]
    return value


def _is_flattened(text: str) -> bool:
    """Whether YAML writes a text of several lines on one, though all of it prints."""
    if "\n" not in text or not all(each.isprintable() or each in "\n\t" for each in text):
        return False
    return documents.dump(text).startswith(b'"')


def _shown(line: str, texts: list[str]) -> Iterator[str]:
    found = _MARKED.fullmatch(line)
    if found is None:
        yield line
        return
    text = texts[int(found["number"])]
    yield f"{found['before']}|{'' if text.endswith(chr(10)) else '-'}"
    indent = " " * (len(found["indent"]) + len(found["items"]) + 2)
    for each in text.removesuffix("\n").split("\n"):
        yield f"{indent}{each}" if each else ""
