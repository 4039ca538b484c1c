# pyright: reportUnknownMemberType=false
"""What happens without anybody doing anything: what each look at Git and at the engine asks for."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from deploy_orchestrator.defs import pages
from deploy_orchestrator.defs.jobs import survey
from deploy_orchestrator.defs.partitions import environments, partition_key, tenants
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.defs.runs import Wanted, again, log_unreadable, requests, result, run_of, under_way
from deploy_orchestrator.defs.shipping import promote, roll_back, ship, sync
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Fleet, FleetError, changed
from deploy_orchestrator.git import RevisionNotFound
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.pipeline import Orchestrator, looked

PRIORITY = "dagster/priority"

_REPORTED = TypeAdapter(dict[str, str])

OVERVIEW = "*"
"""In the cursor of `live_releases`: which overview was reported last, and in which hour."""


@dg.sensor(
    jobs=[survey, ship],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ship what a new commit of the fleet repository changes, and nothing else.",
)
def fleet_commits(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult:
    with installation.open() as orchestrator:
        head = orchestrator.fleet_repository.head()
        if head is None or head == context.cursor:
            return result([], "no new commit")
        after = orchestrator.fleet(head)
        before = _at(orchestrator, context.cursor)
        wanted = changed(before, after)
        order = [each.name for each in after.environments]
        if before:
            wanted += [
                each
                for each in before.deployments()
                if each.tenant.name in after.broken and each.environment.name in order
            ]
        shipped = {
            name: [each.tenant.name for each in wanted if each.environment.name == name] for name in order
        }
        return dg.SensorResult(
            run_requests=[
                *(
                    run_of(
                        "ship",
                        name,
                        dict.fromkeys(here, head),
                        f"ship:{name}:{head}",
                        {PRIORITY: str(-order.index(name))},
                    )
                    for name, here in shipped.items()
                    if here
                ),
                dg.RunRequest(run_key=f"survey:{head}", job_name="survey", tags={PRIORITY: str(-len(order))}),
            ],
            dynamic_partitions_requests=[
                environments.build_add_request([each.name for each in after.environments]),
                tenants.build_add_request([*after.tenants, *after.broken]),
            ],
            cursor=head,
        )


@dg.sensor(
    job=ship,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ship again what an outage kept from being shipped.",
)
def failed_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    return result(again(context.instance, "ship"), "no outage kept anything from being shipped")


def _at(orchestrator: Orchestrator, revision: str | None) -> Fleet | None:
    try:
        return orchestrator.fleet(revision) if revision else None
    except (FleetError, RevisionNotFound):
        return None


@dg.sensor(
    jobs=[promote, ship],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Write down rules that were approved, and put back what others wrote. Release what waited: an "
        "approval was signed, the environment before or an earlier wave is healthy long enough, a freeze "
        "ended. Plan anew what replaces something that is no longer released, and what somebody has edited."
    ),
)
def open_gates(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult:
    with installation.open() as orchestrator:
        opened: list[Wanted] = []
        outdated: list[Wanted] = []
        waiting: list[str] = []
        log_unreadable(context, orchestrator)
        orchestrator.deployments.put_back()
        if broken := orchestrator.broken_fleet():
            waiting.append(f"nothing is released while {broken.place} is broken")
        else:
            waiting += _rules(context, orchestrator)
        for plan, gates in () if broken else orchestrator.pending():
            if isinstance(gates, OrchestratorError):
                context.log.error(f"{plan.key}: {gates}")
                waiting.append(f"{plan.key}: {gates.what}")
                continue
            closed = [gate for gate in gates if not gate.passed]
            if closed:
                waiting.append(f"{plan.key}: {closed[0].reason}")
            wanted = Wanted(plan.environment, plan.tenant, plan.digest)
            if not closed:
                opened.append(wanted)
            elif any(gate.outdated for gate in closed) and not plan.removal:
                outdated.append(wanted)
        # What waited behind a plan is planned as soon as that is released.
        outdated += [
            Wanted(plan.environment, plan.tenant, plan.digest)
            for plan in (() if broken else orchestrator.overtaken())
        ]
    runs = [
        *requests(context.instance, "promote", opened),
        *requests(context.instance, "ship", outdated),
    ]
    looked(installation.settings.home, "open_gates", datetime.now(UTC))
    return result(runs, "; ".join(waiting) or "nothing is pending")


def _rules(context: dg.SensorEvaluationContext, orchestrator: Orchestrator) -> list[str]:
    """Write down the rules that count by now, and tell those that wait."""
    try:
        found = orchestrator.rules().values()
        if any(each.recorded for each in found):
            orchestrator.settle_rules()
    except OrchestratorError as error:
        context.log.error(f"the rules: {error}")
        return []
    return [f"{each.pending.key}: {each.gate.reason}" for each in found if each.pending]


@dg.sensor(
    job=sync,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Sync every release that is not live and that no run is about, also one from before a "
        "crash, finish removals, and report what has changed."
    ),
)
def live_releases(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult:
    reported = _reported(context.cursor)
    seen: dict[str, str] = {}
    wanted: list[Wanted] = []
    events: list[dg.AssetMaterialization] = []
    unknown: dict[str, str] = {}
    with installation.open() as orchestrator:
        found = orchestrator.live()
        log_unreadable(context, orchestrator)
        paused = [each for each in orchestrator.pausing() if each.paused]
        rules = attempt(orchestrator.rules)
        waiting = (
            () if isinstance(rules, OrchestratorError) else [each for each in rules.values() if each.pending]
        )
        overview = pages.fleet_status(found, orchestrator.engine, paused, waiting)
        for released, state in found:
            environment, tenant = released.environment, released.tenant
            if isinstance(state, OrchestratorError):
                unknown[released.environment] = str(state)
                continue
            if state.revision != released.revision or released.removal:
                wanted.append(Wanted(environment, tenant, released.commit))
                continue
            seen[released.key] = (
                f"{state.revision} {state.sync} {state.health} {state.since.isoformat()} {state.drift}"
            )
            if seen[released.key] != reported.get(released.key):
                events.append(
                    dg.AssetMaterialization(
                        "sync_status",
                        partition=partition_key(environment, tenant),
                        metadata=pages.status(state, released, orchestrator.engine),
                    )
                )
    seen[OVERVIEW] = f"{datetime.now(UTC):%Y-%m-%dT%H} {_digest(overview)}"
    if found and seen[OVERVIEW] != reported.get(OVERVIEW):
        events.append(dg.AssetMaterialization("fleet_status", metadata=overview))
    for environment, error in unknown.items():
        context.log.error(f"{environment}: {error}")
    nothing_new = "; ".join(unknown.values()) or "every release is live, and nothing has changed"
    busy = (
        {(each.environment, each.tenant) for each in under_way(context.instance)}
        if wanted
        else frozenset[tuple[str, str]]()
    )
    left = [each for each in wanted if (each.environment, each.tenant) not in busy]
    runs = requests(context.instance, "sync", left)
    looked(installation.settings.home, "live_releases", datetime.now(UTC))
    return dg.SensorResult(
        run_requests=runs,
        asset_events=events,
        cursor=json.dumps(seen),
        skip_reason=None if runs or events else nothing_new,
    )


def _reported(cursor: str | None) -> dict[str, str]:
    """What was reported when the cursor was written; nothing where that is not what is written there."""
    try:
        return _REPORTED.validate_json(cursor or "{}")
    except ValidationError:
        return {}


def _digest(overview: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(overview.items())).encode()).hexdigest()


@dg.sensor(
    job=roll_back,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Revert every release that has been unhealthy for longer than its environment's policy allows."
    ),
)
def unhealthy_releases(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult:
    with installation.open() as orchestrator:
        log_unreadable(context, orchestrator)
        wanted = [
            Wanted(found.release.environment, found.release.tenant, found.release.commit)
            for found in orchestrator.unhealthy()
        ]
    runs = requests(context.instance, "roll_back", wanted)
    looked(installation.settings.home, "unhealthy_releases", datetime.now(UTC))
    return result(runs, "nothing stays unhealthy")
