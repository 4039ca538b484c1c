"""What a chart with everything in it becomes when Helm processes its dependencies, before it renders.

The rules are those of `processDependencyEnabled` and `getAliasDependency` in
`helm.sh/helm/v4/pkg/chart/v2/util`, which change charts where they stand. A chart that is asked for is
copied, with what stands directly in it; all that is deeper is shared by these copies, and so are the
declarations of what nobody asks for. Under a second alias of a chart, a chart inside it that nobody asks for
finds its own declarations as the first alias has left them: under the aliases in place of the names, and
without what was switched off there. What it no longer declares is loaded as it is, always.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deploy_orchestrator.charts.conditions import enabled
from deploy_orchestrator.charts.copies import is_allowed
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.values import coalesce


@dataclass(frozen=True, slots=True)
class Processed:
    """A chart that is loaded at one place, under `name`, with the charts that are loaded below it.

    `chart` is as it was read. `files` is the path that Helm gives its files: the names that lead there, or
    else where a copy of it stands. `asked` is the dependency that it is taken for, if any.
    """

    chart: Chart
    name: str
    files: str
    asked: Dependency | None
    subcharts: tuple["Processed", ...]

    @property
    def values(self) -> Mapping[str, Any]:
        return self.chart.values


def processed(chart: Chart, values: Mapping[str, Any] | None) -> Processed:
    """`chart` as it is rendered with `values`: without what they switch off, subcharts under their aliases.

    Without values nothing is switched off.

    Raises:
        ChartInvalid: the values of a subchart are no mapping.
    """
    top = _read(chart, None)
    _process(top, values, "")
    return _as_it_stands(top)


@dataclass(slots=True)
class _Declared:
    dependency: Dependency
    name: str


@dataclass(slots=True, eq=False)
class _Metadata:
    """What copies of a chart may share. `declared` is None where nothing is, not even an empty list."""

    name: str
    declared: list[_Declared] | None


@dataclass(slots=True, eq=False)
class _Loaded:
    chart: Chart
    metadata: _Metadata
    subcharts: list["_Loaded"]
    parent: "_Loaded | None"
    asked: Dependency | None = None

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def values(self) -> Mapping[str, Any]:
        return self.chart.values

    @property
    def files(self) -> str:
        return f"{self.parent.files}/charts/{self.name}" if self.parent else self.name

    def holds(self, charts: list["_Loaded"]) -> None:
        self.subcharts = charts
        for chart in charts:
            chart.parent = self

    def is_taken_for(self, declared: _Declared) -> bool:
        wanted = declared.dependency
        return self.name == declared.name and is_allowed(wanted.name, self.chart.version, wanted)


def _read(chart: Chart, parent: _Loaded | None) -> _Loaded:
    is_declaring = "dependencies" in chart.metadata.model_fields_set
    declared = [_Declared(each, each.name) for each in chart.metadata.dependencies] if is_declaring else None
    loaded = _Loaded(chart, _Metadata(chart.name, declared), [], parent)
    loaded.subcharts = [_read(subchart, loaded) for subchart in chart.subcharts]
    return loaded


def _copied(loaded: _Loaded, declared: _Declared) -> _Loaded:
    own = loaded.metadata.declared
    metadata = _Metadata(
        declared.dependency.alias or loaded.name,
        None if own is None else [_Declared(each.dependency, each.name) for each in own],
    )
    copy = _Loaded(loaded.chart, metadata, [], loaded.parent, declared.dependency)
    copy.holds([replace(each) for each in loaded.subcharts])
    return copy


def _process(loaded: _Loaded, values: Mapping[str, Any] | None, prefix: str) -> None:
    declared = loaded.metadata.declared
    if declared is None:
        return
    loaded.holds([*_taken(loaded.subcharts, declared)])
    coalesced = None if values is None else coalesce(loaded, values)
    off = {
        each.name
        for each in declared
        if coalesced is not None and not enabled(each.dependency, coalesced, prefix)
    }
    loaded.holds([chart for chart in loaded.subcharts if chart.name not in off])
    for chart in loaded.subcharts:
        _process(chart, coalesced, f"{prefix}{chart.name}.")
    loaded.metadata.declared = [each for each in declared if each.name not in off] or None


def _taken(charts: list[_Loaded], declared: list[_Declared]) -> Iterator[_Loaded]:
    for chart in charts:
        if not any(chart.is_taken_for(each) for each in declared):
            yield chart
    for each in declared:
        fitting = next((chart for chart in charts if chart.is_taken_for(each)), None)
        if fitting:
            yield _copied(fitting, each)
        each.name = each.dependency.key


def _as_it_stands(loaded: _Loaded) -> Processed:
    below = tuple(map(_as_it_stands, loaded.subcharts))
    return Processed(loaded.chart, loaded.name, loaded.files, loaded.asked, below)
