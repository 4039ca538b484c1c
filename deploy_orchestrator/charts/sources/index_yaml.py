"""Read an index as programs write it, fast: block YAML, the fields of every entry at one depth.

A public index has half a million lines, of which half a dozen fields of each entry matter. Those are found by
their indent, read at a glance where that is safe, and else by the YAML parser, which sees a text only once.
Where a text is laid out in another way, this says so instead of guessing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from deploy_orchestrator.documents import DocumentError, parse

Entry = dict[str, Any]
"""The fields of one entry that matter, with the values that YAML gives them."""


class UnusualLayoutError(ValueError):
    """Not laid out as programs write an index; whether it is YAML is not known."""


_ENTRIES = "entries:\n"
_ANCHOR = re.compile(r" &[^\s&]")
"""What another section may refer to, and would miss alone."""
_FIELDS = "name|version|created|digest|type|deprecated|appVersion|urls|dependencies"
_NAME = r"[A-Za-z0-9_$][^\s:#]*"
_TOP_LEVEL = re.compile(r"(?:(?:---|[A-Za-z]+: *[^ &*!|>{\[\n].*|\s*#.*|\s*)\n)*+")
_FIRST_ENTRY = re.compile(rf"^( +){_NAME}:\n( +)-( +)[A-Za-z]", re.MULTILINE)
_WORD = r"(?!(?i:y|n|yes|no|on|off|true|false|null)\n)[A-Za-z][^\s:#]*(?::[^\s:#]+)*"
_VERSION = r"v?\d+\.\d+\.\d+(?:[-+][\dA-Za-z.+-]*)?"
_SURE_TEXT = re.compile(rf"(?:{_VERSION}|{_WORD})\n", re.ASCII)
_QUOTED = re.compile(r"'([^'\n]*)'\n|\"([^\"\\\n]*)\"\n")
_ITEM = re.compile(r"^( *)- .*\n(?:\1  .*\n)*", re.MULTILINE)
_SURE_LIST = re.compile(rf"\n *- ({_WORD})\n")


def sections(text: str) -> Iterator[tuple[str, str]]:
    """The name of each chart with the lines of its entries, in their order; what these say is not looked at.

    Raises:
        UnusualLayoutError: only a whole YAML parser can tell what this is.
    """
    text = text.replace("\r\n", "\n") if "\r" in text else text
    if _ANCHOR.search(text):
        raise UnusualLayoutError
    starts = text.startswith(_ENTRIES)
    before, found, inside = text.partition(_ENTRIES if starts else f"\n{_ENTRIES}")
    if not found:
        raise UnusualLayoutError
    inside = inside if inside.endswith("\n") else f"{inside}\n"
    layout = _Layout.of(inside)
    end = 0
    for chart in layout.chart.finditer(inside):
        if chart.start() != end:
            break
        end = chart.end()
        yield chart[1], chart[0] if chart[2] else "[]"
    if not _TOP_LEVEL.fullmatch(f"{before}\n{inside[end:]}"):
        raise UnusualLayoutError


def entries(section: str) -> list[Entry]:
    """What the entries say in one of the `sections`. Raises UnusualLayoutError as they."""
    layout = _Layout.of(section)
    return [layout.read(entry[0]) for entry in layout.entry.finditer(section.partition("\n")[2])]


@dataclass(frozen=True, slots=True)
class _Layout:
    chart: re.Pattern[str]
    entry: re.Pattern[str]
    field: re.Pattern[str]

    @classmethod
    def of(cls, inside: str) -> "_Layout":
        first = _FIRST_ENTRY.search(inside)
        if first is None:
            raise UnusualLayoutError
        names, dash, body = first[1], f"{first[2]}-{first[3]}", first[2] + " " + first[3]
        line = rf"{body}(?:[ -].*|[A-Za-z][A-Za-z0-9-]*:(?: .*)?)\n|\s*\n"
        entry = rf"{dash}(?=[A-Za-z]).*\n(?:{line})*+"
        return cls(
            chart=re.compile(rf"{names}({_NAME}):(?: \[\])?\n((?:{entry})*+)"),
            entry=re.compile(entry),
            field=re.compile(
                rf"^(?:{dash}|{body})({_FIELDS}):(?: +(?=\S))?(.*\n(?:{body}[ -].*\n|\s*\n)*+)", re.MULTILINE
            ),
        )

    def read(self, entry: str) -> Entry:
        return {field: _value(field, text) for field, text in self.field.findall(entry)}


def _value(field: str, text: str) -> Any:
    if quoted := _QUOTED.fullmatch(text):
        return quoted[1] or quoted[2] or ""
    if _SURE_TEXT.fullmatch(text):
        return text[:-1]
    if field == "urls" and (sure := _SURE_LIST.fullmatch(text)):
        return [sure[1]]
    items = [item[0] for item in _ITEM.finditer(text)]
    if items and text == "\n" + "".join(items):
        return [one for item in items for one in _parsed(item)]
    try:
        return _parsed(f"{field}: {text}")[field]
    except (KeyError, TypeError) as error:
        raise UnusualLayoutError from error


@lru_cache(maxsize=32768)
def _parsed(text: str) -> Any:
    try:
        return parse(text.encode(), "").value
    except DocumentError as error:
        raise UnusualLayoutError from error
