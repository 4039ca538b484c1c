from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from textwrap import indent
from typing import Self

from deploy_orchestrator.delivery.engine import Engine
from deploy_orchestrator.delivery.errors import (
    DeliveryError,
    EngineUnreachable,
    SyncFailed,
    SyncTimedOut,
    SyncUnhealthy,
)
from deploy_orchestrator.delivery.status import Hook, Operation, Phase, Status
from deploy_orchestrator.releases import Release

_AGAIN = timedelta(seconds=3)
"""How long an engine has to begin with what was announced. Argo CD's ApplicationSet controller loses an
announcement that comes while it works on something else, and reads the releases again after three minutes.
"""


def follow(
    engine: Engine,
    releases: Sequence[Release],
    deadline: timedelta,
    grace: timedelta,
    report: Callable[[Status], None] = lambda status: None,
) -> Iterator[tuple[Release, Status | DeliveryError]]:
    """Syncs `releases` of one environment, one of each tenant, and watches them together until each is live
    and healthy or is known not to become so. May be called again at any time.

    Each is told with its outcome as soon as that is known: its status, or in place of one

    - SyncFailed: the operation failed. One that had failed before this call is tried once more.
    - SyncUnhealthy: what it brought has been unhealthy for longer than `grace`.
    - SyncTimedOut: not live and healthy within `deadline` of this call.
    - SyncSuperseded: a later release took its place.
    - another DeliveryError: the engine refused to sync it.

    `report` hears of every change.

    Raises:
        EngineUnreachable: the engine does not answer.
        DeliveryError: it refuses to tell of the environment at all.
    """
    end = datetime.now(UTC) + deadline
    waiting = {release.tenant: _Pursuit(release, deadline, grace) for release in releases}
    while waiting:
        waits = [each.release for each in waiting.values() if not each.begun]
        if waits:
            engine.announce(waits[-1])
        again = datetime.now(UTC) + (_AGAIN if waits else deadline)
        until = min(again, end, *(each.due or end for each in waiting.values()))
        for status in engine.watch(releases[0].environment, list(waiting), _left(until)):
            if status.tenant not in waiting:
                continue
            each = waiting[status.tenant]
            if status != each.seen:
                report(status)
            each = waiting[status.tenant] = each.saw(status)
            outcome = each.outcome(datetime.now(UTC)) or _sync(engine, each.release, status)
            if outcome is not None:
                del waiting[status.tenant]
                yield each.release, outcome
            if not waiting or (each.due or end) < until:
                break
        now = datetime.now(UTC)
        for each in list(waiting.values()):
            outcome = each.outcome(now) or (each.timed_out() if now >= end else None)
            if outcome is not None:
                del waiting[each.release.tenant]
                yield each.release, outcome


def _sync(engine: Engine, release: Release, seen: Status) -> DeliveryError | None:
    try:
        engine.sync(release, seen)
    except EngineUnreachable:
        raise
    except DeliveryError as error:
        return error
    return None


def _left(until: datetime) -> timedelta:
    return max(timedelta(0), until - datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class _Pursuit:
    """A release on its way, as it was `seen` last. `stale` is its operation that had failed before."""

    release: Release
    deadline: timedelta
    grace: timedelta
    seen: Status | None = None
    stale: Operation | None = None

    def saw(self, status: Status) -> Self:
        first = self.seen is None and status.failed(self.release)
        return replace(self, seen=status, stale=status.operation if first else self.stale)

    def outcome(self, now: datetime) -> Status | DeliveryError | None:
        release, status = self.release, self.seen
        if status is None or status.done(release):
            return status
        if status.failed(release) and status.operation != self.stale:
            return SyncFailed(_why(status), release, status, fix=_fix(status))
        if self.due is not None and self.due < now:
            what = f"unhealthy for longer than {self.grace}: {status.trouble(release)}"
            return SyncUnhealthy(what, release, status, fix="release a change that mends it, or roll back")
        return None

    def timed_out(self) -> SyncTimedOut:
        seen = self.seen
        how = f"{seen.sync}, {seen.health} after {self.deadline}: {_why(seen)}" if seen else None
        fix = "look at what is live, then sync again or roll back"
        return SyncTimedOut(how or f"not seen in {self.deadline}", self.release, seen, fix=fix)

    @property
    def begun(self) -> bool:
        """Whether an operation for it was seen."""
        operation = self.seen.operation if self.seen else None
        return operation is not None and operation.serves(self.release)

    @property
    def due(self) -> datetime | None:
        """When it is given up unless what its operation brought gets healthy; None where it is."""
        status = self.seen
        if status is None or status.drift or status.operation is None:
            return None
        if not status.operation.serves(self.release) or status.operation.phase is not Phase.SUCCEEDED:
            return None
        since = status.failing_since(self.release, self.deadline)
        return since + self.grace if since else None


def _why(status: Status) -> str:
    operation = status.operation
    broken = [_told(hook) for hook in operation.broken] if operation else []
    said = operation.message if operation and operation.phase.failed else status.message
    reasons = [*broken, *([said] if said else [])]
    return ("\n" if any("\n" in each for each in broken) else "; ").join(reasons) or "no reason was given"


def _told(hook: Hook) -> str:
    """A hook with what it said, which stands below it where that has several lines."""
    if "\n" in hook.message:
        return f"{hook.object}:\n{indent(hook.message, '  ')}"
    return f"{hook.object}: {hook.message or hook.phase}"


def _fix(status: Status) -> str:
    commands = [hook.logs for hook in status.operation.broken if hook.logs] if status.operation else []
    look = f"; {commands[0]} shows what it printed" if commands else ""
    return f"mend the chart or its values and release anew{look}"
