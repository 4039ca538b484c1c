"""What Dagster says of its queue and its last survey. Like `mounted.py`, it knows Dagster."""

import logging
import re
import time
from base64 import b64decode
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import Final

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    EventLogEntry,
    IntMetadataValue,
    JsonMetadataValue,
    MarkdownMetadataValue,
    MetadataValue,
    RunsFilter,
    TableMetadataValue,
)
from pydantic import BaseModel, TypeAdapter, ValidationError

from deploy_orchestrator.telemetry import (
    CLASHES,
    CONFLICT_COUNT,
    CONFLICTS_ASSET,
    GRAPH_ASSET,
    UPGRADES_ASSET,
)
from deploy_orchestrator.web.board import Built, ChartTable, Clash, SurveyPage
from deploy_orchestrator.web.metrics import Queue

KEPT_SECONDS: Final = 10.0
_LOG: Final = logging.getLogger(__name__)
CLASHING: Final = ("clash on", "harm", "why", "way out")
_DRAWN: Final = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")
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


@contextmanager
def dagster_survey() -> Generator[Callable[[], SurveyPage]]:
    """What the last survey found, as the instance of `DAGSTER_HOME` keeps it, read anew every `KEPT_SECONDS`
    at most, until this ends. Whoever asks while it is read, or cannot be, gets what was read last.
    """
    kept, read_at = SurveyPage(), -KEPT_SECONDS
    reading = Lock()

    def found() -> SurveyPage:
        nonlocal kept, read_at
        if time.monotonic() - read_at >= KEPT_SECONDS and reading.acquire(blocking=kept == SurveyPage()):
            try:
                kept = _survey(instance)
            except Exception as error:
                _LOG.exception("the last survey cannot be read")
                said = f"Dagster's database does not answer, see the server's log: {type(error).__name__}"
                kept = replace(kept, trouble=said)
            finally:
                read_at = time.monotonic()
                reading.release()
        return kept

    with DagsterInstance.get() as instance:
        yield found


def _survey(instance: DagsterInstance) -> SurveyPage:
    events = [
        instance.get_latest_materialization_event(AssetKey(each))
        for each in (GRAPH_ASSET, CONFLICTS_ASSET, UPGRADES_ASSET)
    ]
    if not any(events):
        return SurveyPage()
    graph, conflicts, upgrades = map(_metadata, events)
    built = Built(
        at=datetime.fromtimestamp(max(each.timestamp for each in events if each), UTC),
        needs=_table(graph.get("needs")),
        conflicts=_table(conflicts.get("conflicts")),
        outdated=_outdated(_table(upgrades.get("upgrades"))),
        unknown=_table(upgrades.get("unknown")),
    )
    drawn = graph.get("graph")
    text = _DRAWN.search(drawn.md_str or "") if isinstance(drawn, MarkdownMetadataValue) else None
    return SurveyPage(built, b64decode(text[1]) if text else b"", _clashes(conflicts.get(CLASHES)))


class _Clash(BaseModel):
    deployments: tuple[str, ...]
    drawing: str
    rows: tuple[tuple[str, str, str, str], ...]


def _clashes(value: MetadataValue | None) -> Mapping[str, Clash]:
    """By `environment/tenant`, which may run several charts: all rows, and the first drawing; nothing where
    an earlier version has written something else.
    """
    try:
        told = _CLASHES.validate_python(value.data if isinstance(value, JsonMetadataValue) else ())
    except ValidationError:
        return {}
    found: dict[str, Clash] = {}
    for each in told:
        for name in each.deployments:
            known = found.get(name, Clash(ChartTable(CLASHING, ()), b""))
            rows = (*known.table.rows, *each.rows)
            found[name] = Clash(ChartTable(CLASHING, rows), known.drawing or each.drawing.encode())
    return found


_CLASHES: Final = TypeAdapter(tuple[_Clash, ...])


def _metadata(event: EventLogEntry | None) -> Mapping[str, MetadataValue]:
    made = event.asset_materialization if event else None
    return made.metadata if made else {}


def _table(value: MetadataValue | None) -> ChartTable:
    if not isinstance(value, TableMetadataValue):
        return ChartTable()
    columns = tuple(each.name for each in value.schema.columns)
    return ChartTable(columns, tuple(tuple(row.data[name] for name in columns) for row in value.records))


def _outdated(upgrades: ChartTable) -> ChartTable:
    """Those rows whose newest version is another than the one now."""
    if not upgrades.columns:
        return upgrades
    now, newest = upgrades.columns.index("now"), upgrades.columns.index("newest")
    return ChartTable(upgrades.columns, tuple(each for each in upgrades.rows if each[now] != each[newest]))
