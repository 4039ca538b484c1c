"""What runs are asked for: tenants of one environment together, each for a purpose, none of them twice at a
time and after a few attempts not before a pause.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, cast

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus, RunRecord, RunsFilter
from pydantic import Field, TypeAdapter, ValidationError, field_validator

from deploy_orchestrator.defs.coordinator import is_asked_for
from deploy_orchestrator.defs.events import Event
from deploy_orchestrator.defs.resources import LEFT
from deploy_orchestrator.errors import first_few
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.terms import Label, checked_label

ENVIRONMENT = "environment"
TENANTS = "tenants"
"""The tags by which people tell runs apart."""
BLOCKED = "blocked"
"""The tag of a run that names whose change is blocked."""

ATTEMPTS = 3
PAUSE = timedelta(hours=1)
REMEMBERED = timedelta(days=1)
"""For how long an outage is made up for after it is over."""

_NAMED = 5
_KEPT = TypeAdapter(dict[str, str])
_UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


MAX_TENANTS = 20_000
MAX_PURPOSE = 200


class Batch(dg.Config):
    """Tenants of one environment, each with the purpose that its run serves, which people read.

    Anybody who reaches the web server can write one: what is no name of a tenant is refused before a run
    looks at it.
    """

    environment: Label = Field(description="The environment, such as dev.")
    tenants: dict[str, str] = Field(
        description="Its tenants by name, each with a word on what for: {analytics: by hand}."
    )

    @field_validator("tenants")
    @classmethod
    def _are_names_within_bounds(cls, tenants: dict[str, str]) -> dict[str, str]:
        if not 0 < len(tenants) <= MAX_TENANTS:
            raise ValueError(f"expected 1 to {MAX_TENANTS:,} tenants")
        for name in tenants:
            checked_label(name)
        if max(map(len, tenants.values())) > MAX_PURPOSE:
            raise ValueError(f"expected a purpose of at most {MAX_PURPOSE} characters")
        return tenants


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be brought about for one tenant in one environment; `purpose` names it."""

    environment: str
    tenant: str
    purpose: str


def run_of(
    job: str, environment: str, tenants: Mapping[str, str], key: str, tags: Mapping[str, str] | None = None
) -> dg.RunRequest:
    """A run of `job` for `tenants`, by name with their purpose."""
    config = {"environment": environment, "tenants": dict(sorted(tenants.items()))}
    return dg.RunRequest(
        run_key=key,
        job_name=job,
        run_config={"ops": {f"{job}_tenants": {"config": config}}},
        tags={ENVIRONMENT: environment, TENANTS: named(tenants), **(tags or {})},
    )


def named(tenants: Collection[str]) -> str:
    """A few of them by name, for a tag."""
    return first_few(sorted(tenants), _NAMED)


def wanted_by(run: dg.DagsterRun) -> list[Intent]:
    """What a run was made for; nothing where it is not about tenants, or could not run at all."""
    ops = untyped.mapping(run.run_config.get("ops"))
    configs = [untyped.mapping(untyped.mapping(op).get("config")) for op in ops.values()]
    return [
        Intent(batch.environment, tenant, purpose)
        for config in configs
        if (batch := _batch(config))
        for tenant, purpose in batch.tenants.items()
    ]


def _batch(config: Mapping[str, Any]) -> Batch | None:
    """What somebody who may launch runs wrote, and Dagster took: an op that asks for no config takes any."""
    if config.keys() != Batch.model_fields.keys():
        return None
    try:
        return Batch(**config)
    except ValidationError:
        return None


def requests(
    instance: dg.DagsterInstance, job: str, wanted: Iterable[Intent], tell: Callable[[str], None]
) -> list[dg.RunRequest]:
    """Runs of `job`, one an environment, for all that is `wanted`, but for what a run is under way for, and
    for what `ATTEMPTS` of them did not bring about within the last `PAUSE`, which `tell` is told. Runs that
    people launch are none of these.
    """
    waiting = list(wanted)
    if not waiting:
        return []
    now = datetime.now(UTC)
    recent = instance.get_runs(RunsFilter(job_name=job, created_after=now - PAUSE))
    made = Counter(each for run in recent if is_asked_for(run) for each in wanted_by(run))
    running = set(under_way(instance, job))
    pauses = int(now.timestamp() / PAUSE.total_seconds())
    attempts: dict[Intent, str] = {}
    for each in waiting:
        if each in running:
            continue
        if made[each] < ATTEMPTS:
            attempts[each] = f"{made[each]} of {pauses}"
        else:
            tell(
                f"{each.environment}/{each.tenant}: {made[each]} runs of {job} did not bring it about: it is "
                f"let alone for the rest of {PAUSE}"
            )
    return _runs(job, attempts)


