"""`outdated`: which dependencies of charts have newer versions, and how far each can go up."""

from typing import Any

import typer

from deploy_orchestrator.charts import DependencyVersions, Upgrades, locate
from deploy_orchestrator.charts import (
    outdated as outdated_dependencies,
)
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
from deploy_orchestrator.cli.output import plain, progress, say, show_json, table


def outdated(
    charts: Charts,
    repository: Repository = None,
    as_of: AsOf = None,
    values: Values = None,
    output: Output = Format.TEXT,
) -> None:
    """List what each dependency has now, and how far it can go up.

    Allowed is the newest version that its constraint allows, safe the newest that brings no new conflict. The
    exit code is 1 when something is outdated, and 2 when a dependency cannot be looked up; the others are
    shown all the same.
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
    if any(each.unknown for each in found):
        raise typer.Exit(2)
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
    for key, why in upgrades.unknown.items():
        say(plain("not found ", "yellow"), f"{key}: {why}")
    if not any(one.is_outdated for one in upgrades.dependencies):
        among = " among what was found" if upgrades.unknown else ""
        say(plain(f"nothing is outdated{among}", "green"))


def _row(one: DependencyVersions) -> tuple[Any, ...]:
    newest = plain(one.newest, "yellow" if one.is_outdated else "")
    safe = plain(one.safe or "none" if one.is_outdated else "", "green" if one.safe else "red")
    return one.key, one.constraint, one.current, one.allowed, newest, safe
