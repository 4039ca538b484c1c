"""What Prometheus is told: each metric once, with how its values come of what was seen and of what happened.

Everything is counted anew of Git, the engine and Dagster, so that it is right after a restart; what only this
process knows says so. Labels name environments, states and kinds, of which there are few, and never tenants.
https://prometheus.io/docs/practices/naming/
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Final, Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from deploy_orchestrator.telemetry.dora import Dora, Durations, Figures, figures_between
from deploy_orchestrator.telemetry.past import ReleaseCommit

PREFIX: Final = "deploy_orchestrator_"
DORA_WINDOW: Final = timedelta(days=30)
BUCKETS: Final = (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 43_200, 86_400, 259_200, 604_800)
"""Upper bounds in seconds: from a sync to a change that waits for a week."""


@dataclass(frozen=True, slots=True)
class Waits:
    """A plan that is not released: proposed at `since`, and the `gates` that are closed."""

    environment: str
    verdict: str
    gates: tuple[str, ...]
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Seen:
    """How everything stands at the moment `at`.

    `deployments` counts by environment and state, `troubles` by kind of error, `paused` the stopped lines by
    environment. `guards` has the last look of each sensor that guards what is released (None: never). `runs`
    counts Dagster's by status, `queued_since` is when the oldest of those that wait was asked for,
    `conflicts` how many its last survey found; None where this process does not speak to Dagster. `failures`
    counts looks that failed by kind of error, since this process began, and `took` how long the last one
    took.
    """

    at: datetime
    version: str
    deployments: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    waiting: Sequence[Waits] = ()
    paused: Mapping[str, int] = field(default_factory=dict[str, int])
    troubles: Mapping[str, int] = field(default_factory=dict[str, int])
    guards: Mapping[str, datetime | None] = field(default_factory=dict[str, datetime | None])
    runs: Mapping[str, int] | None = None
    queued_since: datetime | None = None
    conflicts: int | None = None
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    took: timedelta = timedelta(0)


Value = tuple[tuple[str, ...], float]
"""The values of the labels, and the number."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric by its `name` (without what all begin with), its `help`, its labels and its source."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    labels: tuple[str, ...]
    values: Callable[["Told"], Iterable[Value]]

    @property
    def full_name(self) -> str:
        return f"{PREFIX}{self.name}"

    def family(self, told: "Told") -> Family:
        """What is said of it."""
        if self.kind == "histogram":
            return _histogram(self, told)
        of = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = of(self.full_name, self.help, labels=self.labels)
        for labels, value in self.values(told):
            family.add_metric(labels, value)
        return family


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to tell: how it stands, and all that happened."""

    seen: Seen
    past: "_Past"


@dataclass(frozen=True, slots=True)
class _Past:
    releases: Mapping[tuple[str, str], int]
    deliveries: Mapping[tuple[str, str, str], int]
    stages: Mapping[tuple[str, str], tuple[tuple[int, ...], float]]
    changes: Sequence[ReleaseCommit]


def exposition(seen: Seen, changes: tuple[ReleaseCommit, ...]) -> bytes:
    """All metrics in Prometheus' text format, of how it stands and of all changes there ever were."""
    told = Told(seen, _counted(changes))

    class Collected(Collector):
        def collect(self) -> Iterator[Family]:
            return (metric.family(told) for metric in METRICS)

    registry = CollectorRegistry()
    registry.register(Collected())
    return generate_latest(registry)


def _stages(change: ReleaseCommit) -> Iterator[tuple[str, timedelta]]:
    ends = {
        "commit_to_plan": (change.committed, change.planned),
        "approval": (change.planned, change.approved),
        "plan_to_release": (change.planned, change.at),
        "release_to_healthy": (change.at, change.healthy),
        "commit_to_healthy": (change.committed, change.healthy),
    }
    for stage, (begin, end) in ends.items():
        if begin and end and begin <= end:
            yield stage, end - begin


