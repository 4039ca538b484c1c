"""What the manifests run: every container image, and whether its bytes can change under the same name."""

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
    group_name="images",
    kinds={"docker"},
    check_specs=[
        dg.AssetCheckSpec(
            "images_are_pinned",
            asset="container_images",
            description="Every image names a tag other than latest, or a digest.",
        )
    ],
)
def container_images(
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> Iterator[Told]:
    """The container images of one tenant in one environment, and who uses each."""
    yield from of_one(context, installation, Shipment.render)
