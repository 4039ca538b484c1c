"""`upgrade`: take another version of a dependency in every chart that needs it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy_orchestrator.charts import Chart, ChartNotFound, Repositories, load, outdated, write
from deploy_orchestrator.cli.chart_options import Repository, around, repositories_at
from deploy_orchestrator.cli.options import Format, Output
from deploy_orchestrator.cli.output import plain, progress, say, show_json, tell
from deploy_orchestrator.cli.taking import Taken, UpgradesClash, as_json, show_taken, taken_together
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.outcomes import attempt


def upgrade(
    dependency: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="A chart that others need.")],
    chart: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="A chart that needs it; by default those below charts/ here."),
    ] = None,
    repository: Repository = None,
    write_: Annotated[bool, typer.Option("--write", help="Write Chart.yaml and the lock.")] = False,
    output: Output = Format.TEXT,
) -> None:
    """Take another version of a dependency in every chart that needs it, where that does no harm.

    Without a version each chart takes the highest that is safe in it. Chart.yaml keeps its comments and
    layout, the chart's own version goes up, and the lock holds what was taken. Without --write it is only
    told. What it does to tenants shows `impact`.

    The exit code is 1 when it does harm in a chart, which is then left as it is, and 2 when something cannot
    be looked up or written; the others are upgraded all the same.
    """
    name, _, version = dependency.partition("@")
    repositories = repositories_at(repository)
    charts = list(_needing(name, chart))
    if not charts:
        raise ChartNotFound(f"no chart here needs {name}", fix="name one with --chart FOLDER")
    codes, told = {0}, list[dict[str, Any]]()
    for root in charts:
        with progress(f"looking up {name}"):
            outcome = attempt(_taken, root, name, version, repositories)
        if isinstance(outcome, OrchestratorError):
            tell(outcome, about=str(root))
            codes.add(1 if isinstance(outcome, UpgradesClash) else 2)
            continue
        if outcome and write_:
            write(outcome.rewrite)
        if output is Format.JSON:
            told.append({"chart": root.name, "version": root.version, "taken": outcome and as_json(outcome)})
        elif outcome:
            show_taken(outcome, "wrote" if write_ else "would write")
        else:
            say(f"{root}: ", plain("nothing to upgrade", "green"))
    if output is Format.JSON:
        show_json(told)
    raise typer.Exit(max(codes))


def _needing(name: str, folders: list[Path] | None) -> Iterator[Chart]:
    for folder in folders or sorted(path.parent for path in Path("charts").glob("*/Chart.yaml")):
        chart = load(folder)
        if any(name in (each.name, each.key) for each in chart.metadata.dependencies):
            yield chart


def _taken(root: Chart, name: str, version: str, repositories: Repositories) -> Taken | None:
    keys = [each.key for each in root.metadata.dependencies if name in (each.name, each.key)]
    if version:
        return taken_together(root, dict.fromkeys(keys, version), repositories, None)
    known = outdated(root, repositories, within=around(root))
    for key in keys:
        if key in known.unknown:
            raise ChartNotFound(f"{key} cannot be looked up: {known.unknown[key]}")
    safe = {one.key: one.safe for one in known.dependencies if one.key in keys and one.safe}
    return taken_together(root, safe, repositories, None) if safe else None
