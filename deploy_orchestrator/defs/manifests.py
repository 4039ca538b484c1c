"""What would be applied: the rendered manifests of each tenant in each environment, and what is wrong with
them.
"""

from collections.abc import Iterator

import dagster as dg

from deploy_orchestrator.defs.charts import charts
from deploy_orchestrator.defs.events import Told
from deploy_orchestrator.defs.partitions import deployments
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.defs.shipment import Shipment, of_one


@dg.asset(
    partitions_def=deployments,
    retry_policy=AGAIN,
    deps=[charts],
    group_name="manifests",
    kinds={"kubernetes", "yaml"},
    check_specs=[
        dg.AssetCheckSpec(
            "manifests_are_sound",
            asset="rendered_manifests",
            description="Objects fit the Kubernetes schemas and keep the tenant policy.",
        )
    ],
)
def rendered_manifests(
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> Iterator[Told]:
    """The exact objects that one tenant in one environment would get from the newest fleet commit."""
    yield from of_one(context, installation, Shipment.render)