@lru_cache(maxsize=1)
def _counted(changes: tuple[ReleaseCommit, ...]) -> _Past:
    deliveries: Counter[tuple[str, str, str]] = Counter()
    counts: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
    sums: Counter[tuple[str, str]] = Counter()
    for each in changes:
        for outcome in ("healthy", "failed"):
            deliveries[each.environment, each.kind, outcome] += getattr(each, outcome) is not None
        for stage, span in _stages(each) if each.kind == "release" else ():
            seconds = span.total_seconds()
            counts[each.environment, stage][bisect_left(BUCKETS, seconds)] += 1
            sums[each.environment, stage] += seconds  # pyright: ignore[reportArgumentType]
    return _Past(
        Counter((each.environment, each.kind) for each in changes),
        deliveries,
        {key: (tuple(accumulate(found)), sums[key]) for key, found in counts.items()},
        changes,
    )


def _histogram(metric: Metric, told: Told) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.full_name, metric.help, labels=metric.labels)
    for labels, (counts, total) in told.past.stages.items():
        bounds = [*(f"{float(bound)}" for bound in BUCKETS), "+Inf"]
        family.add_metric(labels, list(zip(bounds, counts, strict=True)), total)
    return family


def _waiting(told: Told) -> Iterator[Value]:
    counts = Counter((each.environment, each.verdict) for each in told.seen.waiting)
    return ((labels, count) for labels, count in sorted(counts.items()))


def _closed(told: Told) -> Iterator[Value]:
    counts = Counter((each.environment, gate) for each in told.seen.waiting for gate in each.gates)
    return ((labels, count) for labels, count in sorted(counts.items()))


def _waiting_since(told: Told) -> Iterator[Value]:
    oldest: dict[tuple[str, str], datetime] = {}
    for each in told.seen.waiting:
        for gate in each.gates if each.since else ():
            labels = (each.environment, gate)
            oldest[labels] = min(oldest.get(labels, each.since), each.since)  # pyright: ignore[reportArgumentType]
    return ((labels, at.timestamp()) for labels, at in sorted(oldest.items()))


def _by_name(counts: Callable[[Seen], Mapping[str, float] | None]) -> Callable[[Told], Iterator[Value]]:
    return lambda told: (((name,), count) for name, count in sorted((counts(told.seen) or {}).items()))


def _one(value: Callable[[Seen], float | None]) -> Callable[[Told], Iterator[Value]]:
    return lambda told: (((), found) for found in [value(told.seen)] if found is not None)


def _guards(told: Told) -> Iterator[Value]:
    return (((name,), at.timestamp() if at else 0) for name, at in sorted(told.seen.guards.items()))


@lru_cache(maxsize=1)
def _figures(changes: tuple[ReleaseCommit, ...], until: datetime) -> Dora:
    return figures_between(changes, until - DORA_WINDOW, until)


def _dora(value: Callable[[Figures], float | Durations | None]) -> Callable[[Told], Iterator[Value]]:
    """A figure of each environment, of durations the middle; nothing where there is none."""

    def values(told: Told) -> Iterator[Value]:
        figures = _figures(tuple(told.past.changes), told.seen.at)
        for name, each in figures.environments.items():
            found = value(each)
            if found is not None:
                yield (name,), found.median if isinstance(found, Durations) else found

    return values


