# pyright: reportUnknownMemberType=false
"""Who hears of it: the facts of Git, of the engine and of the runs, told to people, each once."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from deploy_orchestrator.defs.partitions import partition_key
from deploy_orchestrator.defs.reports import COMMIT, REFUSED
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.delivery import Status
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.notifications import Event, Kind, Outbox, targets, tell
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Gate, GateState, Plan, Release, ReleaseError, ReleaseEvent
from deploy_orchestrator.settings import NotificationSettings

NEWS = timedelta(days=1)
"""How long after a release or a revert people are still told of it."""


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Tell people what waits for approval, was released, was reverted, could not be reverted or synced."
    ),
)
def notifications(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult:
    settings = NotificationSettings()
    try:
        people = targets(settings.listed())
    except (OSError, OrchestratorError) as error:
        raise dg.Failure(description=str(error)) from error
    if not people:
        return dg.SensorResult(skip_reason="nobody is to be told: no notification URL is set")
    outbox = Outbox.load(context.cursor)
    with installation.open() as orchestrator:
        live, pending = orchestrator.live(), list(orchestrator.pending())
        events = [
            *(event for release, _ in live for event in _releases(orchestrator, release, outbox)),
            *(event for release, status in live for event in _sync_failures(release, status)),
            *_refusals(orchestrator, context.instance, live),
            *(event for plan, gates in pending for event in _waits(plan, gates)),
        ]
    current = {*(plan.digest for plan, _ in pending), *(release.commit for release, _ in live)}
    kept, failed = tell(outbox, events, current, people, settings.events)
    for target in failed:
        context.log.error(f"{target.name} could not be reached, and is told at the next look")
    news = len(outbox.news(events))
    return dg.SensorResult(
        skip_reason=f"{news} events are new" if news else "nothing new", cursor=kept.dump()
    )


def _releases(orchestrator: Orchestrator, release: Release, outbox: Outbox) -> Iterator[Event]:
    standing = Event(Kind.RELEASED, release.key, release.commit)
    brought_back = Event(Kind.REVERTED, release.key, release.commit)
    if outbox.known is None:
        yield standing
    elif not outbox.knows(standing) and not outbox.knows(brought_back):
        history = orchestrator.deployments.history(release.environment, release.tenant)
        for each in history:
            kind = Kind.REVERTED if each.kind == "revert" else Kind.RELEASED
            event = Event(kind, release.key, each.commit, _what(each))
            if outbox.knows(event) or each.release is None or datetime.now(UTC) - each.at > NEWS:
                return
            yield event


def _what(event: ReleaseEvent) -> str:
    if event.release is None:
        return ""
    chart, source = event.release.chart, event.release.source.commit[:8]
    why = f": {event.reason}" if event.reason else ""
    return f"{chart.name} {chart.version}, source {source}{why}"


def _sync_failures(release: Release, status: Status | OrchestratorError) -> Iterator[Event]:
    if isinstance(status, ReleaseError):
        yield Event(Kind.SYNC_FAILED, release.key, release.commit, status.what)
    if isinstance(status, Status) and status.operation is not None and status.failed(release):
        yield Event(Kind.SYNC_FAILED, release.key, release.commit, status.operation.message or status.message)


def _refusals(
    orchestrator: Orchestrator,
    instance: dg.DagsterInstance,
    live: Sequence[tuple[Release, Status | OrchestratorError]],
) -> Iterator[Event]:
    if all(isinstance(status, Status) and status.live(release) for release, status in live):
        return
    for release in (found.release for found in orchestrator.unhealthy()):
        partition = partition_key(release.environment, release.tenant)
        selection = dg.AssetRecordsFilter(asset_key=dg.AssetKey("release"), asset_partitions=[partition])
        for record in instance.fetch_observations(selection, limit=1).records:
            seen = record.event_log_entry.asset_observation
            if seen and REFUSED in seen.metadata and seen.metadata[COMMIT].value == release.commit:
                yield Event(
                    Kind.REVERT_REFUSED, release.key, release.commit, str(seen.metadata[REFUSED].value)
                )


def _waits(plan: Plan, gates: tuple[Gate, ...] | OrchestratorError) -> Iterator[Event]:
    if isinstance(gates, OrchestratorError) or any(gate.state is GateState.CLOSED for gate in gates):
        return
    for gate in gates:
        if gate.key == "approval" and gate.state is GateState.WAITING:
            authors = ", ".join(plan.source.authors)
            reason = f"{gate.reason}; {plan.digest}; {plan.summary}, by {authors}"
            yield Event(Kind.AWAITS_APPROVAL, plan.key, plan.digest, reason)
