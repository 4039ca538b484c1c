"""The settings in files that pods mount, as far as the format of a file is known."""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, cast

import yaml

from deploy_orchestrator import documents
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.risk.settings import Setting, between

_LINE: Final = re.compile(r"\s*(?P<name>[\w.-]+)\s*[=:]\s*(?P<value>.*?)\s*")
_SECTION: Final = re.compile(r"\s*\[(?P<name>[^\]]+)\]\s*")
_NAME: Final = re.compile(r"(?=.*[^\d])[\w-]+")
_QUOTES: Final = str.maketrans("", "", '"()')
_TAG: Final = "tag:yaml.org,2002:"
_MAPPING: Final = f"{_TAG}map"
_SEQUENCE: Final = f"{_TAG}seq"
_TEXT: Final = f"{_TAG}str"
_AGREED: Final = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]{0,14})")
_DISPUTED: Final = re.compile(
    r"(?:[-+.~=<\d].*|y|n|yes|no|on|off|true|false|null|)", re.IGNORECASE | re.DOTALL
)
"""Scalars without quotes that all readers of YAML take for the same, and those that some take for no text:
https://yaml.org/spec/1.2.2/#103-core-schema, https://yaml.org/type/.
"""

Values = Mapping[str, Any]


class _NotRead(ValueError):
    """A text that is not in the format that its name tells."""


def settings_in(name: str, before: str | None, after: str | None) -> list[Setting]:
    """What the software is told otherwise by an entry `name` of a ConfigMap.

    An entry that comes or goes, or that is no file of a known format, is one setting as a whole; what differs
    in comments and in layout alone is none.
    """
    whole = Setting(name, before, after)
    form = name.rpartition(".")[2].lower() if "." in name else ""
    if before is None or after is None or form not in _FORMATS:
        return [whole]
    try:
        return between(_read(form, before), _read(form, after))
    except (_NotRead, ValueError, RecursionError):
        return [whole]


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


@dataclass(frozen=True, slots=True)
class _Written:
    """A scalar of YAML that readers take for different things: `yes`, `0777`, `1_000`, `1.10`."""

    text: str
    tag: str

    def __str__(self) -> str:
        return self.text


def _under(path: str, key: object) -> str:
    """The path of what stands below a key: no other key, and no list, spells the same."""
    quoted = json.dumps(key) if isinstance(key, str) else f"({key})"
    step = key if isinstance(key, str) and _NAME.fullmatch(key) else quoted
    return f"{path}.{step}" if path else step


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, below in untyped.mapping(value).items():
            yield from _flat(below, _under(path, name))
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
    """The settings as they are written: what is the same to one reader of YAML is another to the next."""
    document = documents.parse(text.encode(), "")
    if document.duplicates:
        raise _NotRead("it says one name twice")
    compose = cast("Callable[..., yaml.Node | None]", yaml.compose)  # pyright: ignore[reportUnknownMemberType]
    try:
        root = compose(document.text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise _NotRead("not one document") from error
    return _named(_written(root)) if root else {}


def _written(node: yaml.Node, path: str = "") -> Iterator[tuple[str, Any]]:
    match node:
        case yaml.MappingNode(tag=tag, value=pairs) if pairs and tag == _MAPPING:
            for name, below in pairs:
                yield from _written(below, _under(path, _scalar(name)))
        case yaml.SequenceNode(tag=tag, value=items) if items and tag == _SEQUENCE:
            for index, below in enumerate(items):
                yield from _written(below, f"{path}[{index}]")
        case yaml.MappingNode(tag=tag) if tag == _MAPPING:
            yield path, {}
        case yaml.SequenceNode(tag=tag) if tag == _SEQUENCE:
            yield path, []
        case _:
            yield path, _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode) or not node.tag.startswith(_TAG):
        raise _NotRead("a tag says how to read it")
    text, is_text = cast(str, node.value), node.tag == _TEXT
    if is_text and (node.style or not _DISPUTED.fullmatch(text)):
        return text
    return json.loads(text) if not is_text and _AGREED.fullmatch(text) else _Written(text, node.tag)


def _toml(text: str) -> Values:
    return _named(_flat(tomllib.loads(text)))


def _lines(text: str, *, comment: str) -> Values:
    found: dict[str, Any] = {}
    section = ""
    for line in text.splitlines():
        if head := _SECTION.fullmatch(line):
            section = f"[{head['name']}]"
            found[section] = ""
        elif line.strip()[:1] not in comment:
            said = _LINE.fullmatch(line)
            if said is None or section + said["name"] in found or said["value"].endswith("\\"):
                raise _NotRead("a line is neither a setting nor a comment, or goes on in the next")
            found[section + said["name"]] = said["value"]
    return found


def _variables(text: str) -> Values:
    found = _lines(text, comment="#")
    if any("$" in str(value) for value in found.values()):
        raise _NotRead("a value may be made of those above it")
    return found


_FORMATS: Final[Mapping[str, Callable[[str], Values]]] = {
    "cfg": partial(_lines, comment="#;"),
    "env": _variables,
    "ini": partial(_lines, comment="#;"),
    "json": _yaml,
    "properties": partial(_lines, comment="#!"),
    "toml": _toml,
    "yaml": _yaml,
    "yml": _yaml,
}
"""How a file is read, by the end of its name."""
