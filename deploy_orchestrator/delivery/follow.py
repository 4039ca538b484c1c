import time
from collections.abc import Callable
from datetime import timedelta
from textwrap import indent

from deploy_orchestrator.delivery.engine import Engine
from deploy_orchestrator.delivery.errors import SyncFailed, SyncTimedOut
from deploy_orchestrator.delivery.status import Hook, Status
from deploy_orchestrator.releases import Release


def follow(
    engine: Engine,
    release: Release,
    deadline: timedelta,
    report: Callable[[Status], None] = lambda status: None,
) -> Status:
    """Syncs `release` and watches until it is live and healthy. May be called again at any time.

    `report` hears of every change. The engine is told to look again as long as it has not looked since the
    operation ended.

    Raises:
        SyncFailed: the operation failed.
        SyncTimedOut: not live and healthy within `deadline` of this call.
        SyncSuperseded: a later release took its place.
        EngineUnreachable: the engine does not answer.
    """
    end = time.monotonic() + deadline.total_seconds()
    engine.sync(release)
    seen: Status | None = None
    for status in engine.watch(release.environment, release.tenant, _until(end)):
        if status != seen:
            report(status)
        seen = status
        if status.done(release):
            return status
        if status.failed(release):
            raise SyncFailed(_why(status), release, status, fix=_fix(status))
        operation = status.operation
        if operation is None or not operation.serves(release) or status.drift:
            engine.sync(release)
        elif operation.finished is not None and status.observed < operation.finished:
            engine.refresh(release.environment, release.tenant)
    raise SyncTimedOut(
        f"{seen.sync}, {seen.health} after {deadline}: {_why(seen)}" if seen else f"not seen in {deadline}",
        release,
        seen,
        fix="look at what is live, then sync again or roll back",
    )


def _until(end: float) -> timedelta:
    return timedelta(seconds=max(0.0, end - time.monotonic()))


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
