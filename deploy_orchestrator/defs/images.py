"""What the manifests run: every container image, and whether its bytes can change under the same name."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.manifests import rendered_manifests
from deploy_orchestrator.defs.partitions import deployment_of, deployments
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.images import images
from deploy_orchestrator.manifests import Manifests


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
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """The container images of one tenant in one environment, and who uses each."""
    environment, tenant = deployment_of(context)
    with installation.open() as orchestrator:
        manifests = orchestrator.manifests(environment, tenant)
    yield from told(f"{environment}/{tenant}", manifests)


def told(key: str, manifests: Manifests) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """The images of a deployment, and whether they are pinned."""
    found = images(manifests)
    unpinned = [image.reference for image in found if not image.pinned]
    yield dg.MaterializeResult(metadata={"images": pages.images(found), "image count": len(found)})
    yield dg.AssetCheckResult(
        check_name="images_are_pinned",
        passed=not unpinned,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"deployment": key, "unpinned": dg.JsonMetadataValue(unpinned)},
    )
