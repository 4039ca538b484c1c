"""What Dagster says of its queue and its last survey. Like `mounted.py`, it knows Dagster."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from dagster import AssetKey, DagsterInstance, DagsterRunStatus, IntMetadataValue, RunsFilter

from deploy_orchestrator.telemetry import CONFLICT_COUNT, CONFLICTS_ASSET
from deploy_orchestrator.web.metrics import Queue

_UNDER_WAY: Final = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)


@contextmanager
def dagster_queue() -> Generator[Callable[[], Queue]]:
    """What the instance of `DAGSTER_HOME` says of its queue and its last survey, whenever it is asked until
    this ends.
    """
    with DagsterInstance.get() as instance:
        yield lambda: _queue(instance)


def _queue(instance: DagsterInstance) -> Queue:
    waiting = instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.QUEUED]), limit=1, ascending=True
    )
    counts = {each: instance.get_runs_count(RunsFilter(statuses=[each])) for each in _UNDER_WAY}
    event = instance.get_latest_materialization_event(AssetKey(CONFLICTS_ASSET))
    survey = event.asset_materialization if event else None
    found = survey.metadata.get(CONFLICT_COUNT) if survey else None
    return Queue(
        runs={each.value.lower(): count for each, count in counts.items()},
        queued_since=waiting[0].create_timestamp if waiting else None,
        conflicts=found.value if isinstance(found, IntMetadataValue) else None,
    )
