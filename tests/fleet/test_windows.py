"""Times that come again: by the clock on the wall of a time zone, through its changes."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import ValidationError

from deploy_orchestrator.fleet import Environment, Window

BERLIN = ZoneInfo("Europe/Berlin")


def window(every: str = "FREQ=DAILY", **fields: Any) -> Window:
    made = {"start": "2026-01-02T18:00", "lasts": "1h", "timeZone": "Europe/Berlin", "reason": "x"}
    return Window.model_validate({"every": every, **made, **fields})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_weekend_is_from_friday_evening_to_monday_morning_by_the_clock_there() -> None:
    weekend = window("FREQ=WEEKLY;BYDAY=FR", lasts="62h")
    assert weekend.until(utc("2026-11-27T16:59:59")) is None
    assert weekend.until(utc("2026-11-27T17:00")) == utc("2026-11-30T07:00")
    assert weekend.until(utc("2026-11-30T06:59:59")) == utc("2026-11-30T07:00")
    assert weekend.until(utc("2026-11-30T07:00")) is None
    assert weekend.next(utc("2026-11-30T07:00")) == utc("2026-12-04T17:00")


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-28T12:00", "2026-03-30T06:00"),
        ("2026-10-24T12:00", "2026-10-26T07:00"),
    ],
)
def test_a_window_over_a_change_of_the_clock_ends_when_the_clock_says(now: str, end: str) -> None:
    weekend = window("FREQ=WEEKLY;BYDAY=FR", lasts="62h")
    assert weekend.until(utc(now)) == utc(end)


def test_what_begins_while_the_clock_jumps_begins_with_the_jump() -> None:
    night = window(start="2026-01-02T02:30", lasts="45m")
    assert night.until(utc("2026-03-29T00:59:59")) is None
    assert night.until(utc("2026-03-29T01:00")) == utc("2026-03-29T01:15")
    assert night.next(utc("2026-03-29T00:00")) == utc("2026-03-29T01:00")


def test_what_the_clock_never_shows_does_not_come() -> None:
    night = window(start="2026-01-02T02:15", lasts="30m")
    assert night.next(utc("2026-03-28T12:00")) == utc("2026-03-29T01:00")
    assert night.until(utc("2026-03-29T01:00")) is None


def test_what_begins_at_a_time_that_is_shown_twice_begins_at_the_first_and_comes_once() -> None:
    night = window(start="2026-01-02T02:30", lasts="3h")
    assert night.until(utc("2026-10-25T00:29:59")) is None
    assert night.until(utc("2026-10-25T00:30")) == utc("2026-10-25T04:30")
    assert night.until(utc("2026-10-25T01:10")) == utc("2026-10-25T04:30")


def test_what_ends_at_a_time_that_is_shown_twice_ends_at_the_first() -> None:
    evening = window(start="2026-01-02T20:00", lasts="6h30m")
    assert evening.until(utc("2026-10-25T00:29:59")) == utc("2026-10-25T00:30")
    assert evening.until(utc("2026-10-25T01:15")) is None


@pytest.mark.parametrize(
    ("every", "now", "then"),
    [
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2026-11-29T00:00", "2028-02-29T17:00"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2026-11-29T00:00", "2026-12-25T17:00"),
        ("FREQ=YEARLY;BYEASTER=-2", "2026-11-29T00:00", "2027-03-26T17:00"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "2026-11-29T00:00", "2026-12-04T17:00"),
        ("FREQ=DAILY;UNTIL=20261130", "2026-11-29T18:00", "2026-11-30T17:00"),
    ],
)
def test_a_rule_of_the_calendar_comes_when_it_says(every: str, now: str, then: str) -> None:
    assert window(every).next(utc(now)) == utc(then)


def test_a_rule_that_has_ended_comes_no_more() -> None:
    assert window("FREQ=DAILY;UNTIL=20261130").next(utc("2026-11-30T18:00")) is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"every": "FREQ=HOURLY"}, "expected a rule of RFC 5545 for days"),
        ({"every": "FREQ=DAILY;INTERVAL=0"}, "expected a rule of RFC 5545 for days"),
        ({"every": "FREQ=DAILY;COUNT=3"}, "expected a rule of RFC 5545 for days"),
        ({"every": "FREQ=DAILY;FREQ=DAILY"}, "expected a rule of RFC 5545 for days"),
        ({"every": "BYDAY=FR"}, "expected a rule of RFC 5545 for days"),
        ({"every": "FREQ=DAILY\nDTSTART:20260101T000000"}, "expected a rule of RFC 5545 for days"),
        ({"every": "FREQ=DAILY;UNTIL=20269901"}, "expected another rule"),
        ({"every": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "comes within 12 years"),
        ({"start": "2026-01-02T18:00:00+01:00"}, "expected a day and a time without a zone"),
        ({"start": "2026-01-02"}, "expected a day and a time without a zone"),
        ({"start": "2026-13-02T18:00"}, "expected a day and a time without a zone"),
        ({"lasts": "0s"}, "expected it to last for longer than nothing"),
        ({"lasts": "367d"}, "expected it to last for longer than nothing"),
        ({"timeZone": "Europe/Berlim"}, "expected a time zone such as Europe/Berlin"),
        ({"timeZone": "../../etc/passwd"}, "expected a time zone such as Europe/Berlin"),
        ({"timeZone": ""}, "expected a time zone such as Europe/Berlin"),
        *(
            ({"timeZone": zone}, "expected a time zone that is the same on each machine")
            for zone in ("localtime", "posixrules", "Factory", "posix/Europe/Berlin", "right/Europe/Berlin")
        ),
    ],
)
def test_what_cannot_come_again_is_refused_with_what_was_expected(fields: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        window(**fields)


PARTS = st.fixed_dictionaries(
    {"FREQ": st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"])},
    optional={
        "INTERVAL": st.sampled_from(["2", "3", "40", "999"]),
        "BYMONTH": st.sampled_from(["2", "1,7", "12"]),
        "BYMONTHDAY": st.sampled_from(["1", "29", "30", "31", "-1"]),
        "BYDAY": st.sampled_from(["MO", "SA,SU", "WE"]),
        "BYSETPOS": st.sampled_from(["1", "-1", "300"]),
    },
)
DAYS = st.dates(date(2019, 1, 1), date(2040, 12, 31))


@given(PARTS, st.tuples(DAYS, DAYS).map(sorted))
def test_what_recurs_comes_whenever_dateutil_says(parts: dict[str, str], span: list[date]) -> None:
    rule, (first, last) = ";".join(f"{key}={value}" for key, value in parts.items()), span
    try:
        found = window(rule).clocks(first, last)
    except ValidationError:
        reject()  # what never comes, dateutil looks for until the year 9999
    judge = rrulestr(rule, dtstart=datetime(2026, 1, 2, 18)).replace(until=datetime.combine(last, time.max))
    assert found == tuple(judge.between(datetime.combine(first, time.min), datetime.max, inc=True))


def test_no_fleet_asks_for_more_windows_than_anybody_can_look_through() -> None:
    policy = {"freezeWindows": [window().model_dump(mode="json", by_alias=True)] * 51}
    with pytest.raises(ValidationError, match="at most 50 freezeWindows"):
        Environment.model_validate({"name": "dev", "cluster": "a", "kubernetes": "1.34", "policy": policy})


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo")
NOWS = st.datetimes(datetime(2026, 1, 10), datetime(2028, 12, 1)).map(lambda each: each.replace(tzinfo=UTC))


@given(NOWS, st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59), st.integers(1, 40))
def test_a_window_is_open_exactly_from_when_the_clock_first_reaches_its_start(
    now: datetime, zone: str, hour: int, minute: int, hours: int
) -> None:
    """The latest time that the clock has shown so far tells; that is never put back."""
    start = datetime(2026, 1, 2, hour, minute)
    found = window(start=start.isoformat(timespec="minutes"), timeZone=zone, lasts=f"{hours}h").until(now)
    there = ZoneInfo(zone)
    before = (now - timedelta(minutes=each) for each in range(0, 24 * 60, 15))
    shown = max(each.astimezone(there).replace(tzinfo=None) for each in [now, *before])
    today = shown.date()
    begun = (datetime.combine(today - timedelta(days=each), start.time()) for each in range(hours // 24 + 2))
    near = {
        abs((shown - edge).total_seconds())
        for each in (datetime.combine(today + timedelta(days=n), start.time()) for n in range(-3, 2))
        for edge in (each, each + timedelta(hours=hours))
    }
    if min(near) > 15 * 60:
        assert (found is not None) == any(each <= shown < each + timedelta(hours=hours) for each in begun)


@given(NOWS, st.sampled_from(ZONES), st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SA,SU"]))
def test_what_is_told_as_the_next_beginning_is_one(now: datetime, zone: str, every: str) -> None:
    weekly = window(every, start="2026-01-02T02:30", timeZone=zone)
    begins = weekly.next(now)
    assert begins is not None
    assert begins > now
    assert weekly.until(begins) is not None
    assert weekly.next(begins - timedelta(seconds=1)) == begins
