"""`status`, `history`, `rollback`, `sync`: what is live, what was, and the ways back."""

from collections.abc import Sequence
from datetime import UTC, datetime

import typer
from rich.text import Text

from deploy_orchestrator.cli.installation import described, opened, require_known
from deploy_orchestrator.cli.options import (
    Environment,
    Format,
    OnlyEnvironment,
    OnlyTenant,
    Output,
    Reason,
    Tenant,
)
from deploy_orchestrator.cli.output import coloured, note, progress, say, show_json, table, tell
from deploy_orchestrator.delivery import Health, Status, Sync, SyncError
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.outcomes import failures
from deploy_orchestrator.pipeline import Orchestrator, silent
from deploy_orchestrator.releases import Choice, Pausing, Release, ReleaseError, ReleaseEvent

_DONE: dict[Choice, str] = {"approve": "approved", "break-glass": "glass broken"}


def status(
    context: typer.Context,
    environment: OnlyEnvironment = None,
    tenant: OnlyTenant = None,
    output: Output = Format.TEXT,
) -> None:
    """Show what is released, whether it is live, and what is paused.

    The exit code is 1 when something is not live and healthy, or a sensor that guards it has not looked for
    minutes, and 2 when the fleet or a release file cannot be read or an engine does not tell; the others are
    shown all the same.
    """
    orchestrator = opened(context)
    found = [
        (release, state)
        for release, state in orchestrator.live()
        if environment in (None, release.environment) and tenant in (None, release.tenant)
    ]
    if not found and (environment or tenant):
        require_known(orchestrator.fleet(), environment, tenant)
    healthy = sum(_is_live(*each) for each in found)
    paused = [
        each
        for each in orchestrator.pausing()
        if each.paused and environment in (None, each.line.environment)
    ]
    if output is Format.JSON:
        show_json([_json(*each, paused) for each in found])
    elif not found:
        say("Nothing is released yet.")
    else:
        worst_last = sorted(found, key=lambda each: (not _is_live(*each), each[0].key))
        table(
            "deployment",
            "released",
            "state",
            "since (UTC)",
            last="message",
            rows=(_row(*each) for each in worst_last),
        )
        for each in paused:
            say(coloured("paused"), f"  {each}")
        say(f"{healthy} of {len(found)} are live and healthy (engine: {orchestrator.engine.name}).")
    untold = {str(error): error for _, error in failures(found)}
    broken = orchestrator.broken_fleet()
    errors = [*([broken] if broken else []), *orchestrator.deployments.unreadable(), *untold.values()]
    for error in errors:
        tell(error)
    if output is Format.TEXT and orchestrator.deployments.repository.seal is None:
        note("what the orchestrator commits is not signed: set DEPLOY_ORCHESTRATOR_SIGNING_KEY_FILE")
    unguarded = silent(described().home, datetime.now(UTC))
    for each in (*unguarded, *(() if errors else orchestrator.fleet().stalemates)):
        tell(each)
    if errors:
        raise typer.Exit(2)
    if unguarded or healthy < len(found):
        raise typer.Exit(1)


def history(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    output: Output = Format.TEXT,
) -> None:
    """List every release and revert of a tenant, newest first.

    The list is read from Git alone, for one tenant in one environment.
    """
    orchestrator = opened(context)
    events = orchestrator.deployments.history(environment, tenant)
    if not events:
        require_known(orchestrator.fleet(), environment, tenant)
    if output is Format.JSON:
        show_json(events)
    elif not events:
        say("Nothing was released yet.")
    else:
        rows = (
            (
                f"{event.at:%Y-%m-%d %H:%M:%S}",
                coloured(event.kind),
                event.commit[:8],
                event.release.chart.version if event.release else "",
                event.release.source.commit[:8] if event.release else "",
                _why(event),
            )
            for event in events
        )
        table("when (UTC)", "what", "commit", "chart", "source", last="by whom, why", rows=rows)


def rollback(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    reason: Reason,
    output: Output = Format.TEXT,
) -> None:
    """Go back to the release before, and wait until it is live.

    The Git commit of the current release is reverted, and what it had changed is held in quarantine: that
    goes out again only by an approval. The exit code is 1 when the release before does not become healthy.
    """
    orchestrator = opened(context)
    if orchestrator.deployments.release(environment, tenant) is None:
        require_known(orchestrator.fleet(), environment, tenant)
    back = orchestrator.roll_back(environment, tenant, reason, orchestrator.deployments.repository.user)
    if output is Format.TEXT:
        say(f"{back.key}: back to {back.chart.name} {back.chart.version}, by commit {back.commit[:12]}")
    _deliver(orchestrator, back, output)


def sync(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    output: Output = Format.TEXT,
) -> None:
    """Make what is released live, and wait until it is.

    It puts back what was changed by hand, tries again a sync that has failed, and ends a removal. Nothing is
    released. The exit code is 1 when it does not become healthy.
    """
    orchestrator = opened(context)
    released = orchestrator.deployments.release(environment, tenant)
    if released is None:
        require_known(orchestrator.fleet(), environment, tenant)
        raise ReleaseError(f"{environment}/{tenant}: nothing is released that could be synced")
    _deliver(orchestrator, released, output)


def _deliver(orchestrator: Orchestrator, release: Release, output: Format) -> None:
    if broken := orchestrator.broken_fleet():
        tell(broken)
    failure: SyncError | None = None
    try:
        with progress("waiting until it is live"):
            state = orchestrator.deliver(release)
    except SyncError as error:
        failure, state = error, error.status
    if output is Format.JSON:
        show_json({"release": release, "status": state})
    elif failure is None and state is not None:
        say(f"{release.key}: ", coloured(state.health))
    if failure is not None:
        tell(failure)
        raise typer.Exit(1)


def _is_live(release: Release, state: Status | OrchestratorError) -> bool:
    return isinstance(state, Status) and state.live(release)


def _json(
    release: Release, state: Status | OrchestratorError, paused: Sequence[Pausing]
) -> dict[str, object]:
    status = state if isinstance(state, Status) else None
    stopped = [str(each) for each in paused if each.line.holds(release.environment, release.tenant)]
    return {"release": release, "status": status, "live": _is_live(release, state), "paused": stopped}


def _row(release: Release, state: Status | OrchestratorError) -> tuple[str | Text, ...]:
    released = (release.key, release.revision[:8])
    if isinstance(state, OrchestratorError):
        return (*released, coloured(Health.UNKNOWN), "", state.what)
    return (*released, _state(state), f"{state.since:%m-%d %H:%M:%S}", _message(release, state))


def _message(release: Release, state: Status) -> str:
    if state.live(release):
        return ""
    untold = [each for each in state.drift if each not in state.message]
    drift = f"changed by hand: {', '.join(untold)}" if untold else ""
    return "; ".join(filter(None, (drift, state.message)))


def _state(status: Status) -> Text:
    if status.sync is Sync.SYNCED:
        return coloured(status.health)
    return Text.assemble(coloured(status.health), ", ", coloured(status.sync))


def _why(event: ReleaseEvent) -> str:
    if event.release and (event.kind == "release" or event.release.removal):
        approvals = event.release.approvals
        said = [
            f"{_DONE[each.decision]} by {each.who}: {each.reason}".removesuffix(": ") for each in approvals
        ]
        return "; ".join([", ".join(event.release.source.authors), *said])
    return f"{event.who.name}: {event.reason}" if event.reason else event.who.name