METRICS: Final = (
    Metric(
        "build_info",
        "gauge",
        "The version that runs, as a label.",
        ("version",),
        lambda told: [((told.seen.version,), 1)],
    ),
    Metric(
        "deployments",
        "gauge",
        "Tenants in an environment, by state: live, progressing, drifted, degraded, unknown, not released.",
        ("environment", "state"),
        lambda told: sorted(told.seen.deployments.items()),
    ),
    Metric(
        "waiting", "gauge", "Plans that are not released, by verdict.", ("environment", "verdict"), _waiting
    ),
    Metric(
        "waiting_gates",
        "gauge",
        "Plans that are not released, by each gate that is closed.",
        ("environment", "gate"),
        _closed,
    ),
    Metric(
        "waiting_since_timestamp_seconds",
        "gauge",
        "When the oldest plan that a gate holds back was proposed.",
        ("environment", "gate"),
        _waiting_since,
    ),
    Metric(
        "releases_total",
        "counter",
        "Commits that changed what is released, by kind: release, revert, removal. Counted from Git.",
        ("environment", "kind"),
        lambda told: sorted(told.past.releases.items()),
    ),
    Metric(
        "deliveries_total",
        "counter",
        "Releases, reverts and removals of which it is recorded that they got healthy, or that they failed.",
        ("environment", "kind", "outcome"),
        lambda told: sorted(told.past.deliveries.items()),
    ),
    Metric(
        "stage_duration_seconds",
        "histogram",
        "How long each stage of a release took: commit_to_plan, approval, plan_to_release, "
        "release_to_healthy, and from end to end commit_to_healthy. From Git.",
        ("environment", "stage"),
        lambda _: (),
    ),
    Metric(
        "paused_lines",
        "gauge",
        "Lines that somebody has stopped.",
        ("environment",),
        _by_name(lambda seen: seen.paused),
    ),
    Metric(
        "troubles",
        "gauge",
        "What is wrong with the fleet, the deployments repository, an engine or a guard, by kind of error.",
        ("kind",),
        _by_name(lambda seen: seen.troubles),
    ),
    Metric(
        "guard_last_look_timestamp_seconds",
        "gauge",
        "When a sensor that guards what is released looked last; 0 where it never did.",
        ("guard",),
        _guards,
    ),
    Metric(
        "runs",
        "gauge",
        "Dagster's runs that wait or are under way, by status.",
        ("status",),
        _by_name(lambda seen: seen.runs),
    ),
    Metric(
        "queued_since_timestamp_seconds",
        "gauge",
        "When the oldest run that waits in Dagster's queue was asked for; absent where none does.",
        (),
        _one(lambda seen: seen.queued_since.timestamp() if seen.queued_since else None),
    ),
    Metric(
        "version_conflicts",
        "gauge",
        "Version conflicts among the charts, as the last survey found them; absent before the first one.",
        (),
        _one(lambda seen: seen.conflicts),
    ),
    Metric(
        "last_look_timestamp_seconds",
        "gauge",
        "When everything was looked at; all that is said here is of that moment.",
        (),
        _one(lambda seen: seen.at.timestamp()),
    ),
    Metric(
        "look_duration_seconds",
        "gauge",
        "How long that look took.",
        (),
        _one(lambda seen: seen.took.total_seconds()),
    ),
    Metric(
        "failed_looks_total",
        "counter",
        "Looks that failed since this process began, by kind of error.",
        ("kind",),
        _by_name(lambda seen: seen.failures),
    ),
    Metric(
        "dora_deployments_per_day",
        "gauge",
        "Deployment frequency over the last 30 days.",
        ("environment",),
        _dora(lambda figures: figures.per_day),
    ),
    Metric(
        "dora_lead_time_seconds",
        "gauge",
        "Lead time over the last 30 days, from commit to healthy, the median.",
        ("environment",),
        _dora(lambda figures: figures.lead_time),
    ),
    Metric(
        "dora_change_failure_ratio",
        "gauge",
        "Change failure rate over the last 30 days, from 0 to 1.",
        ("environment",),
        _dora(lambda figures: figures.failure_rate),
    ),
    Metric(
        "dora_restore_seconds",
        "gauge",
        "Time to restore over the last 30 days, the median.",
        ("environment",),
        _dora(lambda figures: figures.restore),
    ),
    Metric(
        "dora_approval_seconds",
        "gauge",
        "Time from the proposal until the last approval, over the last 30 days, the median.",
        ("environment",),
        _dora(lambda figures: figures.approval),
    ),
)
