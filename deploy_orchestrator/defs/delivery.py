"""What is live: each release synced, and followed until it is healthy."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from deploy_orchestrator.defs.events import Told
from deploy_orchestrator.defs.partitions import deployments
from deploy_orchestrator.defs.releases import release
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.defs.shipment import Shipment, of_one


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
    description="Every tenant in every environment on one page: what is released and what is live, how it is "
    "and since when, what was changed by hand, and the last operation. `live_releases` reports it, anew when "
    "something changed and each hour.",
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2)),
)
