"""What Argo CD is told of freezes and release windows: exactly when they are, or nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy_orchestrator.delivery import bootstrap, unsaid_windows
from deploy_orchestrator.fleet import Fleet, Freeze, Policy, Window
from tests.delivery.fleets import laid_out

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FLEET: dict[str, Any] = {
    "clusters": [{"name": "here", "server": "https://kubernetes.default.svc"}],
    "environments": [{"name": "dev", "cluster": "here", "kubernetes": "1.34"}],
    "platform": {"name": "app", "version": "1.0.0"},
}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return laid_out(tmp_path_factory.mktemp("fleet"), FLEET, {"shop": ["dev"]})


def said(fleet: Fleet, policy: Policy, now: datetime = NOW) -> tuple[list[dict[str, Any]], list[str]]:
    """The sync windows of dev's only tenant under a policy, and what is told of those that are left out."""
    (dev,) = fleet.environments
    changed = Fleet(
        **{
            **{name: getattr(fleet, name) for name in Fleet.__dataclass_fields__},
            "environments": (dev.model_copy(update={"policy": policy}),),
        }
    )
    objects = bootstrap(changed, changed.argocd[0], "https://git.example/d.git", now)
    (project,) = [each for each in objects if each["kind"] == "AppProject"]
    left_out = unsaid_windows(changed, changed.argocd[0], now)
    return project["spec"]["syncWindows"], [str(each) for each in left_out]


def window(every: str, **fields: Any) -> Window:
    made = {"start": "2020-01-03T18:00", "lasts": "1h", "timeZone": "Europe/Berlin", "reason": "why"}
    return Window.model_validate({"every": every, **made, **fields})


def freeze(start: str, end: str) -> Freeze:
    return Freeze.model_validate({"start": f"{start}Z", "end": f"{end}Z", "reason": "why"})


def is_active(sync_window: dict[str, Any], now: datetime) -> bool:
    """As Argo CD tells: by the clock of now, with the cron line on the days that both fields name."""
    minute, hour, dates, months, weekdays = sync_window["schedule"].split()
    zone, length = ZoneInfo(sync_window["timeZone"]), timedelta(seconds=int(sync_window["duration"][:-1]))
    clock = now.astimezone(zone).replace(tzinfo=None)

    def names(field: str, number: int) -> bool:
        return field == "*" or str(number) in field.split(",")

    for back in range(length.days + 2):
        day = (clock - timedelta(days=back)).date()
        begun = datetime(day.year, day.month, day.day, int(hour), int(minute))
        comes = names(dates, day.day) and names(months, day.month) and names(weekdays, day.isoweekday() % 7)
        if comes and begun < clock < begun + length:
            return True
    return False


@pytest.mark.parametrize(
    ("every", "schedule"),
    [
        ("FREQ=DAILY", "0 18 * * *"),
        ("FREQ=WEEKLY;BYDAY=FR", "0 18 * * 5"),
        ("FREQ=WEEKLY;BYDAY=SA,SU", "0 18 * * 0,6"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", "0 18 1,15 * *"),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24,25", "0 18 24,25 12 *"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "0 18 29 2 *"),
        ("FREQ=DAILY;BYMONTH=1;BYDAY=MO,TU", "0 18 * 1 1,2"),
    ],
)
def test_what_a_cron_line_says_exactly_is_a_window(fleet: Fleet, every: str, schedule: str) -> None:
    (found,), left_out = said(fleet, Policy(freeze_windows=(window(every),)))
    assert (found["schedule"], found["timeZone"], found["duration"]) == (schedule, "Europe/Berlin", "3600s")
    assert (found["kind"], found["manualSync"], found["applications"]) == ("deny", True, ["dev.shop"])
    assert left_out == []


@pytest.mark.parametrize(
    "every",
    [
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "FREQ=YEARLY;BYEASTER=-2",
        "FREQ=DAILY;UNTIL=20270101",
        "FREQ=DAILY;UNTIL=20250101",
    ],
)
def test_what_no_cron_line_says_exactly_is_no_window_and_is_told(fleet: Fleet, every: str) -> None:
    found, left_out = said(fleet, Policy(freeze_windows=(window(every),)))
    assert found == []
    assert left_out == [
        "dev: Argo CD does not keep 'why', the orchestrator does: no cron line says exactly when it comes"
    ]


def test_a_time_that_the_clock_shows_twice_is_no_window_and_is_told(fleet: Fleet) -> None:
    found, (told,) = said(fleet, Policy(freeze_windows=(window("FREQ=DAILY", start="2020-01-03T02:30"),)))
    assert found == []
    assert "shows twice" in told


def test_one_release_window_that_cannot_be_said_leaves_out_all(fleet: Fleet) -> None:
    friday, last = window("FREQ=WEEKLY;BYDAY=FR"), window("FREQ=MONTHLY;BYDAY=-1MO")
    assert [each["kind"] for each in said(fleet, Policy(release_windows=(friday,)))[0]] == ["allow"]
    found, left_out = said(fleet, Policy(release_windows=(friday, last)))
    assert found == []
    assert len(left_out) == 2


def test_a_leap_day_that_is_frozen_once_denies_no_year_before(fleet: Fleet) -> None:
    policy = Policy(freezes=(freeze("2028-02-27T00:00", "2028-03-02T00:00"),))
    found, (told,) = said(fleet, policy)
    assert found == []
    assert "apply this again within 300 days of it" in told
    assert len(said(fleet, policy, datetime(2027, 6, 1, tzinfo=UTC))[0]) == 1


def test_a_freeze_that_is_on_or_near_is_a_window_and_one_that_is_over_is_none(fleet: Fleet) -> None:
    christmas = freeze("2026-12-20T00:00", "2027-01-02T00:00")
    for now, count in (
        (NOW, 1),
        (datetime(2026, 12, 28, tzinfo=UTC), 1),
        (datetime(2027, 1, 2, tzinfo=UTC), 0),
    ):
        assert len(said(fleet, Policy(freezes=(christmas,)), now)[0]) == count


RULES = st.sampled_from(
    [
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=WEEKLY;BYDAY=FR",
        "FREQ=WEEKLY;BYDAY=MO,WE,SU",
        "FREQ=MONTHLY;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYDAY=1MO",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;BYMONTH=3,10;BYDAY=SU",
        "FREQ=YEARLY;BYMONTH=3,10;BYMONTHDAY=25,29",
    ]
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(RULES, ZONES, st.integers(0, 23), st.sampled_from([0, 30]), st.integers(1, 60), st.data())
def test_argo_cd_denies_exactly_when_we_do(
    fleet: Fleet, every: str, zone: str, hour: int, minute: int, hours: int, data: st.DataObject
) -> None:
    start = f"2020-01-03T{hour:02}:{minute:02}"
    policy = Policy(freeze_windows=(window(every, start=start, timeZone=zone, lasts=f"{hours}h"),))
    found, left_out = said(fleet, policy)
    assert len(found) + len(left_out) == 1
    for each in found:
        span = st.integers(0, 3 * 366 * 24 * 12)
        for number in data.draw(st.lists(span, min_size=30, max_size=30)):
            # Not at a full hour, where Argo CD lets a window begin a moment later.
            now = NOW + timedelta(minutes=5 * number, seconds=7)
            ours = policy.freeze_windows[0].until(now) is not None
            assert is_active(each, now) == ours, now


def test_a_fleet_of_no_windows_has_none(fleet: Fleet, tmp_path: Path) -> None:
    assert said(fleet, Policy()) == ([], [])
