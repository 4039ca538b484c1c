"""`history`, `sync`: what was released, and what is released made live."""

import typer

from deploy_orchestrator.cli.delivering import deliver
from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Environment, Format, Output, Tenant
from deploy_orchestrator.cli.output import coloured, decided, say, show_json, table
from deploy_orchestrator.manifests import ChartUsed
from deploy_orchestrator.releases import ReleaseError, ReleaseEvent


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
                _versions(event.release.chart) if event.release else "",
                event.release.source.commit[:8] if event.release else "",
                _why(event),
            )
            for event in events
        )
        table("when (UTC)", "what", "commit", "chart", "source", last="by whom, why", rows=rows)


def _versions(chart: ChartUsed) -> str:
    return str(chart) if chart.releases else chart.version


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
    deliver(orchestrator, released, output)


def _why(event: ReleaseEvent) -> str:
    if event.release and (event.kind == "release" or event.release.removal):
        said = [decided(each) for each in event.release.approvals]
        return "; ".join([", ".join(event.release.source.authors), *said])
    return f"{event.who.name}: {event.reason}" if event.reason else event.who.name
