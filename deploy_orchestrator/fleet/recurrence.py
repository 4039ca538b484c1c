"""When something comes again: the rules of iCalendar (RFC 5545, 3.3.10), by the clock of a time zone.

What recurs does so by the clock on the wall. Where that is put forward over a time, that time is the moment
of the change; where it is put back, a time that it shows twice is the first of the two.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrulestr
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from deploy_orchestrator.terms import as_pattern

HORIZON: Final = timedelta(days=12 * 366)
"""How far ahead is looked for the next time. A 29 February is at most 8 years away."""

_NUMBERS = r"[+-]?\d{1,3}(?:,[+-]?\d{1,3})*"
_DAYS = r"(?:[+-]?\d{1,2})?(?:MO|TU|WE|TH|FR|SA|SU)"
_PARTS: Final = {
    "FREQ": r"DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": r"[1-9]\d{0,2}",
    "UNTIL": r"\d{8}(?:T\d{6})?",
    "WKST": r"MO|TU|WE|TH|FR|SA|SU",
    "BYDAY": rf"{_DAYS}(?:,{_DAYS})*",
    "BYMONTH": _NUMBERS,
    "BYMONTHDAY": _NUMBERS,
    "BYYEARDAY": _NUMBERS,
    "BYWEEKNO": _NUMBERS,
    "BYSETPOS": _NUMBERS,
    "BYEASTER": _NUMBERS,
}
_LEAST_DAYS: Final = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 28, "YEARLY": 365}
_RULE: Final = r"[A-Z]+=[A-Z0-9,+-]+(?:;[A-Z]+=[A-Z0-9,+-]+)*"
_CLOCK: Final = r"20\d\d-\d\d-\d\dT\d\d:\d\d"


def _rule(text: str) -> str:
    parts = [part.partition("=") for part in text.split(";")]
    keys = [key for key, _, _ in parts]
    known = all(key in _PARTS and re.fullmatch(_PARTS[key], value, re.ASCII) for key, _, value in parts)
    if not known or "FREQ" not in keys or len({*keys}) != len(keys):
        raise ValueError("expected a rule of RFC 5545 for days, such as FREQ=WEEKLY;BYDAY=SA,SU")
    try:
        next(coming(text, datetime(2000, 1, 1), date(2000, 1, 1), date(2000, 1, 2)), None)
    except (ValueError, TypeError) as error:
        raise ValueError(f"expected another rule: {error}") from error
    return text


_ONES_OWN: Final = {"localtime", "posixrules", "Factory"}
"""Zones of one machine. Argo CD takes UTC for what it does not know."""


def _clock(value: Any) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is None:
        return value
    with suppress(ValueError):
        if isinstance(value, str) and re.fullmatch(_CLOCK, value, re.ASCII):
            return datetime.fromisoformat(value)
    raise ValueError("expected a day and a time without a zone, such as 2026-01-02T18:00")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone such as Europe/Berlin") from None
    if name in _ONES_OWN or name.startswith(("posix/", "right/")):
        raise ValueError("expected a time zone that is the same on each machine, such as Europe/Berlin")
    return name


Recurrence = Annotated[str, AfterValidator(_rule), as_pattern(_RULE)]
"""A rule for the days on which something comes again."""

Clock = Annotated[
    datetime,
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK}$"}),
    PlainSerializer(lambda clock: clock.isoformat(timespec="minutes"), when_used="json"),
]
"""What the calendar and the clock on the wall show."""

ZoneName = Annotated[str, AfterValidator(_zone), WithJsonSchema({"type": "string"})]
"""A time zone by its name in the IANA's database."""


@lru_cache(maxsize=1024)
def times(rule: str, start: datetime, first: date, last: date) -> tuple[datetime, ...]:
    """All that is `coming`."""
    return tuple(coming(rule, start, first, last))


def coming(rule: str, start: datetime, first: date, last: date) -> Iterator[datetime]:
    """When something that recurs from `start` on comes, from the day `first` to the day `last`."""
    begin, end = datetime.combine(first, time.min), datetime.combine(last, time.max)
    parts = dict(part.split("=") for part in rule.split(";"))
    limit = min(end, _end_of(parts["UNTIL"])) if "UNTIL" in parts else end
    interval = _Interval(parts.get("INTERVAL", "1"))
    interval.steps = max(0, (last - start.date()).days) // (_LEAST_DAYS[parts["FREQ"]] * interval) + 2
    with suppress(_Passed):
        for at in rrulestr(rule, dtstart=start).replace(until=limit, interval=interval):
            if at >= begin:
                yield at


class _Passed(Exception):
    """All that may come by then has come."""


class _Interval(int):
    """Ends the search after so many `steps` of it: where nothing comes, dateutil goes on to the year 9999."""

    steps: int

    def __radd__(self, other: int) -> int:
        return other + self._step()

    def __mul__(self, other: int) -> int:
        return self._step() * other

    def _step(self) -> int:
        if not self.steps:
            raise _Passed
        self.steps -= 1
        return int(self)


def _end_of(until: str) -> datetime:
    found = datetime.fromisoformat(until)
    return found if "T" in until else datetime.combine(found, time.max)


def moment(clock: datetime, zone: ZoneInfo) -> datetime:
    """The first moment, in UTC, at which the clock of `zone` shows `clock`, or jumps over it."""
    found = clock.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == clock:
        return found
    before = int(clock.replace(tzinfo=zone, fold=1).astimezone(UTC).timestamp())
    offset = datetime.fromtimestamp(before, zone).utcoffset()
    seconds = range(before, int(found.timestamp()) + 1)
    jump = bisect_left(seconds, True, key=lambda at: datetime.fromtimestamp(at, zone).utcoffset() != offset)
    return datetime.fromtimestamp(seconds[jump], UTC)


def is_shown_twice(clock: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock of `zone` shows `clock` a second time, because it was put back."""
    first, second = (clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first < second
