# pyright: reportUnknownMemberType=false
"""The jobs that take tenants of one environment along: which steps each is made of."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from deploy_orchestrator.defs.events import Event
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.defs.runs import BLOCKED, Batch, named
from deploy_orchestrator.defs.shipment import Shipment, Step, shipment


def _job(name: str, does: str, *steps: Step) -> dg.JobDefinition:
    """A job of one op that takes its tenants through `steps`, and then syncs what is released.

    What the steps tell is written down while the engine is at work; a failed check comes last, for Dagster
    shows the last evaluation of a check as its state.
    """

    @dg.op(name=f"{name}_tenants", description=does, out={}, retry_policy=AGAIN)
    def tenants(
        context: dg.OpExecutionContext, config: Batch, installation: dg.ResourceParam[Installation]
    ) -> Iterator[Event]:
        with shipment(context.log, installation, config.environment, config.tenants) as under_way:
            told = [report for step in steps for report in step(under_way)]
            if under_way.blocked:
                context.instance.add_run_tags(context.run_id, {BLOCKED: named(under_way.blocked)})
            for report in sorted(told, key=lambda report: report.failed):
                yield report.event
            for report in under_way.sync():
                yield report.event

    @dg.job(name=name, description=does, config=_example(f"{name}_tenants"))
    def job() -> None:
        tenants()

    return job


def _example(op: str) -> dict[str, Any]:
    """What the launchpad shows to begin with, and nobody's run uses unless a person launches it."""
    batch = {"environment": "dev", "tenants": {"analytics": "by hand"}}
    return {"ops": {op: {"config": batch}}}


ship = _job(
    "ship",
    "Take tenants of one environment from the newest fleet commit as far as their gates allow.",
    Shipment.plan,
    Shipment.release,
    Shipment.plan_again,
)
promote = _job(
    "promote",
    "Release plans whose gates have opened, and sync them.",
    Shipment.release,
    Shipment.plan_again,
)
sync = _job("sync", "Sync what is released.")
roll_back = _job(
    "roll_back", "Revert what stays unhealthy, and sync what was released before.", Shipment.revert
)
