"""What an upgrade of one chart does to a fleet: to the charts that it asks for, and to all who run them."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy_orchestrator.charts import (
    Analysis,
    Chart,
    Impact,
    Need,
    PublishedChart,
    Repositories,
    Upgrade,
    ValueChange,
    analyze,
    compare,
    impact,
    is_set,
    resolve,
    target,
)
from deploy_orchestrator.fleet import (
    ChartReference,
    ChartUpgrade,
    Deployment,
    Edit,
    Fleet,
    FleetError,
    Wanted,
    changed,
    upgraded,
)
from deploy_orchestrator.foresight.surveying import chart_of, uses_of, values_of


@dataclass(frozen=True, slots=True)
class ChartEffect:
    """What changes in one chart of a deployment, judged with its values; it `sets` these of the defaults."""

    after: Analysis
    runs: str
    impact: Impact
    sets: tuple[ValueChange, ...]


@dataclass(frozen=True, slots=True)
class Concerned:
    """A `deployment` of the upgraded fleet whose manifests may be others, and its charts that change."""

    deployment: Deployment
    charts: tuple[ChartEffect, ...]


@dataclass(frozen=True, slots=True)
class FleetImpact:
    """What an upgrade comes to: the `fleet` then, the `edits` that it takes, each chart that changes, all
    whom that concerns, and the tenants that are `broken` by it.
    """

    fleet: Fleet
    edits: tuple[Edit, ...]
    charts: tuple[Upgrade, ...]
    concerned: tuple[Concerned, ...]
    broken: Mapping[str, FleetError]


def fleet_impact(
    fleet: Fleet, upgrade: ChartUpgrade, repositories: Repositories, *, as_of: datetime | None = None
) -> FleetImpact:
    """What changes if `fleet` has the chart in the other version; nothing where it names no such chart.

    Raises:
        FleetError, ChartError: as `upgraded`, or for a chart that cannot be read.
    """
    then = upgraded(fleet, upgrade, repositories)
    with tempfile.TemporaryDirectory() as scratch:
        comparison = _Comparison(fleet, then.fleet, upgrade, repositories, as_of, Path(scratch))
        concerned = tuple(comparison.concerned())
        charts = tuple(comparison.upgrades.values())
    broken = {name: error for name, error in then.fleet.broken.items() if name not in fleet.broken}
    return FleetImpact(then.fleet, then.edits, charts, concerned, broken)


@dataclass(frozen=True, slots=True)
class Carrier:
    """A chart of a fleet in whose package another one comes along, and who runs what is built on it."""

    need: Need
    deployments: tuple[str, ...]


def carriers(fleet: Fleet, wanted: Wanted, repositories: Repositories) -> tuple[Carrier, ...]:
    """Every need of a chart anywhere below those that `fleet` asks for. Raises as `chart_of`."""
    found: defaultdict[Need, list[str]] = defaultdict(list)
    for reference, uses in uses_of(fleet).items():
        with tempfile.TemporaryDirectory() as scratch:
            root = chart_of(reference, fleet, Path(scratch), repositories)
            for need in resolve(root, repositories, assembled=True).needs:
                if wanted.includes(need.chart.identity, need.key):
                    found[need] += dict.fromkeys(use.deployment for use in uses)
    return tuple(Carrier(need, tuple(deployments)) for need, deployments in found.items())


class _Comparison:
    def __init__(
        self,
        before: Fleet,
        after: Fleet,
        upgrade: ChartUpgrade,
        repositories: Repositories,
        as_of: datetime | None,
        scratch: Path,
    ) -> None:
        self.upgrades: dict[ChartReference, Upgrade] = {}
        self._before, self._after = before, after
        self._scratch = scratch
        self._upgrade, self._repositories, self._as_of = upgrade, repositories, as_of
        self._roots: dict[ChartReference, tuple[Chart | PublishedChart, Chart | PublishedChart]] = {}

    def concerned(self) -> Iterator[Concerned]:
        for then in changed(self._before, self._after):
            now = self._before.deployment(then.environment.name, then.tenant.name)
            own = {each.name: each for each in now.releases}
            charts = [
                (own[each.name].chart, each.chart, values_of(self._before, now, own[each.name]))
                for each in then.releases
            ]
            if now.has_platform and then.has_platform:
                platform_values = self._before.platform_values(now)
                charts.insert(0, (self._before.platform, self._after.platform, platform_values))
            effects = [self._effect(*chart) for chart in charts if not self._is_same(*chart[:2])]
            yield Concerned(then, tuple(effects))

    def _is_same(self, now: ChartReference, then: ChartReference) -> bool:
        if now.repository or then.repository:
            return now == then
        return self._before.charts[now.name].trees == self._after.charts[then.name].trees

    def _effect(self, now: ChartReference, then: ChartReference, values: Mapping[str, Any]) -> ChartEffect:
        if now not in self.upgrades:
            self._roots[now] = self._charts(now, then)
            self.upgrades[now] = compare(*self._roots[now], self._repositories, as_of=self._as_of)
        found = self.upgrades[now]
        after, judged = found.after, found.impact
        if judged.appearing or judged.worsening or judged.going:
            before, after = (
                analyze(
                    each,
                    self._repositories,
                    as_of=self._as_of,
                    values=values,
                    assembled=True,
                )
                for each in self._roots[now]
            )
            judged = impact(before, after)
        sets = tuple(change for change in found.values or () if is_set(values, change.field))
        return ChartEffect(after, str(found.before.root), judged, sets)

    def _charts(
        self, now: ChartReference, then: ChartReference
    ) -> tuple[Chart | PublishedChart, Chart | PublishedChart]:
        before = self._chart(now, self._before)
        if now.repository and not then.repository:
            return before, target(before, self._upgrade.version, self._upgrade.chart.name, self._repositories)
        return before, self._chart(then, self._after)

    def _chart(self, reference: ChartReference, fleet: Fleet) -> Chart | PublishedChart:
        return chart_of(reference, fleet, Path(tempfile.mkdtemp(dir=self._scratch)), self._repositories)
