"""What changes for everything around a chart when it takes another version."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from deploy_orchestrator.charts.constraint import Constraint
from deploy_orchestrator.charts.graph.analysis import Analysis
from deploy_orchestrator.charts.graph.closure import Closure, Need, Unresolved
from deploy_orchestrator.charts.graph.conflicts import Conflict
from deploy_orchestrator.charts.harm import Harm
from deploy_orchestrator.charts.published import ChartIdentity
from deploy_orchestrator.charts.version import Version
from deploy_orchestrator.terms import KeyPath


@dataclass(frozen=True, slots=True)
class ChartChange:
    """The versions of one chart that load before and after; none where it is new or gone."""

    identity: ChartIdentity
    before: tuple[str, ...]
    after: tuple[str, ...]


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
"""In the place of a value: there is none."""


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A default that is added, removed or another; `field` leads to it."""

    field: KeyPath
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Impact:
    """What differs between two analyses.

    `worsening` are the conflicts, as they are then, that were there before and have become unsatisfiable or
    more harmful. `missing` are the dependencies that can no longer be looked up.
    """

    charts: tuple[ChartChange, ...]
    appearing: tuple[Conflict, ...]
    worsening: tuple[Conflict, ...]
    going: tuple[Conflict, ...]
    missing: tuple[Unresolved, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is missing, and no new or worse conflict is unsatisfiable or harmful."""
        return not self.missing and not any(
            one.harm is Harm.HARMFUL or not one.satisfiable for one in (*self.appearing, *self.worsening)
        )


def impact(before: Analysis, after: Analysis) -> Impact:
    """What is different in `after`. Conflicts are told apart by the chart that they are about."""
    clashing, then_clashing = (
        {one.identity: one for one in analysis.conflicts} for analysis in (before, after)
    )
    missing = {(one.parent.name, one.dependency.key) for one in before.closure.unresolved}
    return Impact(
        charts=tuple(_chart_changes(before.closure, after.closure)),
        appearing=tuple(one for identity, one in then_clashing.items() if identity not in clashing),
        worsening=tuple(
            one
            for identity, one in then_clashing.items()
            if identity in clashing and _is_worse(one, clashing[identity])
        ),
        going=tuple(one for identity, one in clashing.items() if identity not in then_clashing),
        missing=tuple(
            one for one in after.closure.unresolved if (one.parent.name, one.dependency.key) not in missing
        ),
    )


def broken(closure: Closure, identity: ChartIdentity, version: str) -> tuple[Need, ...]:
    """Every need of the chart whose constraint does not allow `version`."""
    return tuple(
        need
        for need in closure.needs
        if need.chart.identity == identity and not Constraint.parse(need.constraint).allows(version)
    )


def changed_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[ValueChange, ...]:
    """Every default that differs, down to the innermost field; a list counts as a whole, as Helm takes it."""
    return tuple(_value_changes(before, after, ()))


def is_set(values: Mapping[str, Any], field: KeyPath) -> bool:
    """Whether `values` set `field`, something in it, or something else in place of what it stands in."""
    found: object = values
    for key in field:
        if not isinstance(found, Mapping):
            return True
        inside = cast(Mapping[str, object], found)
        if key not in inside:
            return False
        found = inside[key]
    return True


def _is_worse(now: Conflict, before: Conflict) -> bool:
    ranks = list(Harm)
    return (before.satisfiable and not now.satisfiable) or ranks.index(now.harm) > ranks.index(before.harm)


def _chart_changes(before: Closure, after: Closure) -> Iterator[ChartChange]:
    loaded: defaultdict[ChartIdentity, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for side, closure in enumerate((before, after)):
        for node in closure.graph:
            loaded[node.identity][side].add(node.version)
    for identity, (old, new) in sorted(loaded.items()):
        if old != new:
            yield ChartChange(identity, *(tuple(sorted(side, key=Version.parse)) for side in (old, new)))


def _value_changes(before: object, after: object, field: KeyPath) -> Iterator[ValueChange]:
    old, new = _mapping(before), _mapping(after)
    if old is not None and new is not None and (old or new):
        for key in dict.fromkeys((*old, *new)):
            yield from _value_changes(old.get(key, ABSENT), new.get(key, ABSENT), (*field, key))
    elif before != after or type(before) is not type(after):
        yield ValueChange(field, before, after)


def _mapping(value: object) -> Mapping[str, object] | None:
    if value is ABSENT:
        return {}
    return cast(Mapping[str, object], value) if isinstance(value, Mapping) else None
