"""`status`, `history`, `rollback`, `sandbox`: what is live, what was, and the way back."""

from typing import Annotated

import typer

from deploy_orchestrator.cli.output import (
    Environment,
    Format,
    FormatOption,
    Tenant,
    coloured,
    opened,
    progress,
    screen,
    show_json,
    table,
)
from deploy_orchestrator.delivery import DeliveryError, Sandbox

sandbox = typer.Typer(help="Act on the sandbox engine, which stands in for a cluster.", no_args_is_help=True)


def status(context: typer.Context, format: FormatOption = Format.TEXT) -> None:  # noqa: A002
    """Show what is released and live for every tenant. Exit code 1 when something is not live and healthy."""
    orchestrator = opened(context)
    live = orchestrator.live()
    if format is Format.JSON:
        show_json(
            [{"release": release, "status": state, "live": state.live(release)} for release, state in live]
        )
    elif not live:
        screen.print("Nothing is released yet.")
    else:
        listed = table("deployment", "released", "sync", "health", "since", last="message")
        for release, state in live:
            listed.add_row(
                release.key,
                release.revision[:8],
                coloured(state.sync),
                coloured(state.health),
                f"{state.since:%m-%d %H:%M:%S}",
                state.message,
            )
        screen.print(listed)
        screen.print(f"engine: {orchestrator.engine.name}", style="dim")
    if any(not state.live(release) for release, state in live):
        raise typer.Exit(1)


def history(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    format: FormatOption = Format.TEXT,  # noqa: A002
) -> None:
    """List every release and revert of one tenant in one environment, newest first, from Git alone."""
    events = opened(context).deployments.history(environment, tenant)
    if format is Format.JSON:
        show_json(events)
        return
    if not events:
        screen.print("Nothing was released yet.")
        return
    listed = table("when", "what", "commit", "chart", "source", last="approved by, reason")
    for event in events:
        release = event.release
        listed.add_row(
            f"{event.at:%Y-%m-%d %H:%M:%S}",
            event.kind,
            event.commit[:8],
            f"{release.chart.name} {release.chart.version}" if release else "",
            release.source.commit[:8] if release else "",
            event.reason or ", ".join(each.who for each in (release.approvals if release else ())),
        )
    screen.print(listed)


def rollback(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why, for those who read it later.")],
) -> None:
    """Revert the Git commit of the current release, and follow the one before it until it is live."""
    orchestrator = opened(context)
    back = orchestrator.roll_back(environment, tenant, reason)
    screen.print(f"reverted to {back.chart.name} {back.chart.version}, release commit {back.commit[:12]}")
    with progress("waiting until it is live"):
        state = orchestrator.deliver(back)
    screen.print(coloured(state.health), f" {environment}/{tenant}")


@sandbox.command()
def degrade(
    context: typer.Context,
    environment: Environment,
    tenant: Tenant,
    reason: Annotated[str, typer.Option("--reason", "-m")] = "told to be unhealthy",
) -> None:
    """Make what is live now unhealthy, as a bad release would be."""
    _engine(context).degrade(environment, tenant, reason)


@sandbox.command()
def recover(context: typer.Context, environment: Environment, tenant: Tenant) -> None:
    """Make it healthy again."""
    _engine(context).recover(environment, tenant)


def _engine(context: typer.Context) -> Sandbox:
    engine = opened(context).engine
    if not isinstance(engine, Sandbox):
        raise DeliveryError(f"what is live is in {engine.name}, not in a sandbox")
    return engine
