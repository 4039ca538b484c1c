"""`impact`: what an upgrade of a chart changes, before it is made, and for whom."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deploy_orchestrator.charts import Chart, PublishedChart, Repositories, locate
from deploy_orchestrator.charts import upgrade as upgrade_chart
from deploy_orchestrator.cli.chart_options import (
    NONE,
    AsOf,
    BadOption,
    Repository,
    Values,
    around,
    mirrors_in,
    repositories_at,
    values_in,
)
from deploy_orchestrator.cli.impact_json import impact_json
from deploy_orchestrator.cli.impact_markdown import impact_markdown
from deploy_orchestrator.cli.impact_report import ImpactReport, Judged
from deploy_orchestrator.cli.impact_text import show_impact
from deploy_orchestrator.cli.installation import fleet_alone, opened, require_known
from deploy_orchestrator.cli.output import progress, say, show_json, tell
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import ChartRepository, ChartUpgrade, Fleet, Wanted
from deploy_orchestrator.foresight import FleetImpact, carriers, fleet_impact
from deploy_orchestrator.manifests import render_all
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.registries import ANYWHERE


class ImpactFormat(StrEnum):
    """How an impact is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def impact(
    context: typer.Context,
    chart: Annotated[
        str,
        typer.Argument(
            metavar="CHART", help="What the fleet calls it, a path, NAME[@VERSION], or URL/NAME[@VERSION]."
        ),
    ],
    to: Annotated[str, typer.Option(metavar="VERSION", help="The version to upgrade to.")],
    dependency: Annotated[
        str | None, typer.Option(metavar="NAME", help="Upgrade this dependency of the chart instead.")
    ] = None,
    tenant: Annotated[
        list[str] | None, typer.Option("--tenant", "-t", help="Look at the deployments of this tenant only.")
    ] = None,
    repository: Repository = None,
    as_of: AsOf = None,
    values: Values = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show all changed lines of the manifests, not a short list.")
    ] = False,
    format: Annotated[  # noqa: A002
        ImpactFormat, typer.Option("--format", help="How to print the result.")
    ] = ImpactFormat.TEXT,
) -> None:
    """Show what an upgrade changes: charts, conflicts, defaults, and each deployment with its verdict.

    CHART is a chart that tenants run, or a dependency of the fleet's own charts. Each deployment that it
    reaches is rendered with it and compared with what is released. Nothing is written. Without a fleet, the
    charts are told alone.

    The exit code is 1 when a constraint breaks, a dependency goes missing, a conflict appears that cannot be
    satisfied or does harm, or a change is blocked; 2 when a deployment does not render.
    """
    orchestrator, fleet, unseen = _installation(context)
    if fleet:
        fleet = _reading(fleet, repository)
        for name in tenant or ():
            require_known(fleet, None, name)
    if as_of and not unseen:
        unseen = BadOption("--as-of tells of charts alone; manifests are rendered with what there is now")
    mirrors, egress = (fleet.mirrors, fleet.egress) if fleet else (NONE, ANYWHERE)
    repositories = repositories_at(repository, [chart], mirrors, egress)
    given = values_in(values)
    with progress("comparing"):
        root = locate(chart, repositories) if _is_exact(chart) else None
        wanted = _wanted(chart, root, repositories)
        found = None
        if fleet:
            upgrade = ChartUpgrade(
                Wanted(dependency) if dependency else wanted, to, wanted if dependency else None
            )
            found = fleet_impact(fleet, upgrade, repositories, as_of=as_of)
        upgrades = found.charts if found else ()
        if root or not upgrades:
            root = root or locate(chart, repositories)
            upgrades = (
                upgrade_chart(
                    root,
                    to,
                    repositories,
                    dependency=dependency,
                    as_of=as_of,
                    values=given,
                    within=around(root),
                ),
            )
        named = dependency or (found and found.concerned)
        carried = carriers(fleet, wanted, repositories) if fleet and not named else ()
    judged: tuple[Judged, ...] = ()
    if orchestrator and fleet and found and not unseen:
        judged = tuple(_judged(orchestrator, fleet, found, tenant or fleet.tenants))
    report = ImpactReport(
        name=wanted.name,
        to=to,
        dependency=dependency,
        upgrades=upgrades,
        edits=found.edits if found else (),
        judged=judged,
        broken=found.broken if found else {},
        carriers=carried,
        unseen=unseen,
    )
    if format is ImpactFormat.JSON:
        show_json(impact_json(report))
    elif format is ImpactFormat.MARKDOWN:
        say(impact_markdown(report, in_full=diff))
    else:
        show_impact(report, in_full=diff)
    for key, error in report.failures:
        tell(error, about=key)
    if report.failures or (tenant and unseen):
        raise typer.Exit(2)
    if not report.is_sound:
        raise typer.Exit(1)


def _installation(
    context: typer.Context,
) -> tuple[Orchestrator | None, Fleet | None, OrchestratorError | None]:
    try:
        orchestrator = opened(context)
        return orchestrator, orchestrator.fleet(), None
    except OrchestratorError as error:
        return None, fleet_alone(), error


def _reading(fleet: Fleet, repository: list[str] | None) -> Fleet:
    """`fleet` with its chart repositories read where `--repository` says."""
    given = mirrors_in(repository)
    known = [
        each.model_copy(update={"mirror": given.pop(each.url, each.mirror)}) for each in fleet.repositories
    ]
    more = [ChartRepository.model_construct(name=url, url=url, mirror=place) for url, place in given.items()]
    return replace(fleet, repositories=(*known, *more))


def _is_exact(chart: str) -> bool:
    """Whether that names one version of a chart, and not whichever the fleet has."""
    _, _, name = chart.rpartition("/")
    is_path = Path(chart).exists() or chart.endswith(".tgz") or ("/" in chart and "://" not in chart)
    return is_path or "@" in name or ":" in name


def _wanted(chart: str, root: Chart | PublishedChart | None, repositories: Repositories) -> Wanted:
    if root:
        return Wanted(root.name, "" if isinstance(root, Chart) else root.repository)
    url, _, name = chart.rpartition("/")
    return Wanted(name, repositories.identity(url) if url else None)


def _judged(
    orchestrator: Orchestrator, fleet: Fleet, found: FleetImpact, tenants: Collection[str]
) -> Iterator[Judged]:
    concerned = [each for each in found.concerned if each.deployment.tenant.name in tenants]
    then = [each.deployment for each in concerned]
    now = [fleet.deployment(each.environment.name, each.tenant.name) for each in then]
    with progress("rendering", len(then)) as advance:
        sides = render_all(now, fleet, orchestrator.workspace), orchestrator.previews(then, found.fleet)
        for one, (_, before), (_, after) in zip(concerned, *sides, strict=True):
            yield Judged(one, after, before)
            advance()
