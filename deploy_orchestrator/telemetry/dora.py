"""DORA's figures of software delivery, from changes that Git tells of: https://dora.dev/guides/dora-metrics/."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from deploy_orchestrator.telemetry.past import ReleaseCommit

_DAY: Final = timedelta(days=1)
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Durations:
    """How long `count` things took, in seconds: in the middle, for nine in ten of them at most (nearest
    rank), and at the most.
    """

    count: int
    median: float
    p90: float
    longest: float

    @classmethod
    def of(cls, spans: Iterable[timedelta]) -> "Durations | None":
        """None where there are none. A span below nothing is a clock's fault, and is left out."""
        seconds = sorted(each.total_seconds() for each in spans if each >= timedelta(0))
        if not seconds:
            return None
        rank = -(-len(seconds) * 9 // 10) - 1
        return cls(len(seconds), median(seconds), seconds[rank], seconds[-1])


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of the releases of a span of time.

    `deployments` counts releases, neither reverts nor removals. `lead_time` is from the fleet's commit until
    its release was healthy. A change failed (`failed`, `failure_rate` of all) when it was reverted, or its
    delivery failed; `restore` is from its release until something of the same tenant was healthy there again,
    for which `unrestored` are still waiting. `approval` is from the proposal until the last approval that let
    it through. `unconfirmed` are releases of which nothing says how their delivery went.
    """

    deployments: int
    per_day: float
    lead_time: Durations | None
    failed: int
    failure_rate: float | None
    restore: Durations | None
    unrestored: int
    approval: Durations | None
    unconfirmed: int


@dataclass(frozen=True, slots=True)
class Dora:
    """The figures of what was released from `since` until `until`: all, and by what it was released for."""

    since: datetime
    until: datetime
    all: Figures
    environments: Mapping[str, Figures]
    tenants: Mapping[str, Figures]
    charts: Mapping[str, Figures]


def figures_between(changes: Sequence[ReleaseCommit], since: datetime, until: datetime) -> Dora:
    """The figures of the releases that were made from `since` until before `until`, among all `changes` there
    ever were, oldest first: what happened to them may have happened later.
    """
    released = [each for each in changes if each.kind == "release" and since <= each.at < until]
    restored = _restored(changes)
    days = max((until - since) / _DAY, 1e-9)

    def figures(these: Sequence[ReleaseCommit]) -> Figures:
        failed = [each for each in these if each.undone or each.failed]
        restores = [at - each.at for each in failed if (at := restored(each))]
        return Figures(
            deployments=len(these),
            per_day=len(these) / days,
            lead_time=Durations.of(
                each.healthy - each.committed for each in these if each.healthy and each.committed
            ),
            failed=len(failed),
            failure_rate=len(failed) / len(these) if these else None,
            restore=Durations.of(restores),
            unrestored=len(failed) - len(restores),
            approval=Durations.of(
                each.approved - each.planned for each in these if each.approved and each.planned
            ),
            unconfirmed=sum(not (each.healthy or each.failed) for each in these),
        )

    def by(name: Callable[[ReleaseCommit], str]) -> dict[str, Figures]:
        groups: dict[str, list[ReleaseCommit]] = {}
        for each in released:
            groups.setdefault(name(each), []).append(each)
        return {key: figures(groups[key]) for key in sorted(groups)}

    return Dora(
        since,
        until,
        figures(released),
        by(lambda each: each.environment),
        by(lambda each: each.tenant),
        by(lambda each: each.chart),
    )


def _restored(changes: Sequence[ReleaseCommit]) -> Callable[[ReleaseCommit], datetime | None]:
    """When something was healthy first in a failed change's place: the change itself after it had failed, or
    one after it.
    """
    places: dict[str, list[tuple[int, datetime]]] = {}
    for number, each in enumerate(changes):
        if each.healthy:
            places.setdefault(each.key, []).append((number, each.healthy))
    numbers = {each.commit: number for number, each in enumerate(changes)}

    def restored(failed: ReleaseCommit) -> datetime | None:
        if failed.failed and failed.healthy and failed.healthy > failed.failed:
            return failed.healthy
        healthy = places.get(failed.key, [])
        later = bisect_right(healthy, numbers[failed.commit], key=lambda each: each[0])
        return healthy[later][1] if later < len(healthy) else None

    return restored


def span(durations: Durations | None) -> str:
    """The middle of them, in the largest unit that fits; empty where there is none."""
    if durations is None:
        return ""
    length, unit = next((each for each in _UNITS if durations.median >= each[0]), _UNITS[-1])
    return f"{durations.median / length:.1f} {unit}"
