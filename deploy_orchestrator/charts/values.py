"""The values that a chart is rendered with: those given over the defaults of the chart and of all its
subcharts.

The rules are those of `CoalesceValues` in `helm.sh/helm/v4/pkg/chart/common/util`: maps merge, anything else
replaces, null takes a default away, `global` goes down into every subchart.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeGuard

from deploy_orchestrator.charts.errors import ChartInvalid
from deploy_orchestrator.errors import Place

Table = dict[str, Any]

GLOBAL = "global"


class Valued(Protocol):
    """A chart as far as values go: the name that they stand under, and its defaults."""

    @property
    def name(self) -> str: ...
    @property
    def values(self) -> Mapping[str, Any]: ...
    @property
    def subcharts(self) -> "Sequence[Valued]": ...


def layered(layers: Iterable[Mapping[str, Any]]) -> Table:
    """The layers as one, as Helm merges several `--values`: later ones win, maps merge, null stays for
    `coalesce` to act on."""
    table: Table = {}
    for layer in layers:
        _overlay(table, layer)
    return table


def coalesce(chart: Valued, values: Mapping[str, Any]) -> Table:
    """`values` over the defaults of `chart` and its subcharts, whose own values stand under their names.

    Raises:
        ChartInvalid: what stands under a subchart's name is no mapping.
    """
    table = {key: _copy(value) for key, value in values.items()}
    _coalesce_chart(chart, table, chart.name)
    return table


def _overlay(table: Table, layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        below = table.get(key)
        if _is_table(below) and _is_table(value):
            _overlay(below, value)
        else:
            table[key] = _copy(value)


def _coalesce_chart(chart: Valued, table: Table, path: str) -> None:
    _coalesce_defaults(chart, table)
    for subchart in chart.subcharts:
        below = table.setdefault(subchart.name, {})
        if not _is_table(below):
            raise ChartInvalid(
                f"the values of the subchart {subchart.name} are {below!r}",
                place=Place(f"{path}/values.yaml", field=subchart.name),
                fix="write a mapping there, as the name is that of a subchart",
            )
        _coalesce_globals(below, table)
        _coalesce_chart(subchart, below, f"{path}/charts/{subchart.name}")


def _coalesce_defaults(chart: Valued, table: Table) -> None:
    names = {subchart.name for subchart in chart.subcharts}
    for key, value in chart.values.items():
        default = _copy(value)
        if key not in table:
            if default is not None:
                table[key] = _without_nulls(default)
        elif table[key] is None:
            del table[key]
        elif _is_table(table[key]) and _is_table(default):
            keep_nulls = key in names
            _coalesce_tables(table[key], default if keep_nulls else _without_nulls(default), keep_nulls)


def _coalesce_tables(over: Table, under: Table, keep_nulls: bool) -> None:
    for key, default in under.items():
        if key not in over:
            over[key] = default
        elif over[key] is None:
            if default is not None and not keep_nulls:
                del over[key]
        elif _is_table(over[key]) and _is_table(default):
            _coalesce_tables(over[key], default, keep_nulls)


def _coalesce_globals(below: Table, above: Table) -> None:
    own, inherited = below.get(GLOBAL, {}), above.get(GLOBAL, {})
    if not (_is_table(own) and _is_table(inherited)):
        return
    below[GLOBAL] = own
    for key, value in inherited.items():
        if _is_table(value):
            if _is_table(own.get(key, {})):
                merged = dict(value)
                _coalesce_tables(merged, own.get(key, {}), keep_nulls=True)
                own[key] = merged
        elif not _is_table(own.get(key)):
            own[key] = value


def _without_nulls(value: Any) -> Any:
    if not _is_table(value):
        return value
    return {key: _without_nulls(below) for key, below in value.items() if below is not None}


def _copy(value: Any) -> Any:
    if _is_table(value):
        return {key: _copy(below) for key, below in value.items()}
    return value


def _is_table(value: Any) -> TypeGuard[Table]:
    return isinstance(value, dict)
