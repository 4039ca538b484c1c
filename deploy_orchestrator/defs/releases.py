"""What a change would do, who decides on it, and what is released."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.jobs import promote, ship
from deploy_orchestrator.defs.manifests import rendered_manifests
from deploy_orchestrator.defs.partitions import deployment_of, deployments
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.defs.runs import log_unreadable, request, result
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.releases import GatesClosed, Verdict

PLANNING_OPENS = ("base", "candidate")
"""The gates that planning again opens."""


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
    if plan is None or difference is None:
        yield dg.MaterializeResult(metadata={"plan": pages.NOTHING_PENDING, "verdict": "nothing to release"})
        yield dg.AssetCheckResult(
            check_name="change_is_not_blocked",
            passed=True,
            metadata={"deployment": f"{environment}/{tenant}"},
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
        metadata={"deployment": plan.key, "reasons": pages.reasons(plan)},
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
            yield dg.AssetObservation(
                asset_key="release",
                partition=context.partition_key,
                metadata={"waits for": pages.gates(waiting.gates), "digest": plan.digest if plan else ""},
            )
            context.log.info(str(waiting))
            return
    if current is not None:
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(current.digest), metadata=pages.release(current)
        )


@dg.sensor(
    jobs=[promote, ship],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def open_gates(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    """Release what waited: an approval was signed, the environment before or an earlier wave is healthy long
    enough, a freeze ended. Plan anew what replaces something that is no longer released, and what somebody
    has edited.
    """
    with installation.open() as orchestrator:
        requests: list[dg.RunRequest] = []
        waiting: list[str] = []
        log_unreadable(context, orchestrator)
        for plan, gates in orchestrator.pending():
            if isinstance(gates, OrchestratorError):
                context.log.error(f"{plan.key}: {gates}")
                waiting.append(f"{plan.key}: {gates.what}")
                continue
            closed = [gate for gate in gates if not gate.passed]
            if closed:
                waiting.append(f"{plan.key}: {closed[0].reason}")
            if closed and (closed[0].key not in PLANNING_OPENS or plan.removal):
                continue
            job = "ship" if closed else "promote"
            if wanted := request(context.instance, job, plan.environment, plan.tenant, plan.digest):
                requests.append(wanted)
        return result(requests, "; ".join(waiting) or "nothing is pending")
