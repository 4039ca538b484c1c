"""What the manifests run: every container image, and whether its bytes can change under the same name; and
what the registries have of them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.events import Told
from deploy_orchestrator.defs.manifests import rendered_manifests
from deploy_orchestrator.defs.partitions import deployments
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.defs.shipment import Shipment, of_one
from deploy_orchestrator.errors import OrchestratorError, Transient
from deploy_orchestrator.images import findings_of, moved
from deploy_orchestrator.outcomes import values


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


@dg.asset(
    retry_policy=AGAIN,
    group_name="images",
    kinds={"docker"},
    check_specs=[
        dg.AssetCheckSpec(
            "images_are_there",
            asset="image_audit",
            description="Each image is in its registry, whole, and as its name and digest say.",
        ),
        dg.AssetCheckSpec(
            "images_keep_policy",
            asset="image_audit",
            description="Each image is what the policy of its environment asks for.",
        ),
        dg.AssetCheckSpec(
            "images_are_as_released",
            asset="image_audit",
            description="No tag of what is released leads to other bytes than when it was planned.",
        ),
    ],
)
def image_audit(
    installation: dg.ResourceParam[Installation],
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """The images of the environments whose policy asks something of them, as their registries have them."""
    with installation.open() as orchestrator:
        fleet = orchestrator.fleet()
        judging = {each.name for each in fleet.environments if each.policy.images is not None}
        running = orchestrator.running(lambda environment, tenant: environment in judging)
        audited = orchestrator.images(values(each for _, each in running))
        asked = {each.key: each for each in fleet.deployments()}
    found = findings_of(values(each for _, each in running), asked, audited, datetime.now(UTC))
    shifted = moved(values(each for _, each in running), audited)
    errors = [(str(each.name), each.found) for each in audited if isinstance(each.found, OrchestratorError)]
    unread = [(key, each) for key, each in running if isinstance(each, OrchestratorError)]
    broken = pages.table(["image", "why"], [(name, error.what) for name, error in (*errors, *unread)])
    breaches = pages.table(
        ["deployment", "check", "object", "message", "fix"],
        [(key, each.rule, each.object or "", each.message, each.fix) for key, each in found],
    )
    yield dg.MaterializeResult(
        metadata={"images": pages.audited(audited), "image count": len(audited), "not there": broken}
    )
    yield dg.AssetCheckResult(
        check_name="images_are_there",
        passed=not errors and not unread,
        severity=dg.AssetCheckSeverity.WARN
        if all(isinstance(error, Transient) for _, error in (*errors, *unread))
        else dg.AssetCheckSeverity.ERROR,
        metadata={"not there": broken, "environments": ", ".join(sorted(judging)) or "none"},
    )
    yield dg.AssetCheckResult(
        check_name="images_keep_policy",
        passed=not any(each.severity == "error" for _, each in found) and not errors and not unread,
        metadata={"findings": breaches},
    )
    told = pages.table(
        ["deployment", "image", "led to", "leads to"],
        [(each.key, each.name, each.was, each.now) for each in shifted],
    )
    yield dg.AssetCheckResult(
        check_name="images_are_as_released",
        passed=not shifted and not errors,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"moved": told},
    )
