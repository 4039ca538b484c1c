"""What would be applied: the rendered manifests of each tenant in each environment, and what is wrong with
them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.charts import charts
from deploy_orchestrator.defs.partitions import deployment_of, deployments
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.manifests import Finding, Manifests


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
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """The exact objects that one tenant in one environment would get from the newest fleet commit."""
    environment, tenant = deployment_of(context)
    with installation.open() as orchestrator:
        rendered = orchestrator.render(environment, tenant)
    yield from told(rendered.deployment.key, rendered.manifests, rendered.findings, rendered.fleet.revision)


def told(
    key: str, manifests: Manifests, findings: Sequence[Finding], revision: str
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What was rendered at a fleet commit, and what the checks found in it."""
    errors = [finding for finding in findings if finding.severity == "error"]
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(manifests.content),
        metadata={
            "objects": pages.objects(manifests),
            "object count": len(manifests.objects),
            "content": manifests.content,
            "chart": pages.chart(manifests),
            "fleet commit": revision,
        },
    )
    yield dg.AssetCheckResult(
        check_name="manifests_are_sound",
        passed=not errors,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "deployment": key,
            "findings": pages.findings(findings),
            "errors": len(errors),
            "warnings": len(findings) - len(errors),
        },
    )
