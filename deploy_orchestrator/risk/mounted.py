"""The settings in files that pods mount, as far as the format of a file is known."""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Final, Self

from deploy_orchestrator import documents
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.risk.settings import Setting, between

_LINE: Final = re.compile(r"\s*(?P<name>[\w.-]+)\s*[=:]\s*(?P<value>.*?)\s*")
_ODD_BREAKS: Final = re.compile(r"[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""What ends a line for some readers only."""
_SAYS_WHO_READS: Final = re.compile(r"#[^\s#].*")
"""A first line that is no comment to whoever looks for it, as `#!/bin/sh` and `#cloud-config`."""
_SECTION: Final = re.compile(r"\s*\[(?P<name>[^\]]+)\]\s*")
_QUOTES: Final = str.maketrans("", "", '"()')

Values = Mapping[str, Any]


class _Said(str):
    """A value of a line, with the line as it is written: to some readers spaces are part of a value, and `:`
    and `=` are not the same.
    """

    line: str

    def __new__(cls, value: str, line: str) -> Self:
        made = super().__new__(cls, value)
        made.line = line
        return made

    def __repr__(self) -> str:
        return repr(self.line)


class _NotRead(ValueError):
    """A text that is not in the format that its name tells."""


def settings_in(name: str, before: str | None, after: str | None) -> list[Setting]:
    """What the software is told otherwise by an entry `name` of a ConfigMap.

    An entry that comes or goes, or that is no file of a known format, is one setting as a whole; what differs
    in comments and in layout alone is none.
    """
    whole = Setting(name, before, after)
    form = name.rpartition(".")[2].lower() if "." in name else ""
    if before is None or after is None or form not in _FORMATS or _reader(before) != _reader(after):
        return [whole]
    try:
        return between(_read(form, before), _read(form, after))
    except (_NotRead, ValueError, RecursionError):
        return [whole]


def _reader(text: str) -> str:
    found = _SAYS_WHO_READS.match(text)
    return found[0] if found else ""


@lru_cache(maxsize=64)
def _read(form: str, text: str) -> Values:
    """Kept for a while: many tenants mount the same files."""
    return _FORMATS[form](text)


_OF_DASHBOARDS: Final = frozenset(
    {
        "__elements",
        "__inputs",
        "__requires",
        "annotations",
        "description",
        "editable",
        "fiscalYearStartMonth",
        "gnetId",
        "graphTooltip",
        "hideControls",
        "id",
        "iteration",
        "links",
        "liveNow",
        "panels",
        "preload",
        "refresh",
        "rows",
        "schemaVersion",
        "sharedCrosshair",
        "style",
        "tags",
        "templating",
        "time",
        "timepicker",
        "timezone",
        "title",
        "uid",
        "version",
        "weekStart",
    }
)
"""What a dashboard says: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/."""


def is_dashboard(name: str, text: str | None) -> bool:
    """Whether an entry of a ConfigMap is a dashboard of Grafana, which people look at, and nothing else."""
    if text is None or not name.endswith(".json"):
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    has = untyped.mapping(value)
    return (
        isinstance(has.get("schemaVersion"), int)
        and any(isinstance(has.get(name), list) for name in ("panels", "rows"))
        and has.keys() <= _OF_DASHBOARDS
    )


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, below in untyped.mapping(value).items():
            yield from _flat(below, documents.under(path, name))
    elif isinstance(value, list) and value:
        for index, below in enumerate(untyped.items(value)):
            yield from _flat(below, f"{path}[{index}]")
    else:
        yield path, value


def _named(pairs: Iterable[tuple[str, Any]]) -> Values:
    named = list(pairs)
    if len({name.translate(_QUOTES) for name, _ in named}) < len(named):
        raise _NotRead("two of its settings have one name, to some readers at least")
    return dict(named)


def _yaml(text: str) -> Values:
    return _named(documents.written(text))


def _json(text: str) -> Values:
    json.loads(text)
    return _yaml(text)


def _toml(text: str) -> Values:
    return _named(_flat(tomllib.loads(text)))


def _lines(text: str, *, comment: str, goes_on: bool = True) -> Values:
    """The settings of a text by lines, of which one that begins with a space `goes_on` with the one above."""
    if _ODD_BREAKS.search(text):
        raise _NotRead("some readers take one line for two")
    found: dict[str, Any] = {}
    section = ""
    for line in text.split("\n"):
        told = line.strip()[:1]
        if goes_on and line[:1].isspace() and told not in comment:
            raise _NotRead("a line goes on with the one above, to some readers at least")
        if head := _SECTION.fullmatch(line):
            section = f"[{head['name']}]"
            found[section] = ""
        elif told not in comment:
            said = _LINE.fullmatch(line)
            if said is None or section + said["name"] in found or said["value"].endswith("\\"):
                raise _NotRead("a line is neither a setting nor a comment, or goes on in the next")
            found[section + said["name"]] = _Said(said["value"], line)
    return found


def _variables(text: str) -> Values:
    found = _lines(text, comment="#", goes_on=False)
    if any("$" in str(value) for value in found.values()):
        raise _NotRead("a value may be made of those above it")
    return found


_FORMATS: Final[Mapping[str, Callable[[str], Values]]] = {
    "cfg": partial(_lines, comment="#;"),
    "env": _variables,
    "ini": partial(_lines, comment="#;"),
    "json": _json,
    "properties": partial(_lines, comment="#!", goes_on=False),
    "toml": _toml,
    "yaml": _yaml,
    "yml": _yaml,
}
"""How a file is read, by the end of its name."""
