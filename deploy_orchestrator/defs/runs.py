"""What a tick asks for and says: runs, one at a time per purpose and after a few of them one an hour."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from deploy_orchestrator.defs.partitions import partition_key
from deploy_orchestrator.orchestrator import Orchestrator

PURPOSE = "deploy-orchestrator/purpose"
ATTEMPTS = 3
PAUSE = timedelta(hours=1)

_UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def request(
    instance: dg.DagsterInstance, job: str, environment: str, tenant: str, purpose: str
) -> dg.RunRequest | None:
    """Ask for a run of `job` on one deployment, for a `purpose` that names what it is to bring about.

    Returns:
        None while a run for this purpose is under way, and once `ATTEMPTS` of them did not bring it about,
        for a `PAUSE` after each.
    """
    key = partition_key(environment, tenant)
    marked = f"{job}:{key}:{purpose}"
    selection = RunsFilter(tags={PURPOSE: marked})
    latest = instance.get_run_records(selection, limit=1)
    made = instance.get_runs_count(selection)
    if any(record.dagster_run.status in _UNDER_WAY for record in latest):
        return None
    if made >= ATTEMPTS and datetime.now(UTC) - latest[0].create_timestamp < PAUSE:
        return None
    return dg.RunRequest(run_key=f"{marked}:{made}", job_name=job, partition_key=key, tags={PURPOSE: marked})


def again(instance: dg.DagsterInstance, job: str, environment: str, tenant: str) -> dg.RunRequest | None:
    """Ask for another run of `job` on one deployment where the last one failed though it retried its steps:
    in an outage that is longer than that. What is wrong with the input would only fail once more.

    Returns:
        None where it did not fail so, and for a `PAUSE` once `ATTEMPTS` in a row have failed.
    """
    key = partition_key(environment, tenant)
    selection = RunsFilter(job_name=job, tags={"dagster/partition": key})
    latest = instance.get_run_records(selection, limit=ATTEMPTS)
    failed = [each for each in latest if each.dagster_run.status is DagsterRunStatus.FAILURE]
    if not failed or failed[0] is not latest[0] or not _retried(instance, latest[0].dagster_run.run_id):
        return None
    if len(failed) == ATTEMPTS and datetime.now(UTC) - latest[0].create_timestamp < PAUSE:
        return None
    run_key = f"{job}:{key}:after:{latest[0].dagster_run.run_id}"
    return dg.RunRequest(run_key=run_key, job_name=job, partition_key=key)


def _retried(instance: dg.DagsterInstance, run: str) -> bool:
    return bool(
        instance.get_records_for_run(run, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY, limit=1).records
    )


def log_unreadable(context: dg.SensorEvaluationContext, orchestrator: Orchestrator) -> None:
    """Say in a tick's log which plans and release files are left out, and what is wrong with each."""
    for error in orchestrator.deployments.unreadable():
        context.log.error(str(error))


def result(requests: Sequence[dg.RunRequest], otherwise: str) -> dg.SensorResult:
    """What a tick came to: the runs it wants, or in words why it wants none."""
    return dg.SensorResult(requests) if requests else dg.SensorResult(skip_reason=otherwise)
