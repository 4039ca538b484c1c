"""What is live: each release synced, and followed until it is healthy."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from deploy_orchestrator.defs import reports
from deploy_orchestrator.defs.events import Told
from deploy_orchestrator.defs.partitions import deployments
from deploy_orchestrator.defs.releases import release
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.defs.shipment import Shipment, of_one
from deploy_orchestrator.pipeline import overview


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
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> Iterator[Told]:
    """The state of one tenant in one environment after its release was synced."""
    yield from of_one(context, installation, Shipment.sync)


fleet_status = dg.AssetSpec(
    "fleet_status",
    deps=[sync_status],
    group_name="delivery",
    kinds={"kubernetes"},
    description="Every tenant in every environment on one page: what is live and how it is, since when, of "
    "which chart and commit, what it waits for, what is wrong, and the last operation. `live_releases` "
    "reports it with its checks, anew when something changed and each hour.",
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2)),
)


def _check(name: str, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset="fleet_status", description=description)


@dg.multi_asset_check(
    name="fleet_checks",
    description="How all deployments stand together. `live_releases` evaluates it with `fleet_status`.",
    specs=[
        _check("all_live_and_healthy", "All that is released is live and healthy."),
        _check("nothing_blocked", "No change waits that nobody can let through."),
        _check("nothing_waits", "No change waits for a person."),
        _check(
            "everything_can_be_read",
            "The fleet, its tenants, plans and releases can be read, engines tell, "
            "and the sensors that guard look.",
        ),
    ],
)
def fleet_checks(installation: dg.ResourceParam[Installation]) -> Iterator[dg.AssetCheckResult]:
    with installation.open() as orchestrator:
        yield from reports.standing(overview(orchestrator, installation.settings.home))
