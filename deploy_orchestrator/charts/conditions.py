"""Which dependencies are switched on.

The rules are those of `ProcessDependencies` in `helm.sh/helm/v4/pkg/chart/v2/util`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from deploy_orchestrator.charts.copies import taken
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.values import coalesce


def enabled(dependency: Dependency, values: Mapping[str, Any], prefix: str = "") -> bool:
    """Whether `dependency` is switched on by `values`.

    These are the values of the root chart. `prefix` leads from there to the chart that has the dependency:
    empty for the root itself, `a.b.` for the subchart `b` of its subchart `a`. The first condition that is
    true or false decides; where none is, a true tag, or no false one, switches it on.
    """
    for condition in dependency.condition.strip().split(","):
        decided = _lookup(values, f"{prefix}{condition}") if condition else None
        if isinstance(decided, bool):
            return decided
    tags: object = values.get("tags")
    given = cast(dict[str, object], tags) if isinstance(tags, dict) else {}
    switches = [given[tag] for tag in dependency.tags if isinstance(given.get(tag), bool)]
    return True in switches or False not in switches


def switched(chart: Chart, values: Mapping[str, Any] | None) -> Chart:
    """`chart` as it is rendered with `values`: without what they switch off, subcharts under their aliases.

    Without values nothing is switched off.

    Raises:
        ChartInvalid: the values of a subchart are no mapping.
    """
    return _switched(chart, values, "")


def _switched(chart: Chart, values: Mapping[str, Any] | None, prefix: str) -> Chart:
    if "dependencies" not in chart.metadata.model_fields_set:
        return chart
    dependencies = chart.metadata.dependencies
    found = taken(chart.subcharts, dependencies, lambda copy: (copy.name, copy.version))
    declared = [_renamed(fitting[0], dependency.key) for dependency, fitting in found.asked if fitting]
    whole = replace(chart, subcharts=(*found.unasked, *declared))
    coalesced = None if values is None else coalesce(whole, values)
    off = {
        dependency.key
        for dependency in dependencies
        if coalesced is not None and not enabled(dependency, coalesced, prefix)
    }
    return replace(
        whole,
        subcharts=tuple(
            _switched(subchart, coalesced, f"{prefix}{subchart.name}.")
            for subchart in whole.subcharts
            if subchart.name not in off
        ),
    )


def _renamed(chart: Chart, name: str) -> Chart:
    return replace(chart, metadata=chart.metadata.model_copy(update={"name": name}))


def _lookup(values: Mapping[str, Any], path: str) -> object:
    found: object = values
    for key in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = cast(Mapping[str, object], found).get(key)
    return found
