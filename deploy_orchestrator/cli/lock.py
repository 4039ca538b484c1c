"""`lock check`, `lock update`: whether charts' locks still fit, and making them fit."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy_orchestrator.charts import (
    Chart,
    ChartInvalid,
    Lock,
    LockFinding,
    Repositories,
    boundary_of,
    check_lock,
    load,
    update_lock,
    write_lock,
)
from deploy_orchestrator.cli.chart_options import Repository, around, repositories_at
from deploy_orchestrator.cli.options import Format, Output
from deploy_orchestrator.cli.output import plain, progress, say, say_below, show_json, tell
from deploy_orchestrator.errors import OrchestratorError, Place

lock = typer.Typer(help="Check and update the locks of charts.", no_args_is_help=True)

Locked = Annotated[list[Path], typer.Argument(metavar="CHART...", help="A chart's folder, or its package.")]
Folders = Annotated[list[Path], typer.Argument(metavar="CHART...", help="A chart's folder.")]


@lock.command()
def check(charts: Locked, output: Output = Format.TEXT) -> None:
    """Tell what is wrong with the locks of charts.

    A lock may be missing or stale, hold a version that its constraint does not allow, one from another
    repository, or have a digest that Helm refuses. The exit code is 1 when something is wrong.
    """
    found = [(path, check_lock(load(path, within=boundary_of(path)))) for path in charts]
    if output is Format.JSON:
        show_json([{"chart": path, "findings": findings} for path, findings in found])
    else:
        for path, findings in found:
            _show(path, findings)
    if any(findings for _, findings in found):
        raise typer.Exit(1)


@lock.command()
def update(charts: Folders, repository: Repository = None, output: Output = Format.TEXT) -> None:
    """Write the locks that `helm dependency update` would write.

    A lock that holds the newest allowed versions already is left alone. The exit code is 2 when one cannot be
    made; the others are written all the same.
    """
    repositories = repositories_at(repository)
    written: list[dict[str, Path | None]] = []
    failures: list[OrchestratorError] = []
    for path in charts:
        try:
            with progress(f"looking up the dependencies of {path}"):
                chart = _in_folder(path)
                file = write_lock(path, chart, _made(chart, repositories))
        except OrchestratorError as error:
            failures.append(error)
            continue
        written.append({"chart": path, "written": file})
        if output is Format.TEXT:
            say(f"wrote {file}" if file else f"{path}: nothing to update")
    if output is Format.JSON:
        show_json(written)
    for error in failures:
        tell(error)
    if failures:
        raise typer.Exit(2)


def _made(chart: Chart, repositories: Repositories) -> Lock:
    return update_lock(chart, repositories, datetime.now(UTC), within=around(chart))


def _in_folder(path: Path) -> Chart:
    chart = load(path, within=boundary_of(path))
    if chart.path is None:
        raise ChartInvalid(
            "a package cannot be changed", place=Place(str(path)), fix="name the folder it was made from"
        )
    return chart


def _show(path: Path, findings: tuple[LockFinding, ...]) -> None:
    if not findings:
        say(f"{path}: ", plain("fits", "green"))
        return
    say(f"{path}:")
    say_below((plain(finding.problem, "bold red"), finding.message) for finding in findings)
    for fix in dict.fromkeys(finding.fix for finding in findings):
        say_below([(plain("fix", "cyan"), fix)])
