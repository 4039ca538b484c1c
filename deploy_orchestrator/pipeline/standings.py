"""The fleet with all that is released, waits or is broken, as it is at one moment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from deploy_orchestrator.delivery import Health, Status, Sync
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Fleet, last_readable
from deploy_orchestrator.git import GitError
from deploy_orchestrator.manifests import Diff
from deploy_orchestrator.outcomes import Outcome, attempt, failures, values
from deploy_orchestrator.pipeline.guards import silent
from deploy_orchestrator.pipeline.orchestrator import Orchestrator
from deploy_orchestrator.releases import (
    Gate,
    Pausing,
    Plan,
    Release,
    RulesStanding,
    next_command,
    next_people,
)
from deploy_orchestrator.terms import Verdict


class State(StrEnum):
    """How a deployment stands."""

    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    DRIFTED = "drifted"
    PROGRESSING = "progressing"
    LIVE = "live"
    NOT_RELEASED = "not released"

    @property
    def is_broken(self) -> bool:
        return self in {State.UNKNOWN, State.DEGRADED, State.DRIFTED}


def likeness(plan: Plan, difference: Diff | None) -> object:
    """What two changes have in common that do the same to the same, each in its tenant's own objects; nothing
    where all of it moves, or the lines are not known.
    """
    if difference is None or difference.moved:
        return plan.key
    fields = frozenset(
        (plan.of_any(str(each.key)), field.field, plan.of_any(repr((field.before, field.after))))
        for each in difference.changed
        for field in each.fields
    )
    whole = (
        frozenset(plan.of_any(each.canonical.decode()) for each in objects)
        for objects in (difference.added, difference.removed)
    )
    reasons = frozenset((each.rule, each.severity, each.policy) for each in plan.reasons)
    return plan.verdict, str(plan.summary), reasons, fields, *whole, difference.reordered and plan.key


@dataclass(frozen=True, slots=True)
class Waiting:
    """A plan that is not released, the `subject` of its commit, and the gates that are closed, or why these
    cannot be told. `people` may approve it.
    """

    plan: Plan
    closed: tuple[Gate, ...]
    error: str = ""
    subject: str = ""
    people: tuple[str, ...] = ()

    @property
    def awaits_people(self) -> bool:
        """Whether somebody's decision would open what is closed."""
        return any(gate.key == "approval" for gate in self.closed)

    @property
    def is_blocked(self) -> bool:
        """Whether nobody can let it through."""
        return self.plan.verdict is Verdict.BLOCKED or any(gate.key == "verdict" for gate in self.closed)

    @property
    def is_held(self) -> bool:
        """Whether it brings back what was reverted, until somebody approves that or mends it."""
        return any(gate.key == "quarantine" for gate in self.closed)

    @property
    def needs_somebody(self) -> bool:
        return self.awaits_people or self.is_blocked or self.is_held or bool(self.error)

    @property
    def command(self) -> str | None:
        """What a person types next; None where it opens by itself, or takes a change of the fleet."""
        return next_command(self.plan, self.closed)

    @property
    def about(self) -> tuple[object, ...]:
        """What is the same where one commit does the same, for the same reasons, and waits for the same."""
        plan = self.plan
        reasons = frozenset(
            (each.rule, each.severity, each.check, each.policy, plan.of_any(f"{each.object}: {each.saw}"))
            for each in plan.reasons
        )
        return plan.source.commit, plan.verdict, str(plan.summary), reasons, self.closed, self.error


@dataclass(frozen=True, slots=True)
class Standing:
    """One tenant in one environment. `subject` is that of the fleet's commit that is released, `status` what
    the engine tells.
    """

    environment: str
    tenant: str
    state: State
    release: Release | None
    message: str
    subject: str
    since: datetime | None
    waiting: Waiting | None
    status: Status | None = field(default=None, compare=False)

    @property
    def needs_person(self) -> bool:
        """Whether what waits there waits for somebody."""
        return self.waiting is not None and self.waiting.needs_somebody

    @property
    def key(self) -> str:
        return f"{self.environment}/{self.tenant}"


