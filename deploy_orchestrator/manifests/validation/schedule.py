"""When a CronJob runs, as `github.com/robfig/cron` reads it."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

_NAMED: Final = frozenset({"@annually", "@daily", "@hourly", "@midnight", "@monthly", "@weekly", "@yearly"})
_DURATION: Final = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+|[+-]?0")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_Names = Mapping[str, int]
_UNNAMED: Final[_Names] = {}
_FIELDS: Final[tuple[tuple[str, int, int, _Names], ...]] = (
    ("minute", 0, 59, _UNNAMED),
    ("hour", 0, 23, _UNNAMED),
    ("day of the month", 1, 31, _UNNAMED),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)


def schedule(value: Any) -> str | None:
    """What is wrong with a schedule."""
    if "TZ" in value:
        return "must not name a time zone, for which there is timeZone"
    if value.startswith("@every "):
        duration = value.removeprefix("@every ")
        return None if _DURATION.fullmatch(duration) else "must have a duration such as 1h30m after @every"
    if value.startswith("@"):
        return None if value in _NAMED else f"must be one of {', '.join(sorted(_NAMED))}"
    given = value.split()
    if len(given) != len(_FIELDS):
        return f"must have {len(_FIELDS)} fields, and has {len(given)}"
    for text, (name, least, most, names) in zip(given, _FIELDS, strict=True):
        for part in filter(None, text.split(",")):
            if not _is_range(part, least, most, names):
                return f"has no {name} from {least} to {most} in {part!r}"
    return None


def time_zone(value: Any) -> str | None:
    """What is wrong with the name of a time zone."""
    known = _time_zones()
    return (
        "must be the name of a time zone, as Europe/Zurich" if known and value.lower() not in known else None
    )


@cache
def _time_zones() -> frozenset[str]:
    """Those that this machine knows; none where it has no database of them."""
    return frozenset(each.lower() for each in available_timezones())


def _is_range(text: str, least: int, most: int, names: _Names) -> bool:
    range_, *steps = text.split("/")
    low, *high = range_.split("-")
    if low in {"*", "?"}:
        start, end = least, most
    else:
        bounds = [_number(each, names) for each in (low, *high)]
        if len(bounds) > 2 or None in bounds:
            return False
        start, end = bounds[0] or 0, bounds[-1] or 0
        if steps and not high:
            end = most
    if len(steps) > 1 or (steps and not _number(steps[0], _UNNAMED)):
        return False
    return least <= start <= end <= most


def _number(text: str, names: _Names) -> int | None:
    if text.lower() in names:
        return names[text.lower()]
    return int(text) if re.fullmatch(r"\+?[0-9]{1,9}", text, re.ASCII) else None
