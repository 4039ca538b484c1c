from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy_orchestrator.pipeline import GUARDS, looked, silent

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=3)


def test_where_no_guard_ever_looked_none_is_silent(tmp_path: Path) -> None:
    assert silent(tmp_path, NOW) == ()


def test_the_first_look_of_one_starts_the_clock_of_all(tmp_path: Path) -> None:
    looked(tmp_path / "home", "open_gates", NOW)

    assert silent(tmp_path / "home", NOW + timedelta(minutes=2)) == ()
    assert {each.guard for each in silent(tmp_path / "home", LATER)} == set(GUARDS)


def test_a_guard_is_silent_until_it_looks_again(tmp_path: Path) -> None:
    for guard in GUARDS:
        looked(tmp_path, guard, NOW)
    for guard in ("open_gates", "live_releases"):
        looked(tmp_path, guard, LATER)

    (found,) = silent(tmp_path, LATER)
    assert found.what == "the guard unhealthy_releases has not looked since 2026-11-29 12:00:00 UTC"
    looked(tmp_path, "unhealthy_releases", LATER)
    assert silent(tmp_path, LATER) == ()


def test_a_clock_that_was_set_back_or_a_damaged_file_hides_no_silence(tmp_path: Path) -> None:
    for guard in GUARDS:
        looked(tmp_path, guard, LATER)
    assert len(silent(tmp_path, NOW)) == len(GUARDS)

    (tmp_path / "guards" / "open_gates").write_bytes(b"\xff")
    assert [each.guard for each in silent(tmp_path, LATER)] == ["open_gates"]
