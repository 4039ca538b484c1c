"""Freezes and release windows as Argo CD's sync windows, which know a cron line, a time zone and a length.

Argo CD holds the cron line against the clock on the wall, with the offset of now (`SyncWindow.active` in its
source). A window that a cron line does not say exactly is not given to Argo CD at all: it would be wrong.
Nothing syncs by itself in a window. The orchestrator's own operation does: it keeps the windows itself, and
must be able to roll back in them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

from deploy_orchestrator.fleet import Environment, Freeze, Window

_DAY: Final = timedelta(days=1)
_ONCE: Final = timedelta(days=300)
_AGAIN: Final = timedelta(days=8 * 366)
"""How far ahead a cron line must fit exactly: what happens once comes again each year, and a leap day after
eight years at most.
"""


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A freeze or a release window of an `environment` that Argo CD is not told of, and why."""

    environment: str
    window: str
    why: str

    def __str__(self) -> str:
        return f"{self.environment}: Argo CD does not keep {self.window!r}, the orchestrator does: {self.why}"


def sync_windows(environment: Environment, application: str, now: datetime) -> list[dict[str, Any]]:
    """The sync windows of one Application of an `environment`."""
    return [{**each, "applications": [application]} for each in _said(environment, now)[0]]


def unsaid(environment: Environment, now: datetime) -> list[Unsaid]:
    """What those do not say."""
    return _said(environment, now)[1]


def _said(environment: Environment, now: datetime) -> tuple[list[dict[str, Any]], list[Unsaid]]:
    policy = environment.policy
    frozen = [(each.reason, _freeze(each, now)) for each in policy.freezes if each.end > now]
    frozen += [(each.reason, _window("deny", each, now)) for each in policy.freeze_windows]
    released = [(each.reason, _window("allow", each, now)) for each in policy.release_windows]
    # With one release window missing, Argo CD would deny what is allowed.
    why = next((made for _, made in released if isinstance(made, str)), None)
    found = [*frozen, *((reason, why or made) for reason, made in released)]
    return (
        [made for _, made in found if not isinstance(made, str)],
        [Unsaid(environment.name, reason, made) for reason, made in found if isinstance(made, str)],
    )


def _freeze(freeze: Freeze, now: datetime) -> dict[str, Any] | str:
    start, length = freeze.start.astimezone(UTC).replace(tzinfo=None), freeze.end - freeze.start
    today = now.astimezone(UTC).date()
    line = _cron([start], today - length - _DAY, today + _ONCE)
    if line is None:
        return f"Argo CD's come again each year: apply this again within {_ONCE.days} days of it"
    return _sync_window("deny", line, length, "UTC", freeze.reason)


def _window(kind: Literal["allow", "deny"], window: Window, now: datetime) -> dict[str, Any] | str:
    """The sync window, or why there is none."""
    if window.is_ambiguous(now):
        return "it begins or ends at a time that the clock shows twice when it is put back"
    today = now.astimezone(window.zone).date()
    first, last = today - window.lasts - _DAY, today + _AGAIN
    line = _cron(window.clocks(first, last), first, last)
    if line is None:
        return "no cron line says exactly when it comes"
    return _sync_window(kind, line, window.lasts, window.time_zone, window.reason)


def _sync_window(kind: str, line: str, length: timedelta, zone: str, reason: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "schedule": line,
        "duration": f"{int(length.total_seconds())}s",
        "timeZone": zone,
        "manualSync": True,
        "description": reason,
    }


def _cron(clocks: Sequence[datetime], first: date, last: date) -> str | None:
    """The cron line that comes at `clocks` and at no other time from `first` to `last`; None where there is
    none.
    """
    days, hours = {each.date() for each in clocks}, {each.time() for each in clocks}
    if len(hours) != 1 or not all(first <= day <= last for day in days):
        return None
    (hour,) = hours
    all_days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    months, dates = {day.month for day in days}, {day.day for day in days}
    weekdays = {day.isoweekday() % 7 for day in days}
    at = f"{hour.minute} {hour.hour}"
    for line, comes in (
        (
            f"{at} * {_some(months, 12)} {_some(weekdays, 7)}",
            {day for day in all_days if day.month in months and day.isoweekday() % 7 in weekdays},
        ),
        (
            f"{at} {_some(dates, 31)} {_some(months, 12)} *",
            {day for day in all_days if day.month in months and day.day in dates},
        ),
    ):
        if comes == days:
            return line
    return None


def _some(numbers: Collection[int], of: int) -> str:
    return "*" if len(numbers) == of else ",".join(map(str, sorted(numbers)))
