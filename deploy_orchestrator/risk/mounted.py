"""The settings in files that pods mount, as far as the format of a file is known."""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Final

from deploy_orchestrator import documents
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.risk.settings import Setting, between

_LINE: Final = re.compile(
    r"(?P<indent>[ \t]*)(?P<name>[\w.-]+)(?P<before>[ \t]*)(?P<sign>[=:])(?P<after>[ \t]*)(?P<value>.*)"
)
_ENDS_SOME_LINES: Final = re.compile(r"\r(?!\n)|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_DIRECTIVE: Final = re.compile(r"#(?=[!a-z%])|\s*[#;/]*\s*(?:template:|-\*-)", re.IGNORECASE)
_TEMPLATED: Final = re.compile(r"\{\{|\{%|<%|\$\{|\$\(|\[\[")
_SECTION: Final = re.compile(r"\s*\[(?P<name>[^\]]+)\]\s*")
_QUOTES: Final = str.maketrans("", "", '"()')

Values = Mapping[str, Any]


class _NotRead(ValueError):
    """A text that is not in the format that its name tells."""


_UNREAD: Final = (ValueError, RecursionError)


def settings_in(name: str, before: str | None, after: str | None) -> list[Setting]:
    """What the software is told otherwise by an entry `name` of a ConfigMap.

    An entry that comes or goes, or that is no file of a known format, is one setting as a whole; what differs
    in comments and in layout alone is none.
    """
    whole = [Setting(name, before, after)]
    if before is None or after is None or _directives(before) != _directives(after):
        return whole
    try:
        return between(_read(_form(name), before), _read(_form(name), after))
    except _UNREAD:
        return whole


def settings_of(name: str, text: str) -> list[Setting]:
    """Every setting of an entry `name` of a ConfigMap; the entry itself where its format is not known."""
    try:
        return [Setting(path, None, value) for path, value in _read(_form(name), text).items()]
    except _UNREAD:
        return [Setting(name, None, text)]


def _form(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _directives(text: str) -> list[str]:
    """The lines that tell some readers how to take a text, comments though they may be to others: a first
    one such as `#cloud-config`, and what a template engine fills in.
    """
    first, *rest = text.split("\n")
    told = [first] if _DIRECTIVE.match(first) or _TEMPLATED.search(first) else []
    return [*told, *(line for line in rest if _TEMPLATED.search(line))]


@lru_cache(maxsize=64)
def _read(form: str, text: str) -> Values:
    """Kept for a while: many tenants mount the same files."""
    if form not in _FORMATS:
        raise _NotRead("its format is not known")
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
        and not _watches(has)
    )


def _watches(value: Any) -> bool:
    """Whether a dashboard has alerts of its own: https://grafana.com/docs/grafana/v10.4/developers/http_api/alerting/."""
    if isinstance(value, dict):
        return any(name == "alert" or _watches(below) for name, below in untyped.mapping(value).items())
    return any(map(_watches, untyped.items(value)))


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


def _lines(text: str, *, comment: str, spaced: bool = True, indented: bool = True) -> Values:
    """Settings by their names, one a line.

    `spaced`: spaces around the sign between name and value mean nothing; `indented`: neither do those before
    the name. Those at the end of a value do, to some readers at least, and so does another sign than `=`.
    """
    found: dict[str, Any] = {}
    section = ""
    if _ENDS_SOME_LINES.search(text):
        raise _NotRead("not all readers agree where its lines end")
    for line in text.split("\n"):
        if _SECTION.fullmatch(line):
            section = line.rstrip()
            found[section] = ""
        elif line.strip()[:1] not in comment:
            said = _LINE.fullmatch(line)
            if said is None or said["value"].endswith("\\"):
                raise _NotRead("a line is neither a setting nor a comment, or goes on in the next")
            name = "".join(
                [
                    section,
                    "" if indented else said["indent"],
                    said["name"],
                    "" if spaced else said["before"],
                    said["sign"].strip("="),
                ]
            )
            if name in found:
                raise _NotRead("a setting stands there twice")
            found[name] = said["value"] if spaced else said["after"] + said["value"]
    return found


def _variables(text: str) -> Values:
    found = _lines(text, comment="#", spaced=False, indented=False)
    if any("$" in str(value) for value in found.values()):
        raise _NotRead("a value may be made of those above it")
    return found


_FORMATS: Final[Mapping[str, Callable[[str], Values]]] = {
    "cfg": partial(_lines, comment="#;", indented=False),
    "env": _variables,
    "ini": partial(_lines, comment="#;", indented=False),
    "json": _json,
    "properties": partial(_lines, comment="#!"),
    "toml": _toml,
    "yaml": _yaml,
    "yml": _yaml,
}
"""How a file is read, by the end of its name."""
