"""What is live: each release synced, and followed until it is healthy."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.partitions import deployment_of, deployments
from deploy_orchestrator.defs.releases import release
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.delivery import Engine, Status, SyncError, Verification
from deploy_orchestrator.releases import Release


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
    yield from told(current, status, tests, orchestrator.engine)


def told(
    current: Release, status: Status, tests: Sequence[Verification], engine: Engine
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """The state that a release is in, and how the tests that came with it went."""
    state = pages.status(status, current, engine)
    yield dg.MaterializeResult(metadata=state)
    yield dg.AssetCheckResult(
        check_name="live_and_healthy",
        passed=status.live(current),
        metadata={"deployment": current.key, **state},
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