@dataclass(frozen=True, slots=True)
class RulesWaiting:
    """A change of an environment's rules that is not released: what is another in them, by whom, and what
    it waits for.
    """

    environment: str
    differences: tuple[str, ...]
    authors: tuple[str, ...]
    gate: Gate


@dataclass(frozen=True)
class Overview:
    """Everything at the moment `at`; what is counted of it is counted once. `troubles` concern no single
    deployment, and `kinds` are those of the `errors`: these, and each that kept an engine from telling, once.
    `paused` tells who stopped the line where, `waves` in which wave each tenant goes, from 0 on, in the last
    environment that has any, `counting` which rules count in each; none while the fleet is broken.
    """

    at: datetime
    revision: str
    environments: tuple[str, ...]
    deployments: tuple[Standing, ...]
    troubles: tuple[str, ...]
    rules: tuple[RulesWaiting, ...] = ()
    paused: tuple[Pausing, ...] = ()
    kinds: tuple[str, ...] = ()
    waves: Mapping[str, int] = field(default_factory=dict[str, int])
    counting: Mapping[str, RulesStanding] = field(default_factory=dict[str, RulesStanding])
    errors: tuple[OrchestratorError, ...] = field(default=(), compare=False)

    @cached_property
    def attention(self) -> list[tuple[Standing, ...]]:
        """Who needs somebody: what is broken, each by itself, then what waits for a person, those together
        that wait alike.
        """
        broken = [each for each in self.deployments if each.state.is_broken]
        alike: dict[tuple[object, ...], list[Standing]] = {}
        for each in self.deployments:
            if not each.state.is_broken and each.waiting and each.waiting.needs_somebody:
                alike.setdefault((each.environment, *each.waiting.about), []).append(each)
        return [*((each,) for each in broken), *map(tuple, alike.values())]

    @cached_property
    def live(self) -> int:
        return sum(each.state is State.LIVE for each in self.deployments)

    @cached_property
    def broken(self) -> int:
        return sum(each.state.is_broken for each in self.deployments)

    @cached_property
    def awaiting(self) -> int:
        """How many wait for somebody."""
        return sum(each.needs_person for each in self.deployments)

    def find(self, environment: str, tenant: str) -> Standing | None:
        return self._by_place.get((environment, tenant))

    @cached_property
    def _by_place(self) -> Mapping[tuple[str, str], Standing]:
        return {(each.environment, each.tenant): each for each in self.deployments}


def look(orchestrator: Orchestrator, home: Path) -> Overview:
    """Fetch both repositories, and see how everything stands. Raises as `overview`."""
    orchestrator.fleet_repository.fetch()
    orchestrator.deployments.repository.fetch()
    return overview(orchestrator, home)


def overview(
    orchestrator: Orchestrator, home: Path, environment: str | None = None, tenant: str | None = None
) -> Overview:
    """How everything stands, or an `environment` or a `tenant` alone, by what was fetched last.

    Raises:
        OrchestratorError: a repository cannot be reached, or no fleet can be read.
    """

    def is_asked_for(key: str) -> bool:
        where, _, who = key.partition("/")
        return environment in (None, where) and tenant in (None, who)

    fleet = last_readable(orchestrator.fleet_repository)
    now = datetime.now(UTC)
    broken = orchestrator.broken_fleet()
    counting = {} if broken else orchestrator.rules()
    live = {release.key: (release, state) for release, state in orchestrator.live()}
    judged = () if broken else orchestrator.pending(environment, tenant)
    waiting = {plan.key: _waiting(plan, gates, fleet, orchestrator) for plan, gates in judged}
    keys = dict.fromkeys([*(each.key for each in fleet.deployments()), *live, *waiting])
    order = [each.name for each in fleet.environments]
    standings = [
        _standing(key, live.get(key), waiting.get(key), orchestrator) for key in keys if is_asked_for(key)
    ]
    stopped = attempt(orchestrator.pausing, environment, tenant)
    troubles = list(_troubles(orchestrator, fleet, broken, home, now))
    troubles += [stopped] if isinstance(stopped, OrchestratorError) else []
    untold = failures((key, state) for key, (_, state) in live.items() if is_asked_for(key))
    errors = (*troubles, *{str(error): error for _, error in untold}.values())
    return Overview(
        at=now,
        revision=fleet.revision,
        environments=tuple(order),
        deployments=tuple(sorted(standings, key=lambda each: (_place(each.environment, order), each.tenant))),
        troubles=tuple(map(str, troubles)),
        rules=tuple(_rules(counting, environment)),
        paused=tuple(each for found in values([stopped]) for each in found if each.paused),
        kinds=tuple(type(each).__name__ for each in errors),
        waves=_waves(fleet),
        counting=counting,
        errors=errors,
    )


