"""`status`: what is live where, what broke, and what waits for whom."""

from collections.abc import Iterator
from datetime import UTC, datetime
from time import sleep
from typing import Annotated, Final

import typer
from rich.text import Text

from deploy_orchestrator.cli.installation import described, opened, require_known
from deploy_orchestrator.cli.options import Format, OnlyEnvironment, OnlyTenant, Output
from deploy_orchestrator.cli.output import (
    coloured,
    decided,
    note,
    plain,
    say,
    say_below,
    screen,
    show_json,
    table,
    tell,
)
from deploy_orchestrator.cli.pending import standing
from deploy_orchestrator.delivery import Operation, Status, Sync
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.outcomes import Outcome, attempt
from deploy_orchestrator.pipeline import GuardSilent, Orchestrator, Overview, Standing, State, age, overview
from deploy_orchestrator.releases import Release

SECONDS: Final = 2.0
_SHOWN: Final = 8
"""Digits of a commit."""

OfEnvironment = Annotated[
    str | None, typer.Argument(metavar="[ENVIRONMENT]", help="Show this environment only.")
]
OfTenant = Annotated[
    str | None, typer.Argument(metavar="[TENANT]", help="Show this tenant there, with all that is to know.")
]
Watching = Annotated[bool, typer.Option("--watch", "-w", help="Go on looking, until Ctrl-C.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 also when something waits for a person.")]


def status(
    context: typer.Context,
    environment: OfEnvironment = None,
    tenant: OfTenant = None,
    only_environment: OnlyEnvironment = None,
    only_tenant: OnlyTenant = None,
    watch: Watching = False,
    strict: Strict = False,
    output: Output = Format.TEXT,
) -> None:
    """Show what is live where, what broke, what waits for a person, and what is paused.

    Of one tenant in one environment it shows its objects, hooks and gates, too. The exit code is 1 when
    something that is released is not live and healthy, a sensor that guards it has not looked for minutes, or
    with --strict when something waits for a person; and 2 when the fleet, a tenant of it or a release file
    cannot be read or an engine does not tell. The others are shown all the same.
    """
    where = _one_of(environment, only_environment, "ENVIRONMENT")
    who = _one_of(tenant, only_tenant, "TENANT")
    if watch and (output is Format.JSON or not screen.is_terminal):
        raise typer.BadParameter("--watch is for a terminal, and for text")
    orchestrator = opened(context)
    home = described().home
    code = _show(orchestrator, overview(orchestrator, home, where, who), where, who, strict, output)
    while watch:
        sleep(SECONDS)
        repositories = (orchestrator.fleet_repository, orchestrator.deployments.repository)
        fetched = [attempt(each.fetch) for each in repositories]
        seen = overview(orchestrator, home, where, who)
        screen.clear()
        for error in filter(None, fetched):
            tell(error)
        code = _show(orchestrator, seen, where, who, strict, output)
    if code:
        raise typer.Exit(code)


def _one_of(argument: str | None, option: str | None, name: str) -> str | None:
    if argument is not None and option is not None and argument != option:
        raise typer.BadParameter(f"{name} is given twice: {argument} and {option}")
    return argument or option


def _show(
    orchestrator: Orchestrator,
    seen: Overview,
    environment: str | None,
    tenant: str | None,
    strict: bool,
    output: Format,
) -> int:
    """What there is to see, and the exit code for it."""
    if not seen.deployments and (environment or tenant):
        require_known(orchestrator.fleet(), environment, tenant)
    if output is Format.JSON:
        show_json([_json(each, seen) for each in seen.deployments if each.release])
    elif environment and tenant and len(seen.deployments) == 1:
        _show_one(orchestrator, seen.deployments[0], seen)
    else:
        _show_all(orchestrator, seen)
    errors = [each for each in seen.errors if not isinstance(each, GuardSilent)]
    silent = [each for each in seen.errors if isinstance(each, GuardSilent)]
    for each in errors:
        tell(each)
    if output is Format.TEXT and orchestrator.deployments.repository.seal is None:
        note("what the orchestrator commits is not signed: set DEPLOY_ORCHESTRATOR_SIGNING_KEY_FILE")
    for each in (*silent, *(() if errors else orchestrator.fleet().stalemates)):
        tell(each)
    if errors:
        return 2
    unwell = any(each.release and each.state is not State.LIVE for each in seen.deployments)
    return int(bool(silent) or unwell or (strict and _waits(seen) > 0))


def _waits(seen: Overview) -> int:
    return len(seen.rules) + sum(each.needs_person for each in seen.deployments)


