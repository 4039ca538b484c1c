"""What a chart's `values.schema.json` refers to: Helm reads each file and URL that it names."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from deploy_orchestrator.charts.errors import UnsafeChart
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.errors import Place

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DIALECT = re.compile(r"https?://json-schema\.org/(?:(?:draft-0[3467]|draft/20(?:19-09|20-12))/)?schema#?")
"""The dialects that Helm's validator brings along, the newest under no version."""


def require_inner_references(chart: Chart, name: str | None = None) -> None:
    """Raises UnsafeChart where a schema of `chart`, or of one inside it, refers to anything but itself.

    `name` is the chart's place in messages.
    """
    name = name or chart.name
    for keyword, value in _outer(chart.schema or {}):
        raise UnsafeChart(
            f"{keyword} leads out of the chart, to {value[:200]}",
            place=Place(f"{name}/values.schema.json"),
            fix="put the definition into the schema itself, and refer to it with #/$defs/…",
        )
    for subchart in chart.subcharts:
        require_inner_references(subchart, f"{name}/charts/{subchart.name}")


def _outer(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    below: list[Any] = [schema]
    while below:
        value = below.pop()
        if isinstance(value, list):
            below += cast(list[Any], value)
        elif isinstance(value, dict):
            fields = cast(dict[str, Any], value)
            below += fields.values()
            yield from (
                (keyword, target)
                for keyword in _REFERENCES
                if isinstance(target := fields.get(keyword), str) and not target.startswith("#")
            )
            dialect = fields.get("$schema")
            if isinstance(dialect, str) and not _DIALECT.fullmatch(dialect):
                yield "$schema", dialect
