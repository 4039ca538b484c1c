"""Requests for runs that may be repeated on every tick: one at a time per purpose, and a bounded number of
failures.
"""

from collections.abc import Sequence

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from deploy_orchestrator.defs.partitions import partition_key

PURPOSE = "deploy-orchestrator/purpose"
MAX_FAILURES = 3

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
        None while a run for this purpose is under way, and after `MAX_FAILURES` of them failed.
    """
    key = partition_key(environment, tenant)
    marked = f"{job}:{key}:{purpose}"
    runs = instance.get_runs(RunsFilter(tags={PURPOSE: marked}), limit=MAX_FAILURES + 1)
    if any(run.status in _UNDER_WAY for run in runs) or len(runs) >= MAX_FAILURES:
        return None
    return dg.RunRequest(
        run_key=f"{marked}:{len(runs)}", job_name=job, partition_key=key, tags={PURPOSE: marked}
    )


def result(requests: Sequence[dg.RunRequest], otherwise: str) -> dg.SensorResult:
    """What a tick came to: the runs it wants, or in words why it wants none."""
    return dg.SensorResult(requests) if requests else dg.SensorResult(skip_reason=otherwise)
