# pyright: reportUnknownMemberType=false
"""What the fleet follows: newer versions of charts and images, looked for as often as each says."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.resources import AGAIN, Installation
from deploy_orchestrator.defs.runs import kept
from deploy_orchestrator.errors import OrchestratorError, Transient
from deploy_orchestrator.fleet import Subscription
from deploy_orchestrator.outcomes import attempt, failures, values
from deploy_orchestrator.subscriptions import forge_if_any
from deploy_orchestrator.terms import Label


class SubscriptionsConfig(dg.Config):
    """Which subscriptions are looked at."""

    names: list[Label] = Field(default_factory=list[Label], description="Subscriptions by name; none: all.")


@dg.asset(
    retry_policy=AGAIN,
    group_name="charts",
    kinds={"git", "yaml"},
    check_specs=[
        dg.AssetCheckSpec(
            "every_subscription_is_looked_up",
            asset="upgrade_offers",
            description="What the fleet follows can be looked up, and proposed.",
        )
    ],
)
def upgrade_offers(
    config: SubscriptionsConfig, installation: dg.ResourceParam[Installation]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """The highest versions that are safe for all tenants of what the fleet follows, each proposed once."""
    with installation.open() as orchestrator:
        offer = orchestrator.offering(forge_if_any(orchestrator.fleet_repository), propose=True)
        found = [
            (each.name, attempt(offer, each))
            for each in orchestrator.fleet().subscriptions
            if not config.names or each.name in config.names
        ]
    offers = values(outcome for _, outcome in found)
    broken = pages.table(["subscription", "why"], [(name, str(error)) for name, error in failures(found)])
    yield dg.MaterializeResult(
        metadata={
            "offers": pages.table(
                ["subscription", "state", "version", "branch", "pull request"],
                [
                    (each.subscription, each.state, each.version or "", each.branch or "", each.url or "")
                    for each in offers
                ],
            ),
            "not safe": pages.table(
                ["subscription", "version", "why"],
                [(each.subscription, version, why) for each in offers for version, why in each.unsafe],
            ),
            "not looked up": broken,
        }
    )
    yield dg.AssetCheckResult(
        check_name="every_subscription_is_looked_up",
        passed=not failures(found),
        severity=dg.AssetCheckSeverity.WARN
        if all(isinstance(error, Transient) for _, error in failures(found))
        else dg.AssetCheckSeverity.ERROR,
        metadata={"not looked up": broken},
    )


offer_upgrades = dg.define_asset_job(
    "offer_upgrades",
    ["upgrade_offers"],
    description="Look for newer versions of what the fleet follows, and propose the highest that is safe.",
)


@dg.sensor(
    job=offer_upgrades,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Look for newer versions of what the fleet follows, as often as each subscription says.",
)
def due_subscriptions(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult:
    with installation.open() as orchestrator:
        attempted = attempt(orchestrator.fleet)
    if isinstance(attempted, OrchestratorError):
        return dg.SensorResult(skip_reason=f"the fleet is broken: {attempted.what}", cursor=context.cursor)
    looked, now = kept(context.cursor), datetime.now(UTC)
    turns = {each.name: _turn(each, now) for each in attempted.subscriptions}
    due = sorted(name for name, turn in turns.items() if looked.get(name) != turn)
    if not due:
        return dg.SensorResult(skip_reason="nothing is due", cursor=context.cursor)
    key = hashlib.sha256(json.dumps([(name, turns[name]) for name in due]).encode()).hexdigest()
    ops = {"upgrade_offers": {"config": {"names": due}}}
    run = dg.RunRequest(f"offer:{key}", job_name=offer_upgrades.name, run_config={"ops": ops})
    return dg.SensorResult([run], cursor=json.dumps(turns))


def _turn(subscription: Subscription, now: datetime) -> str:
    """Which look it is, counted from the beginning of time: the same for each tick between two looks, and
    another one where what is followed is another.
    """
    said = hashlib.sha256(subscription.model_dump_json().encode()).hexdigest()
    return f"{int(now.timestamp() // subscription.cadence.total_seconds())}:{said[:16]}"
