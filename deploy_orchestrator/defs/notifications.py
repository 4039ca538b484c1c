# pyright: reportUnknownMemberType=false
"""Who hears of it: the facts of Git, of the engine and of the runs, told to people, each once."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

import dagster as dg

from deploy_orchestrator.defs.reports import FLEET_COMMIT, UNRENDERED, refusal
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.delivery import Status
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Fleet
from deploy_orchestrator.notifications import STANDING, Event, Kind, Outbox, targets, tell
from deploy_orchestrator.outcomes import Outcome, raised
from deploy_orchestrator.pipeline import Orchestrator, silent
from deploy_orchestrator.releases import (
    MAIN,
    Gate,
    GateState,
    Plan,
    Release,
    ReleaseError,
    ReleaseEvent,
)
from deploy_orchestrator.settings import NotificationSettings

NEWS = timedelta(days=1)
"""How long after a release or a revert people are still told of it."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Tell people what waits for approval, was released, was reverted, could not be reverted or synced, "
        "what is blocked or does not render, and who no longer guards what is released."
    ),
)
def notifications(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult:
    settings = NotificationSettings()
    try:
        people = targets(settings.listed())
    except OrchestratorError as error:
        raise dg.Failure(description=str(error)) from error
    if not people:
        return dg.SensorResult(skip_reason="nobody is to be told: no notification URL is set")
    outbox = Outbox.load(context.cursor)
    now = datetime.now(UTC)
    look = _Look(context, now)
    look.at(_silent(installation.settings.home, now))
    try:
        with installation.open() as orchestrator:
            _look_at_everything(look, orchestrator, outbox)
    except dg.Failure as failure:
        look.failed(failure.description or str(failure))
    kept, failed = tell(outbox, look.events, look.current, people, settings.events)
    for target in failed:
        context.log.error(f"{target.name} could not be reached, and is told at the next look")
    news = len(outbox.news(look.events))
    return dg.SensorResult(
        skip_reason=f"{news} events are new" if news else "nothing new", cursor=kept.dump()
    )


@dataclass(slots=True)
class _Look:
    """What was found so far. What cannot be told now is logged, and keeps nothing else from being told."""

    context: dg.SensorEvaluationContext
    now: datetime
    events: list[Event] = field(default_factory=list[Event])
    subjects: set[str] = field(default_factory=set[str])
    complete: bool = True

    @property
    def current(self) -> set[str] | None:
        standing = {event.subject for event in self.events if event.kind in STANDING}
        return self.subjects | standing if self.complete else None

    def at(self, found: Iterable[Event]) -> None:
        try:
            self.events += found
        except OrchestratorError as error:
            self.failed(str(error))

    def failed(self, what: str) -> None:
        self.complete = False
        self.context.log.error(what)


def _look_at_everything(look: _Look, orchestrator: Orchestrator, outbox: Outbox) -> None:
    live = orchestrator.live()
    plans = orchestrator.deployments.pending_plans()
    look.subjects |= {*(plan.digest for plan in plans), *(release.commit for release, _ in live)}
    for release, status in live:
        look.at(_releases(orchestrator, release, outbox))
        look.at(_sync_failures(release, status))
    look.at(_by_others(orchestrator, look))
    look.at(_stops(orchestrator, look))
    look.at(_refusals(orchestrator, look.context.instance, live))
    look.at(_unrendered(look.context.instance, look.now))
    if broken := orchestrator.broken_fleet():
        look.complete = False
        look.at([Event(Kind.FLEET_BROKEN, "fleet.yaml", f"{look.now:%Y-%m-%d}", str(broken))])
        for plan in plans:
            look.at(_expiries(orchestrator, plan, look.now, missed=True))
        return
    look.at(_broken_tenants(orchestrator.fleet()))
    look.at(_rules_wait(orchestrator))
    for plan, gates in orchestrator.pending():
        look.at(_waits(orchestrator, plan, gates, look.now))


def _by_others(orchestrator: Orchestrator, look: _Look) -> Iterator[Event]:
    for commit in orchestrator.deployments.repository.lately_by_others():
        look.subjects.add(commit.id)
        yield Event(Kind.OTHER_HANDS, MAIN, commit.id, f"{commit.author}: {commit.subject}; {commit.id}")


def _stops(orchestrator: Orchestrator, look: _Look) -> Iterator[Event]:
    for each in orchestrator.pausing():
        for stop in each.paused:
            yield Event(Kind.PAUSED, each.line.key, stop.commit, f"by {stop.who}: {stop.reason}")
        if each.resumed:
            look.subjects.add(each.resumed.commit)
            yield Event(
                Kind.RESUMED,
                each.line.key,
                each.resumed.commit,
                f"by {each.resumed.who}: {each.resumed.reason}",
            )


def _rules_wait(orchestrator: Orchestrator) -> Iterator[Event]:
    for each in orchestrator.rules().values():
        if each.pending:
            yield Event(
                Kind.AWAITS_APPROVAL, each.pending.key, each.pending.digest, f"{each}; {each.pending.digest}"
            )


def _silent(home: Path, now: datetime) -> Iterator[Event]:
    for guard in silent(home, now):
        yield Event(Kind.GUARD_SILENT, guard.guard, f"{now:%Y-%m-%d}", str(guard))


def _broken_tenants(fleet: Fleet) -> Iterator[Event]:
    for tenant, error in fleet.broken.items():
        yield Event(Kind.DOES_NOT_RENDER, tenant, quote(tenant), str(error))


def _unrendered(instance: dg.DagsterInstance, now: datetime) -> Iterator[Event]:
    """What could not be rendered within the last day, and was not since."""
    manifests = dg.AssetKey("rendered_manifests")
    recent = dg.AssetRecordsFilter(asset_key=manifests, after_timestamp=(now - NEWS).timestamp())
    newest: dict[str, dg.EventLogRecord] = {}
    for record in instance.fetch_observations(recent, limit=1000).records:
        if record.partition_key:
            newest.setdefault(record.partition_key, record)
    for partition, record in newest.items():
        since = dg.AssetRecordsFilter(
            asset_key=manifests, asset_partitions=[partition], after_storage_id=record.storage_id
        )
        seen = record.event_log_entry.asset_observation
        said: Mapping[str, dg.MetadataValue] = seen.metadata if seen else {}
        if not {UNRENDERED, FLEET_COMMIT} <= said.keys():
            continue
        key, commit = partition.replace("|", "/"), str(said[FLEET_COMMIT].value)
        if _COMMIT.fullmatch(commit) and not instance.fetch_materializations(since, 1).records:
            yield Event(Kind.DOES_NOT_RENDER, key, commit, str(said[UNRENDERED].value))


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
            if glass := each.release.glass_broken_by:
                said = "; ".join(f"{one.who}: {one.reason}" for one in glass)
                yield Event(Kind.BREAK_GLASS, release.key, each.commit, f"it was released, by {said}")


def _what(event: ReleaseEvent) -> str:
    if event.release is None:
        return ""
    source = event.release.source.commit[:8]
    why = f": {event.reason}" if event.reason else ""
    return f"{event.release.chart}, source {source}{why}"


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
        if why := refusal(instance, release):
            yield Event(Kind.REVERT_REFUSED, release.key, release.commit, why)


def _is_vain(gates: Iterable[Gate]) -> bool:
    """Whether no approval helps: the change is blocked, or is about to be planned anew."""
    return any(gate.outdated or (gate.key == "verdict" and gate.state is GateState.CLOSED) for gate in gates)


def _waits(
    orchestrator: Orchestrator, plan: Plan, gates: Outcome[tuple[Gate, ...]], now: datetime
) -> Iterator[Event]:
    by_key = {gate.key: gate for gate in raised(gates)}
    verdict, approval = by_key.get("verdict"), by_key.get("approval")
    if verdict and verdict.state is GateState.CLOSED:
        yield Event(Kind.BLOCKED, plan.key, plan.digest, f"{verdict.reason}; {plan.digest}")
    if approval is None:
        return
    for each in orchestrator.glass(plan).broken_by:
        yield Event(Kind.BREAK_GLASS, plan.key, each.commit, f"by {each.who}: {each.reason}; {plan.digest}")
    if approval.state is GateState.WAITING and not _is_vain(by_key.values()):
        authors = ", ".join(plan.source.authors)
        reason = f"{approval.reason}; {plan.digest}; {plan.summary}, by {authors}"
        yield Event(Kind.AWAITS_APPROVAL, plan.key, plan.digest, reason)
    yield from _expiries(orchestrator, plan, now, missed=approval.state is GateState.WAITING)


def _expiries(orchestrator: Orchestrator, plan: Plan, now: datetime, *, missed: bool) -> Iterator[Event]:
    """Which approvals of a plan expire soon, and where they are `missed`, which have."""
    for expiry in orchestrator.expiries(plan):
        told = f"{expiry.approval.who}, {expiry.at:%Y-%m-%d %H:%M} UTC; {plan.digest}"
        if expiry.at < now and missed:
            yield Event(Kind.APPROVAL_EXPIRED, plan.key, expiry.approval.commit, told)
        elif expiry.soon < now <= expiry.at:
            yield Event(Kind.APPROVAL_EXPIRES, plan.key, expiry.approval.commit, told)