def age(at: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    for unit, length in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        if now - at >= length:
            return f"{(now - at) // length} {unit}"
    return f"{max(0, (now - at) // timedelta(seconds=1))} s"


def _troubles(
    orchestrator: Orchestrator, fleet: Fleet, broken: OrchestratorError | None, home: Path, now: datetime
) -> Iterator[OrchestratorError]:
    if broken:
        yield broken
    yield from fleet.broken.values()
    yield from orchestrator.deployments.unreadable()
    yield from silent(home, now)


def _waves(fleet: Fleet) -> Mapping[str, int]:
    policies = [each.policy for each in fleet.environments if each.policy.waves]
    return {name: policies[-1].wave_of(name) for name in fleet.tenants} if policies else {}


def _rules(counting: Mapping[str, RulesStanding], environment: str | None) -> Iterator[RulesWaiting]:
    for each in counting.values():
        change = each.pending
        if change and environment in (None, change.environment):
            yield RulesWaiting(change.environment, change.differences, change.authors, each.gate)


def _waiting(
    plan: Plan, gates: Outcome[tuple[Gate, ...]], fleet: Fleet, orchestrator: Orchestrator
) -> Waiting:
    subject = _subject(orchestrator, plan.source.commit)
    if isinstance(gates, OrchestratorError):
        return Waiting(plan, (), str(gates), subject)
    policies = (each.policy for each in fleet.environments if each.name == plan.environment)
    rule = next((each.approval for each in policies), None)
    closed = tuple(each for each in gates if not each.passed)
    return Waiting(plan, closed, subject=subject, people=tuple(next_people(plan, gates, rule)))


def _standing(
    key: str,
    live: tuple[Release, Outcome[Status]] | None,
    waiting: Waiting | None,
    orchestrator: Orchestrator,
) -> Standing:
    environment, _, tenant = key.partition("/")
    if live is None:
        return Standing(environment, tenant, State.NOT_RELEASED, None, "", "", None, waiting)
    release, status = live
    subject = _subject(orchestrator, release.source.commit)
    if isinstance(status, OrchestratorError):
        return Standing(environment, tenant, State.UNKNOWN, release, str(status), subject, None, waiting)
    return Standing(
        environment,
        tenant,
        _state(release, status),
        release,
        _message(release, status),
        subject,
        status.since,
        waiting,
        replace(status, source=None),
    )


def _message(release: Release, status: Status) -> str:
    if status.live(release):
        return ""
    untold = [each for each in status.drift if each not in status.message]
    drift = f"changed by hand: {', '.join(untold)}" if untold else ""
    return "; ".join(filter(None, (drift, status.message)))


_OF_HEALTH: Mapping[Health, State] = {
    Health.DEGRADED: State.DEGRADED,
    Health.MISSING: State.PROGRESSING,
    Health.PROGRESSING: State.PROGRESSING,
    Health.SUSPENDED: State.PROGRESSING,
}


def _state(release: Release, status: Status) -> State:
    if status.live(release):
        return State.LIVE
    if status.health in _OF_HEALTH:
        return _OF_HEALTH[status.health]
    return State.DRIFTED if status.sync is Sync.OUT_OF_SYNC else State.UNKNOWN


def _subject(orchestrator: Orchestrator, commit: str) -> str:
    try:
        return orchestrator.fleet_repository.commit(commit).subject
    except GitError:
        return ""


def _place(environment: str, order: Sequence[str]) -> int:
    return order.index(environment) if environment in order else len(order)
