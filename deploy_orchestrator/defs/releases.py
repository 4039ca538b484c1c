"""What a change would do, who decides on it, and what is released."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.manifests import rendered_manifests
from deploy_orchestrator.defs.partitions import deployment_of, deployments
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.manifests import Diff
from deploy_orchestrator.releases import GatesClosed, Plan, Release
from deploy_orchestrator.risk import Verdict


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
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """The change against what is released, its verdict with reasons, committed as a candidate."""
    environment, tenant = deployment_of(context)
    with installation.open() as orchestrator:
        plan = orchestrator.plan(environment, tenant)
        difference = orchestrator.deployments.difference(environment, tenant)
    yield from told_plan(f"{environment}/{tenant}", plan, difference)


def told_plan(
    key: str, plan: Plan | None, difference: Diff | None
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What is pending of a deployment, if anything, and the verdict on it."""
    if plan is None or difference is None:
        yield dg.MaterializeResult(metadata={"plan": pages.NOTHING_PENDING, "verdict": "nothing to release"})
        yield dg.AssetCheckResult(
            check_name="change_is_not_blocked", passed=True, metadata={"deployment": key}
        )
        return
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(plan.digest),
        metadata={
            "verdict": plan.verdict.value,
            "reasons": pages.reasons(plan),
            "diff": pages.difference(difference),
            "digest": plan.digest,
            "source": plan.source.commit,
            "authors": ", ".join(plan.source.authors),
        },
    )
    yield dg.AssetCheckResult(
        check_name="change_is_not_blocked",
        passed=plan.verdict is not Verdict.BLOCKED,
        metadata={"deployment": key, "reasons": pages.reasons(plan)},
    )


@dg.asset(
    partitions_def=deployments,
    retry_policy=AGAIN,
    deps=[change_plan],
    group_name="releases",
    kinds={"git"},
    output_required=False,
)
def release(
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetObservation]:
    """The release file that Argo CD follows, written when every gate is open.

    While a gate is closed or waits, nothing is materialised: the gates are shown as an observation, and the
    sensor `open_gates` comes back.
    """
    environment, tenant = deployment_of(context)
    with installation.open() as orchestrator:
        plan = orchestrator.deployments.pending(environment, tenant)
        try:
            current = (
                orchestrator.release(plan) if plan else orchestrator.deployments.release(environment, tenant)
            )
        except GatesClosed as waiting:
            yield waits(context.partition_key, plan, waiting)
            context.log.info(str(waiting))
            return
    if current is not None:
        yield told_release(current)


def waits(partition: str, plan: Plan | None, waiting: GatesClosed) -> dg.AssetObservation:
    """What the release of a plan waits for."""
    return dg.AssetObservation(
        asset_key="release",
        partition=partition,
        metadata={"waits for": pages.gates(waiting.gates), "digest": plan.digest if plan else ""},
    )


def told_release(current: Release) -> dg.MaterializeResult[Any]:
    """What is released."""
    return dg.MaterializeResult(data_version=dg.DataVersion(current.digest), metadata=pages.release(current))
