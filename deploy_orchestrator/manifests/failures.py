"""What Helm said about a chart that does not render, as an error with the place to mend."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from deploy_orchestrator import documents
from deploy_orchestrator.errors import Place
from deploy_orchestrator.fleet import ValueLayer
from deploy_orchestrator.manifests.errors import RenderError

MAX_MESSAGE: Final = 2_000

_TEMPLATE = re.compile(r"([\w.@+-]+(?:/[\w.@+ -]+)+):(\d+)(?::\d+)?")
_SCHEMA_LINE = re.compile(r"(?P<chart>\S+):|\s*- at '(?P<field>[^']*)': (?P<problem>.*)")

_FIXES: Final = {
    "chart": "mend the chart",
    "values": "mend the value",
    "template": "mend the template, or the value that it reads",
    "document": "mend what the template prints there",
    "engine": "make the chart smaller or simpler",
}


def render_error(failure: Mapping[str, Any], folder: str, layers: Sequence[ValueLayer]) -> RenderError:
    """The error for a worker's `failure` on the chart in `folder` of the fleet, with these value layers."""
    message, kind = failure["message"].strip(), failure["kind"]
    fix = _FIXES[kind]
    if failure["file"]:
        return RenderError(
            _cut(message), place=Place(in_fleet(failure["file"], folder), failure["line"]), fix=fix
        )
    if kind == "values" and (problems := list(_schema_problems(message, folder))):
        field, problem = problems[0]
        also = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        what = f"{problem}, says the chart's values.schema.json{also}"
        return RenderError(what, place=_place_of(field, folder, layers), fix=fix)
    if found := _TEMPLATE.search(message):
        return RenderError(_cut(message), place=Place(in_fleet(found[1], folder), int(found[2])), fix=fix)
    return RenderError(_cut(message), place=Place(folder), fix=fix)


def _cut(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"


def in_fleet(file: str, folder: str) -> str:
    """Helm names files from the chart's name on; people look for them from the root of the fleet."""
    return (
        f"{folder}/{file.partition('/')[2]}" if file.partition("/")[0] == folder.rpartition("/")[2] else file
    )


def _schema_problems(message: str, folder: str) -> Iterator[tuple[tuple[str, ...], str]]:
    chart = ""
    for line in message.splitlines():
        found = _SCHEMA_LINE.fullmatch(line)
        if found and found["chart"]:
            chart = found["chart"]
        elif found and found["problem"] != "validation failed":
            steps = [step.replace("~1", "/").replace("~0", "~") for step in found["field"].split("/")[1:]]
            below = () if chart == folder.rpartition("/")[2] else (chart,)
            yield (*below, *steps), found["problem"]


def _place_of(field: tuple[str, ...], folder: str, layers: Sequence[ValueLayer]) -> Place:
    for layer in reversed(layers):
        document = documents.parse(layer.data, layer.path)
        if (path := _path_in(document.value, field)) is not None:
            return document.place(*path)
    return Place(f"{folder}/values.yaml", field=documents.dotted(field) or None)


def _path_in(value: Any, field: tuple[str, ...]) -> tuple[str | int, ...] | None:
    path: list[str | int] = []
    for step in field:
        if isinstance(value, list) and step.isdecimal() and int(step) < len(items := cast(list[Any], value)):
            path.append(int(step))
            value = items[int(step)]
        elif isinstance(value, dict) and step in (fields := cast(dict[str, Any], value)):
            path.append(step)
            value = fields[step]
        else:
            return None
    return tuple(path) if value is not None or path else None