def _show_all(orchestrator: Orchestrator, seen: Overview) -> None:
    if not seen.deployments:
        say("Nothing is released yet.")
        return
    table(
        "deployment",
        "state",
        "chart",
        "commit",
        "age",
        last="waits for",
        rows=(_row(each, seen.at) for each in seen.deployments),
    )
    for each in seen.deployments:
        if each.status and each.state is not State.LIVE:
            say(_state(each), f"  {each.key}  since {_clock(each.status.since)}{_colon(each.message)}")
    for each in seen.deployments:
        if each.waiting and each.needs_person:
            gates = "; ".join(f"{gate.key}: {gate.reason}" for gate in each.waiting.closed)
            say(coloured(each.waiting.plan.verdict), f"  {each.key}  {gates or 'its gates cannot be told'}")
    _show_rest(seen)
    waits = _waits(seen)
    waiting = f", {waits} {'waits' if waits == 1 else 'wait'} for a person" if waits else ""
    live = f"{seen.live} of {len(seen.deployments)} are live and healthy"
    say(f"{live}{waiting} (engine: {orchestrator.engine.name}).")
    if waits:
        say("What to type: deploy-orchestrator pending")


def _show_rest(seen: Overview) -> None:
    for each in seen.rules:
        say(coloured("waiting"), f"  the rules of {each.environment}: {each.gate.reason}")
    for each in seen.paused:
        say(coloured("paused"), f"  {each}")


def _row(each: Standing, now: datetime) -> tuple[str | Text, ...]:
    closed = each.waiting.closed if each.waiting else ()
    waits = ", ".join(gate.key for gate in closed) or ("the next look" if each.waiting else "")
    if each.release is None:
        return each.key, plain(each.state), "", "", "", waits
    chart = str(each.release.chart)
    since = age(each.release.released_at, now)
    return each.key, _state(each), chart, each.release.source.commit[:_SHOWN], since, waits


def _show_one(orchestrator: Orchestrator, each: Standing, seen: Overview) -> None:
    since = f"  since {_clock(each.since)}" if each.since else ""
    said = each.message if each.status else ""
    say(plain(each.key, "bold"), "  ", _state(each), f"{since}{_colon(said)}")
    say_below([*_released(orchestrator, each, seen.at), *_waiting(each)])
    _show_rest(seen)


def _released(orchestrator: Orchestrator, each: Standing, now: datetime) -> Iterator[tuple[str | Text, str]]:
    release, status = each.release, each.status
    if release is None:
        return
    link = orchestrator.engine.link(each.environment, each.tenant)
    when = f"{_clock(release.released_at)}, {age(release.released_at, now)} ago"
    yield "chart", str(release.chart)
    yield "commit", f"{release.source.commit[:_SHOWN]} {each.subject}, by {', '.join(release.source.authors)}"
    yield "released", f"{when}, by {release.commit[:_SHOWN]}"
    for approval in release.approvals:
        yield "", decided(approval)
    yield "where", f"cluster {release.cluster}, namespace {release.namespace}"
    if link:
        yield "look", link
    if status and status.revision != release.revision:
        yield "live", f"{(status.revision or 'nothing')[:_SHOWN]}, and not yet {release.revision[:_SHOWN]}"
    if status and status.operation:
        yield from _operation(status.operation)
    yield from _objects(attempt(_names, orchestrator, release), status)


def _names(orchestrator: Orchestrator, release: Release) -> list[str]:
    return [str(each.key) for each in orchestrator.deployments.released_manifests(release).objects]


def _objects(found: Outcome[list[str]], status: Status | None) -> Iterator[tuple[str | Text, str]]:
    drift = status.drift if status else ()
    names = [] if isinstance(found, OrchestratorError) else found
    for number, name in enumerate(dict.fromkeys([*names, *drift])):
        changed = "  changed by hand" if name in drift else ""
        yield "objects" if number == 0 else "", f"{name}{changed}"


def _operation(operation: Operation) -> Iterator[tuple[str | Text, str]]:
    took = f", {(operation.finished - operation.started).total_seconds():.0f} s" if operation.finished else ""
    said = f"{operation.phase}, {_clock(operation.started)}{took}"
    yield "last sync", said + (_colon(operation.message) if operation.phase.failed else "")
    for number, hook in enumerate(operation.hooks):
        yield "hooks" if number == 0 else "", f"{hook.object}  {hook.phase}, {hook.stage} the others"
        for line in hook.message.splitlines():
            yield "", f"  {line}"
        if hook.phase.failed and hook.logs:
            yield "", f"  {hook.logs}"


def _waiting(each: Standing) -> Iterator[tuple[str | Text, str]]:
    waiting = each.waiting
    if waiting is None:
        return
    yield "waits", f"{waiting.plan.summary}, of {waiting.plan.source.commit[:_SHOWN]}"
    if waiting.error:
        yield coloured("Unknown"), "what it waits for cannot be told"
    else:
        yield from standing(waiting.closed)
    if waiting.command:
        yield "next", waiting.command


def _state(each: Standing) -> Text:
    status = each.status
    if status is None:
        return coloured("Unknown") if each.release else plain(each.state)
    if status.sync is Sync.SYNCED:
        return coloured(status.health)
    return Text.assemble(coloured(status.health), ", ", coloured(status.sync))


def _json(each: Standing, seen: Overview) -> dict[str, object]:
    stopped = [str(one) for one in seen.paused if one.line.holds(each.environment, each.tenant)]
    live = each.state is State.LIVE
    return {"release": each.release, "status": each.status, "live": live, "paused": stopped}


def _colon(said: str) -> str:
    return f": {said}" if said else ""


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
