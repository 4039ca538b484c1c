"""`outdated`: which dependencies of charts have newer versions, and how far each can go up."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from deploy_orchestrator.charts import DependencyVersions, Upgrades, locate, taken_together
from deploy_orchestrator.charts import (
    outdated as outdated_dependencies,
)
from deploy_orchestrator.charts import write as write_rewrite
from deploy_orchestrator.cli.chart_options import (
    AsOf,
    Charts,
    Repository,
    Values,
    around,
    repositories_at,
    values_in,
)
from deploy_orchestrator.cli.options import Format, Output
from deploy_orchestrator.cli.output import plain, progress, say, show_json, table, tell
from deploy_orchestrator.cli.taking import show_taken
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.outcomes import attempt


def outdated(
    charts: Charts,
    repository: Repository = None,
    as_of: AsOf = None,
    values: Values = None,
    write: Annotated[
        bool, typer.Option("--write", help="Take the highest safe versions: write Chart.yaml and the lock.")
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """List what each dependency has now, and how far it can go up.

    Allowed is the newest version that its constraint allows, safe the newest that brings no new conflict.
    Deprecated charts are named, and those that nobody has published for two years. With --write the highest
    safe versions are taken together where that does no harm: Chart.yaml keeps its comments and layout, its
    own version goes up, and the lock holds what was taken.

    The exit code is 1 when something is outdated, and 2 when a dependency cannot be looked up, or a chart not
    be written; the others are shown, and written, all the same.
    """
    repositories, given = repositories_at(repository, charts), values_in(values)
    with progress("looking up dependencies"):
        roots = [locate(chart, repositories) for chart in charts]
        found = [
            outdated_dependencies(root, repositories, as_of=as_of, values=given, within=around(root))
            for root in roots
        ]
    if output is Format.JSON:
        show_json([_json(root.name, root.version, each) for root, each in zip(roots, found, strict=True)])
    else:
        for root, each in zip(roots, found, strict=True):
            _show(str(root), each)
    failed = False
    for root, each in zip(roots, found, strict=True):
        taken = {one.key: one.safe for one in each.dependencies if one.safe}
        if write and taken:
            outcome = attempt(taken_together, root, taken, repositories, given)
            failed |= isinstance(outcome, OrchestratorError)
            if isinstance(outcome, OrchestratorError):
                tell(outcome, about=str(root))
                continue
            write_rewrite(outcome.rewrite)
            if output is Format.TEXT:
                show_taken(outcome, "wrote")
    if failed or any(each.unknown for each in found):
        raise typer.Exit(2)
    if write:
        return
    if any(one.is_outdated for each in found for one in each.dependencies):
        raise typer.Exit(1)


def _json(name: str, version: str, upgrades: Upgrades) -> dict[str, Any]:
    return {
        "chart": name,
        "version": version,
        "dependencies": [
            {
                "name": one.identity.name,
                "key": one.key,
                "repository": one.identity.repository,
                "constraint": one.constraint,
                "current": one.current,
                "allowed": one.allowed,
                "newest": one.newest,
                "safe": one.safe,
                "outdated": one.is_outdated,
                "deprecated": one.deprecated,
                "last_published": one.last_published,
            }
            for one in upgrades.dependencies
        ],
        "unknown": upgrades.unknown,
    }


def _show(chart: str, upgrades: Upgrades) -> None:
    say(plain(chart, "bold"))
    if upgrades.dependencies:
        columns = ("dependency", "constraint", "now", "allowed", "newest")
        table(*columns, last="highest safe", rows=map(_row, upgrades.dependencies))
    for one in upgrades.dependencies:
        if one.deprecated:
            say(plain("deprecated ", "yellow"), f"{one.key}: look for what takes the place of {one.identity}")
        if one.last_published and one.is_abandoned(datetime.now(UTC)):
            since = f"nobody has published a version of {one.identity} since {one.last_published:%Y-%m-%d}"
            say(plain("abandoned ", "yellow"), f"{one.key}: {since}")
    for key, why in upgrades.unknown.items():
        say(plain("not found ", "yellow"), f"{key}: {why}")
    if not any(one.is_outdated for one in upgrades.dependencies):
        among = " among what was found" if upgrades.unknown else ""
        say(plain(f"nothing is outdated{among}", "green"))


def _row(one: DependencyVersions) -> tuple[Any, ...]:
    newest = plain(one.newest, "yellow" if one.is_outdated else "")
    safe = plain(one.safe or "none" if one.is_outdated else "", "green" if one.safe else "red")
    return one.key, one.constraint, one.current, one.allowed, newest, safe
