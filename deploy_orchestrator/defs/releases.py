"""What a change would do, who decides on it, and what is released."""

from collections.abc import Iterator

import dagster as dg

from deploy_orchestrator.defs.events import Told
from deploy_orchestrator.defs.manifests import rendered_manifests
from deploy_orchestrator.defs.partitions import deployments
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.defs.shipment import Shipment, of_one


@dg.asset(
    partitions_def=deployments,
    retry_policy=AGAIN,
    deps=[rendered_manifests],
    group_name="releases",
    kinds={"git"},
    check_specs=[
        dg.AssetCheckSpec(
            "change_is_not_blocked",
            asset="change_plan",
            description="Applying the change would neither fail nor break the tenant.",
        )
    ],
)
def change_plan(
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> Iterator[Told]:
    """The change against what is released, its verdict with reasons, committed as a candidate."""
    yield from of_one(context, installation, Shipment.plan)


@dg.asset(
    partitions_def=deployments,
    retry_policy=AGAIN,
    deps=[change_plan],
    group_name="releases",
    kinds={"git"},
    output_required=False,
)
def release(
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> Iterator[Told]:
    """The release file that Argo CD follows, written when every gate is open.

    While a gate is closed or waits, nothing is materialised: the gates are shown as an observation, and the
    sensor `open_gates` comes back.
    """
    yield from of_one(context, installation, Shipment.release, Shipment.tell_standing)
