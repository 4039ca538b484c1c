"""`dora`: the figures of software delivery, from Git alone."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from deploy_orchestrator.cli.installation import opened, require_known
from deploy_orchestrator.cli.options import Format, OnlyEnvironment, OnlyTenant, Output
from deploy_orchestrator.cli.output import note, say, show_json, table
from deploy_orchestrator.telemetry import Figures, Past, figures_between, span


class By(StrEnum):
    """What the lines are about."""

    ENVIRONMENT = "environment"
    TENANT = "tenant"
    CHART = "chart"


def dora(
    context: typer.Context,
    environment: OnlyEnvironment = None,
    tenant: OnlyTenant = None,
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="Of the releases of so many days up to now.")
    ] = 30,
    by: Annotated[By, typer.Option(help="What each line is about.")] = By.ENVIRONMENT,
    output: Output = Format.TEXT,
) -> None:
    """Tell how often and how fast changes go out, and how many of them fail.

    From Git alone: deployment frequency, lead time from a commit of the fleet until its release is healthy,
    change failure rate, time to restore, and the time from a proposal until its last approval. Releases from
    before deliveries were recorded count as unconfirmed.
    """
    orchestrator = opened(context)
    until = datetime.now(UTC)
    changes = [
        each
        for each in Past(orchestrator.fleet_repository, orchestrator.deployments).changes()
        if environment in (None, each.environment) and tenant in (None, each.tenant)
    ]
    if not changes and (environment or tenant):
        require_known(orchestrator.fleet(), environment, tenant)
    found = figures_between(changes, until - timedelta(days=days), until)
    if output is Format.JSON:
        show_json(found)
        return
    lines: Mapping[str, Figures] = {
        By.ENVIRONMENT: found.environments,
        By.TENANT: found.tenants,
        By.CHART: found.charts,
    }[by]
    if not lines:
        say(f"Nothing was released in the last {days} days.")
        return
    table(
        by.value,
        "deployments",
        "a day",
        "lead time",
        "failed",
        "restored in",
        last="approved in",
        rows=(_row(name, each) for name, each in [*lines.items(), ("all", found.all)]),
    )
    say(f"Medians of the last {days} days; --format json has more.")
    if found.all.unconfirmed:
        note(f"of {found.all.unconfirmed} releases nothing says how their delivery went")


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    rate = f"{figures.failed} ({figures.failure_rate:.0%})" if figures.failure_rate is not None else ""
    open_ones = f" ({figures.unrestored} not yet)" if figures.unrestored else ""
    return (
        name,
        str(figures.deployments),
        f"{figures.per_day:.2f}",
        span(figures.lead_time),
        rate,
        f"{span(figures.restore)}{open_ones}".strip(),
        span(figures.approval),
    )