def under_way(instance: dg.DagsterInstance, job: str | None = None) -> list[Intent]:
    """What runs are queued or running for, of one job or of any."""
    runs = instance.get_runs(RunsFilter(job_name=job, statuses=_UNDER_WAY))
    return [each for run in runs for each in wanted_by(run)]


def again(instance: dg.DagsterInstance, job: str) -> list[dg.RunRequest]:
    """Runs of `job`, one an environment, for what the last run for it left undone: in an outage that
    outlasted its retries, or because its process died. What is wrong with the input would only fail once
    more. After `ATTEMPTS` failures in a row a `PAUSE` comes before each.
    """
    since = datetime.now(UTC) - REMEMBERED
    failed = instance.get_run_records(
        RunsFilter(job_name=job, statuses=[DagsterRunStatus.FAILURE], created_after=since)
    )
    if not failed:
        return []
    earliest = failed[-1].create_timestamp - timedelta(seconds=1)
    history: defaultdict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    purposes: dict[tuple[str, str], str] = {}
    for record in instance.get_run_records(RunsFilter(job_name=job, created_after=earliest)):
        for each in wanted_by(record.dagster_run):
            history[each.environment, each.tenant].append(record)
            purposes.setdefault((each.environment, each.tenant), each.purpose)
    left = {record.dagster_run.run_id: _left(instance, record.dagster_run) for record in failed}
    undone = {
        Intent(environment, tenant, purposes[environment, tenant]): f"after {records[0].dagster_run.run_id}"
        for (environment, tenant), records in history.items()
        if tenant in left.get(records[0].dagster_run.run_id, ()) and not _pauses(records)
    }
    return _runs(job, undone)


def _runs(job: str, attempts: Mapping[Intent, str]) -> list[dg.RunRequest]:
    """A run an environment, with a key that tells it from all other attempts."""
    runs: list[dg.RunRequest] = []
    for environment in dict.fromkeys(each.environment for each in attempts):
        here = {each: attempt for each, attempt in attempts.items() if each.environment == environment}
        text = json.dumps(sorted([*astuple(each), attempt] for each, attempt in here.items()))
        key = f"{job}:{environment}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        runs.append(run_of(job, environment, {each.tenant: each.purpose for each in here}, key))
    return runs


def _left(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[str]:
    """The tenants for which another run may do what a failed one did not."""
    everybody = {each.tenant for each in wanted_by(run)}
    kinds = {DagsterEventType.STEP_UP_FOR_RETRY, DagsterEventType.STEP_FAILURE}
    events = [
        record.event_log_entry.dagster_event
        for record in instance.get_records_for_run(run.run_id, of_type=kinds).records
    ]
    failures = [each for each in events if each and each.event_type is DagsterEventType.STEP_FAILURE]
    if not failures:
        return everybody
    if len(failures) == len(events):
        return set()
    told = failures[-1].step_failure_data.user_failure_data
    named = told.metadata.get(LEFT) if told else None
    return everybody.intersection(cast("list[str]", named.value)) if named else everybody


def _pauses(records: Sequence[RunRecord]) -> bool:
    own = [each for each in records if is_asked_for(each.dagster_run)]
    in_a_row = list(takewhile(lambda each: each.dagster_run.status is DagsterRunStatus.FAILURE, own))
    return len(in_a_row) >= ATTEMPTS and datetime.now(UTC) - own[0].create_timestamp < PAUSE


def kept(cursor: str | None) -> dict[str, str]:
    """What the last tick of a sensor has left in its cursor; nothing where that is not what stands there."""
    try:
        return _KEPT.validate_json(cursor or "{}")
    except ValidationError:
        return {}


def log_unreadable(context: dg.SensorEvaluationContext, orchestrator: Orchestrator) -> None:
    """Say in a tick's log what is wrong with the fleet, and which plans and release files are left out."""
    if broken := orchestrator.broken_fleet():
        context.log.error(str(broken))
    else:
        for stalemate in orchestrator.fleet().stalemates:
            context.log.warning(str(stalemate))
    for error in orchestrator.deployments.unreadable():
        context.log.error(str(error))


def result(
    requests: Sequence[dg.RunRequest],
    otherwise: str,
    events: Sequence[Event] = (),
    cursor: str | None = None,
) -> dg.SensorResult:
    """What a tick came to: the runs it wants and what it tells, or in words why neither."""
    why = None if requests or events else otherwise
    return dg.SensorResult(requests, asset_events=events, cursor=cursor, skip_reason=why)
