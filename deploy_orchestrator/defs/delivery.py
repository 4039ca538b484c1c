"""What is live: each release synced, followed until it is healthy, and reverted when it stays unhealthy."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.partitions import deployment_of, deployments, partition_key
from deploy_orchestrator.defs.releases import release
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.defs.runs import log_unreadable, request, result
from deploy_orchestrator.delivery import SyncError
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.releases import RevertRefused

REFUSED = "cannot be reverted"
COMMIT = "release commit"
"""What is observed of a release that should be reverted and cannot be: why, and which one."""

OVERVIEW = "*"
"""In the cursor of `live_releases`: which overview was reported last, and in which hour."""


@dg.asset(
    partitions_def=deployments,
    retry_policy=AGAIN,
    deps=[release],
    group_name="delivery",
    kinds={"kubernetes"},
    output_required=False,
    check_specs=[
        dg.AssetCheckSpec(
            "live_and_healthy",
            asset="sync_status",
            description="What is live is what is released, and it is healthy.",
        ),
        dg.AssetCheckSpec(
            "tests_passed",
            asset="sync_status",
            description="Every test that came with the release passed after it was synced.",
        ),
    ],
)
def sync_status(
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """The state of one tenant in one environment after its release was synced."""
    environment, tenant = deployment_of(context)
    with installation.open() as orchestrator:
        current = orchestrator.deployments.release(environment, tenant)
        if current is None:
            context.log.info("nothing is released yet")
            return
        try:
            status = orchestrator.deliver(current, lambda seen: context.log.info(seen.message))
        except SyncError as error:
            context.log.error(str(error))
            status = orchestrator.engine.status(environment, tenant)
        tests = orchestrator.verifications(current, status)
    yield dg.MaterializeResult(metadata=pages.status(status, current, orchestrator.engine))
    yield dg.AssetCheckResult(
        check_name="live_and_healthy",
        passed=status.live(current),
        metadata={"deployment": current.key, **pages.status(status, current, orchestrator.engine)},
    )
    yield dg.AssetCheckResult(
        check_name="tests_passed",
        passed=status.live(current) or all(test.passed for test in tests),
        metadata={"deployment": current.key, "tests": pages.tests(tests)},
    )


fleet_status = dg.AssetSpec(
    "fleet_status",
    deps=[sync_status],
    group_name="delivery",
    kinds={"kubernetes"},
    description="Every tenant in every environment on one page: what is released and what is live, how it is "
    "and since when, what was changed by hand, and the last operation. `live_releases` reports it, anew when "
    "something changed and each hour.",
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2)),
)


@dg.op
def revert_release(context: dg.OpExecutionContext, installation: Installation) -> None:
    """Revert the Git commit of a release that stays unhealthy, and follow the release before it until it is
    live.
    """
    environment, tenant = deployment_of(context)
    with installation.open() as orchestrator:
        try:
            reverted = orchestrator.revert_unhealthy(environment, tenant)
        except RevertRefused as refused:
            current = orchestrator.deployments.release(environment, tenant)
            if current is not None:
                metadata = {REFUSED: refused.what, COMMIT: current.commit}
                partition = context.partition_key
                context.log_event(dg.AssetObservation("release", partition=partition, metadata=metadata))
            raise
        if reverted is None:
            context.log.info("the release is healthy again or already reverted")
            return
        status = orchestrator.deliver(reverted)
    for key, metadata in (
        ("release", pages.release(reverted)),
        ("sync_status", pages.status(status, reverted, orchestrator.engine)),
    ):
        context.log_event(dg.AssetMaterialization(key, partition=context.partition_key, metadata=metadata))


@dg.job(partitions_def=deployments, executor_def=dg.in_process_executor)
def roll_back() -> None:
    """Revert what stays unhealthy."""
    revert_release()


@dg.sensor(job_name="sync", minimum_interval_seconds=5, default_status=dg.DefaultSensorStatus.RUNNING)
def live_releases(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    """Sync every release that is not live, also one from before a crash, finish removals, and report what has
    changed.
    """
    reported: dict[str, str] = json.loads(context.cursor or "{}")
    seen: dict[str, str] = {}
    requests: list[dg.RunRequest] = []
    events: list[dg.AssetMaterialization] = []
    unknown: dict[str, str] = {}
    with installation.open() as orchestrator:
        found = orchestrator.live()
        log_unreadable(context, orchestrator)
        overview = pages.fleet_status(found, orchestrator.engine)
        for released, state in found:
            environment, tenant = released.environment, released.tenant
            if isinstance(state, OrchestratorError):
                unknown[released.environment] = str(state)
                continue
            if state.revision != released.revision or released.removal:
                wanted = request(context.instance, "sync", environment, tenant, released.commit)
                requests += [wanted] if wanted else []
                continue
            seen[released.key] = (
                f"{state.revision} {state.sync} {state.health} {state.since.isoformat()} {state.drift}"
            )
            if seen[released.key] != reported.get(released.key):
                events.append(
                    dg.AssetMaterialization(
                        "sync_status",
                        partition=partition_key(environment, tenant),
                        metadata=pages.status(state, released, orchestrator.engine),
                    )
                )
    seen[OVERVIEW] = f"{datetime.now(UTC):%Y-%m-%dT%H} {_digest(overview)}"
    if found and seen[OVERVIEW] != reported.get(OVERVIEW):
        events.append(dg.AssetMaterialization("fleet_status", metadata=overview))
    for environment, error in unknown.items():
        context.log.error(f"{environment}: {error}")
    nothing_new = "; ".join(unknown.values()) or "every release is live, and nothing has changed"
    return dg.SensorResult(
        run_requests=requests,
        asset_events=events,
        cursor=json.dumps(seen),
        skip_reason=None if requests or events else nothing_new,
    )


def _digest(overview: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(overview.items())).encode()).hexdigest()


@dg.sensor(job=roll_back, minimum_interval_seconds=5, default_status=dg.DefaultSensorStatus.RUNNING)
def unhealthy_releases(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    """Revert every release that has been unhealthy for longer than its environment's policy allows."""
    requests: list[dg.RunRequest] = []
    with installation.open() as orchestrator:
        for found in orchestrator.unhealthy():
            release = found.release
            wanted = request(
                context.instance, "roll_back", release.environment, release.tenant, release.commit
            )
            requests += [wanted] if wanted else []
    return result(requests, "nothing stays unhealthy")
