# pyright: reportUnknownMemberType=false
"""What happens without anybody doing anything: what each look at Git and at the engine asks for."""

import hashlib
import json
from datetime import UTC, datetime

import dagster as dg

from deploy_orchestrator.defs import pages, reports
from deploy_orchestrator.defs.events import Event, Report, evaluation
from deploy_orchestrator.defs.jobs import survey
from deploy_orchestrator.defs.partitions import environments, tenants
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.defs.runs import (
    Intent,
    again,
    kept,
    log_unreadable,
    requests,
    result,
    run_of,
    under_way,
)
from deploy_orchestrator.defs.shipping import promote, roll_back, ship, sync
from deploy_orchestrator.delivery import Status
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Fleet, FleetError, changed
from deploy_orchestrator.git import RevisionNotFound
from deploy_orchestrator.outcomes import attempt
from deploy_orchestrator.pipeline import Orchestrator, State, looked, overview
from deploy_orchestrator.releases import Release

PRIORITY = "dagster/priority"

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
        "ended. Plan anew what replaces something that is no longer released, and what somebody has edited. "
        "Tell of each release what it waits for, anew when that changes."
    ),
)
def open_gates(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult:
    observed, seen = kept(context.cursor), dict[str, str]()
    events: list[Event] = []
    with installation.open() as orchestrator:
        opened: list[Intent] = []
        outdated: list[Intent] = []
        waiting: list[str] = []
        log_unreadable(context, orchestrator)
        orchestrator.deployments.put_back()
        broken = orchestrator.broken_fleet()
        if broken:
            waiting.append(f"nothing is released while {broken.place} is broken")
        else:
            waiting += _rules(context, orchestrator)
            _ask_for_reviews(context, orchestrator)
        for plan, gates in () if broken else orchestrator.pending():
            if isinstance(gates, OrchestratorError):
                context.log.error(f"{plan.key}: {gates}")
                waiting.append(f"{plan.key}: {gates.what}")
                seen |= {plan.key: observed[plan.key]} if plan.key in observed else {}
                continue
            closed = [gate for gate in gates if not gate.passed]
            if closed:
                waiting.append(f"{plan.key}: {closed[0].reason}")
                seen[plan.key] = _digest([plan.digest, *((gate.key, gate.state) for gate in closed)])
                if seen[plan.key] != observed.get(plan.key):
                    events.append(reports.waits(plan, closed).runless)
            wanted = Intent(plan.environment, plan.tenant, plan.digest)
            if not closed:
                opened.append(wanted)
            elif any(gate.outdated for gate in closed) and not plan.removal:
                outdated.append(wanted)
        # What waited behind a plan is planned as soon as that is released.
        outdated += [
            Intent(plan.environment, plan.tenant, plan.digest)
            for plan in (() if broken else orchestrator.overtaken())
        ]
    if broken:
        seen = observed
    events += [reports.waits_no_more(*key.split("/", 1)).runless for key in observed if key not in seen]
    runs = [
        *requests(context.instance, "promote", opened, context.log.error),
        *requests(context.instance, "ship", outdated, context.log.error),
    ]
    looked(installation.settings.home, "open_gates", datetime.now(UTC))
    return result(runs, "; ".join(waiting) or "nothing is pending", events, json.dumps(seen))


def _ask_for_reviews(context: dg.SensorEvaluationContext, orchestrator: Orchestrator) -> None:
    """Have people asked on the forge, where the rules name one. Nothing else waits for that."""
    asked = attempt(orchestrator.ask_for_reviews)
    if isinstance(asked, OrchestratorError):
        context.log.error(f"the reviews: {asked}")


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
        "crash, finish removals, and report what has changed, with the checks on it."
    ),
)
def live_releases(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult:
    reported = kept(context.cursor)
    seen: dict[str, str] = {}
    wanted: list[Intent] = []
    told: list[Report] = []
    unhealthy: list[tuple[Release, Status]] = []
    unknown: dict[str, None] = {}
    with installation.open() as orchestrator:
        log_unreadable(context, orchestrator)
        found = overview(orchestrator, installation.settings.home)
        page = pages.fleet_status(found, orchestrator.engine)
        for each in found.deployments:
            released, state = each.release, each.status
            if released is None:
                continue
            if state is None:
                unknown[each.message] = None
                continue
            if state.revision != released.revision or released.removal:
                wanted.append(Intent(each.environment, each.tenant, released.commit))
                continue
            seen[each.key] = (
                f"{state.revision} {state.sync} {state.health} {state.since.isoformat()} {state.drift}"
            )
            if seen[each.key] != reported.get(each.key):
                told += _synced(context, orchestrator, released, state)
            elif each.state is not State.LIVE:
                unhealthy.append((released, state))
        if told and unhealthy:
            # Dagster shows the last evaluation of a check as its state, whatever partition that was of.
            again = _synced(context, orchestrator, *unhealthy[0])
            told += [report for report in again if report.failed]
    events = [report.runless for report in sorted(told, key=lambda report: report.failed)]
    seen[OVERVIEW] = f"{datetime.now(UTC):%Y-%m-%dT%H} {_digest(sorted(page.items()))}"
    if found.deployments and seen[OVERVIEW] != reported.get(OVERVIEW):
        events.append(dg.AssetMaterialization("fleet_status", metadata=page))
        events += [evaluation(check, "fleet_status") for check in reports.standing(found)]
    for error in unknown:
        context.log.error(error)
    nothing_new = "; ".join(unknown) or "every release is live, and nothing has changed"
    busy = (
        {(each.environment, each.tenant) for each in under_way(context.instance)}
        if wanted
        else frozenset[tuple[str, str]]()
    )
    left = [each for each in wanted if (each.environment, each.tenant) not in busy]
    runs = requests(context.instance, "sync", left, context.log.error)
    looked(installation.settings.home, "live_releases", datetime.now(UTC))
    return dg.SensorResult(
        run_requests=runs,
        asset_events=events,
        cursor=json.dumps(seen),
        skip_reason=None if runs or events else nothing_new,
    )


def _synced(
    context: dg.SensorEvaluationContext, orchestrator: Orchestrator, released: Release, state: Status
) -> list[Report]:
    """The state of a release with its checks, which are blank until they are told again."""
    tests = attempt(orchestrator.verifications, released, state)
    if isinstance(tests, OrchestratorError):
        context.log.error(f"{released.key}: {tests}")
        return []
    return list(reports.synced(released, state, tests, orchestrator.engine))


def _digest(told: object) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()


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
        unhealthy = [found.release for found in orchestrator.unhealthy()]
    refused = {each.key: reports.refusal(context.instance, each) for each in unhealthy}
    wanted = [
        Intent(each.environment, each.tenant, each.commit) for each in unhealthy if not refused[each.key]
    ]
    let_alone: list[str] = []
    runs = requests(context.instance, "roll_back", wanted, let_alone.append)
    for each in let_alone:
        context.log.error(each)
    looked(installation.settings.home, "unhealthy_releases", datetime.now(UTC))
    stuck = "; ".join(
        [*(f"{key} cannot be reverted: {why}" for key, why in refused.items() if why), *let_alone]
    )
    return result(runs, stuck or ("it is being reverted" if unhealthy else "nothing stays unhealthy"))
