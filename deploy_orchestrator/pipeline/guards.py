"""Whether those who guard what is released still look: each leaves the time of its last look in the home."""

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.storage import write_whole

GUARDS = ("unhealthy_releases", "live_releases", "open_gates")
"""The sensors that look after what is released, and after what waits."""
SILENT_AFTER = timedelta(minutes=2)


class GuardSilent(OrchestratorError):
    """A `guard` was stopped, or fails."""

    def __init__(self, guard: str, since: datetime | None) -> None:
        when = f"since {since:%Y-%m-%d %H:%M:%S} UTC" if since else "at any time that can be read"
        super().__init__(
            f"the guard {guard} has not looked {when}",
            fix="see in Dagster whether its daemon runs, whether this sensor is on, and what its ticks say",
        )
        self.guard = guard


def looked(home: Path, guard: str, now: datetime) -> None:
    """A guard has looked. The first look of one starts the clock of all.

    Raises:
        MachineRefused: nothing can be written there.
    """
    folder = home / "guards"
    folder.mkdir(parents=True, exist_ok=True)
    for each in GUARDS:
        if each == guard or not (folder / each).exists():
            write_whole(folder / each, now.isoformat().encode())


def last_looks(home: Path) -> dict[str, datetime | None]:
    """When each guard looked last; None where it never did, or that cannot be read."""
    return {guard: _last(home / "guards" / guard) for guard in GUARDS}


def silent(home: Path, now: datetime) -> tuple[GuardSilent, ...]:
    """The guards that have not looked for longer than `SILENT_AFTER`; none where none ever looked."""
    if not (home / "guards").exists():
        return ()
    return tuple(
        GuardSilent(guard, last)
        for guard, last in last_looks(home).items()
        if last is None or abs(now - last) > SILENT_AFTER
    )


def _last(file: Path) -> datetime | None:
    with suppress(FileNotFoundError, ValueError):
        last = datetime.fromisoformat(file.read_text())
        return last if last.tzinfo else None
    return None
