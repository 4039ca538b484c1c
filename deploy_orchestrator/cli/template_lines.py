"""Where in a template an object is written, as far as its text tells."""

import re
from collections.abc import Sequence

_SEPARATOR = re.compile(r"^---(\s|$)")
_ACTION = re.compile(r"\{\{.*?\}\}")
_PATH = re.compile(r"\b[a-z][A-Za-z0-9]*(?:\[[^\]\s]*\]|\.[A-Za-z][A-Za-z0-9]*)+")


def line_of(template: str, kind: str, name: str, said: str = "") -> int:
    """The line, from 1, that begins an object of a `kind` and `name` in a template; where `said` names a path
    to a field that stands in it once, the line of that field. 1 where the text does not tell.
    """
    lines = template.splitlines()
    starts = [0, *(number + 1 for number, line in enumerate(lines) if _SEPARATOR.match(line))]
    documents = [
        (start, lines[start:end]) for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    of_kind = [each for each in documents if kind in _values(each[1], "kind")]
    named = [each for each in of_kind if any(_fits(written, name) for written in _values(each[1], "name"))]
    found = named if len(of_kind) > 1 else of_kind
    if len(found) != 1:
        return 1
    start, document = found[0]
    return start + 1 + _inside(document, kind, said)


def _inside(document: Sequence[str], kind: str, said: str) -> int:
    for path in _PATH.findall(said):
        field = re.findall(r"[A-Za-z][A-Za-z0-9]*", re.sub(r"\[[^\]]*\]", "", path))[-1]
        there = [number for number, line in enumerate(document) if _key(line) == field]
        if len(there) == 1:
            return there[0]
    return next(number for number, line in enumerate(document) if _key(line) == "kind" and kind in line)


def _values(document: Sequence[str], key: str) -> list[str]:
    return [line.partition(":")[2].strip().strip("\"'") for line in document if _key(line) == key]


def _key(line: str) -> str:
    return line.strip().removeprefix("- ").partition(":")[0].strip() if ":" in line else ""


def _fits(written: str, name: str) -> bool:
    """Whether a name may be what is written with actions in it, and something of it is written."""
    parts = _ACTION.split(written)
    return any(parts) and re.fullmatch(".*".join(map(re.escape, parts)), name) is not None
