"""`mirror`: copy charts with all that they need to another registry."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deploy_orchestrator.charts import (
    Chart,
    Closure,
    Copy,
    CopyState,
    Destination,
    Node,
    locate,
    packaged,
    resolve,
)
from deploy_orchestrator.charts import mirror as mirror_charts
from deploy_orchestrator.cli.chart_options import AsOf, Charts, Repository, around, repositories_at
from deploy_orchestrator.cli.options import Format, Output
from deploy_orchestrator.cli.output import plain, progress, say, show_json, table, tell

COLOURS = {CopyState.COPIED: "green", CopyState.CARRIED: "yellow", CopyState.FAILED: "bold red"}


def mirror(
    charts: Charts,
    to: Annotated[
        str, typer.Option(metavar="oci://HOST/PATH", help="Where to; {repository} is where each is from.")
    ],
    repository: Repository = None,
    as_of: AsOf = None,
    output: Output = Format.TEXT,
) -> None:
    """Copy charts with everything that they need to an OCI registry, to the byte.

    A chart in a folder is packaged with its dependencies. What is there already is skipped, so a copy that
    was broken off can be run again. Your own logins of Helm or Docker are used. The exit code is 2 when
    something could not be found or copied; the rest is copied all the same.
    """
    repositories, destination = repositories_at(repository, charts), Destination(to)
    packages: dict[Node, Callable[[], bytes]] = {}
    closures: list[Closure] = []
    with progress("looking up dependencies"):
        for chart in charts:
            root = locate(chart, repositories)
            closures.append(resolve(root, repositories, as_of=as_of, within=around(root), assembled=True))
            if isinstance(root, Chart):
                packages[closures[-1].roots[0]] = partial(
                    packaged, Path(chart).expanduser(), repositories, within=around(root)
                )
    closure = Closure.united(closures)
    copies: list[Copy] = []
    with progress("copying", closure.graph.number_of_nodes()) as advance:
        for copy in mirror_charts(closure, repositories, destination, packages):
            copies.append(copy)
            advance()
    if output is Format.JSON:
        show_json(
            {
                "copies": [
                    {
                        "name": copy.chart.name,
                        "version": copy.chart.version,
                        "repository": copy.chart.repository,
                        "to": copy.to,
                        "state": copy.state,
                        "why": copy.failure.what if copy.failure else None,
                    }
                    for copy in copies
                ],
                "unresolved": closure.as_json()["unresolved"],
            }
        )
    else:
        rows = ((str(each.chart), plain(each.state, COLOURS.get(each.state, "")), each.to) for each in copies)
        table("chart", "state", last="to", rows=rows)
        for missing in closure.unresolved:
            say(plain("not found ", "yellow"), f"{missing.dependency.name}: {missing.why}")
    failures = [copy for copy in copies if copy.failure]
    for copy in failures:
        if copy.failure:
            tell(copy.failure, about=str(copy.chart))
    if failures or closure.lost:
        raise typer.Exit(2)
