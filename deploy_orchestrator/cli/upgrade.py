"""`upgrade`: take another version of a dependency in every chart that needs it."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy_orchestrator.charts import (
    Chart,
    ChartNotFound,
    Repositories,
    Taken,
    UpgradesClash,
    boundary_of,
    load,
    outdated,
    taken_together,
    write,
)
from deploy_orchestrator.cli.chart_options import BadOption, Repository, around, repositories_at
from deploy_orchestrator.cli.installation import opened
from deploy_orchestrator.cli.options import Format, Output
from deploy_orchestrator.cli.output import note, plain, progress, say, show_json, show_page, tell
from deploy_orchestrator.cli.taking import as_json, show_taken
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.outcomes import attempt

_MAIN = "main"
_BRANCH = re.compile(r"(?!.*(?:\.\.|//|\.lock(?:/|$)))[A-Za-z0-9][\w./-]{0,200}(?<![./])", re.ASCII)


def upgrade(
    context: typer.Context,
    dependency: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="A chart that others need.")],
    chart: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="A chart that needs it; by default those below charts/ here."),
    ] = None,
    repository: Repository = None,
    write_: Annotated[bool, typer.Option("--write", help="Write Chart.yaml and the lock.")] = False,
    branch: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Commit it on this branch of the fleet repository.")
    ] = None,
    pull_request: Annotated[
        bool, typer.Option("--pull-request", help="Open a pull request of --branch.")
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """Take another version of a dependency in every chart that needs it, where that does no harm.

    Without a version each chart takes the highest that is safe in it. Chart.yaml keeps its comments and
    layout, the chart's own version goes up, and the lock holds what was taken. Without --write it is only
    told. What it does to tenants shows `impact`.

    With --branch the charts of the fleet repository are taken, at its main, and the upgrade becomes a commit
    on that branch, with the constraints of tenants where they do not allow the chart's new version; what it
    does to every tenant is printed in Markdown, and is the text of the pull request.

    The exit code is 1 when it does harm in a chart, which is then left as it is, and 2 when something cannot
    be looked up or written; the others are upgraded all the same.
    """
    name, _, version = dependency.partition("@")
    if branch is not None:
        _refuse(chart=bool(chart), write=write_, format=output is not Format.TEXT)
        raise typer.Exit(_on_branch(context, name, version, repository, branch, pull_request))
    _refuse(pull_request=pull_request)
    repositories = repositories_at(repository)
    charts = list(_needing(name, chart or _folders(Path())))
    if not charts:
        raise ChartNotFound(f"no chart here needs {name}", fix="name one with --chart FOLDER")
    taken, code = _taken_in(charts, name, version, repositories, None)
    told = list[dict[str, Any]]()
    for root, outcome in taken:
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
    raise typer.Exit(code)


def _refuse(**given: bool) -> None:
    for option, there in given.items():
        if there:
            asked = f"--{option.replace('_', '-')}"
            needs = "needs --branch" if option == "pull_request" else "does not go with --branch"
            raise BadOption(f"{asked} {needs}", fix=f"leave out {asked}")


def _on_branch(
    context: typer.Context,
    name: str,
    version: str,
    repository: list[str] | None,
    branch: str,
    pull_request: bool,
) -> int:
    from deploy_orchestrator.git import Changes
    from deploy_orchestrator.subscriptions import forge_at, outlook, proof, title_of, unmoved, written

    _require_branch(branch)
    orchestrator = opened(context)
    fleet, tree = orchestrator.fleet(), orchestrator.fleet_repository.branch(_MAIN)
    at = orchestrator.fleet_repository.commit(_MAIN).time
    repositories = repositories_at(repository, mirrors=fleet.mirrors, egress=fleet.egress)
    with tempfile.TemporaryDirectory() as folder:
        there = tree.export("charts", Path(folder)).rename(Path(folder) / "charts")
        charts = list(_needing(name, _folders(there.parent)))
        if not charts:
            raise ChartNotFound(f"no chart of the fleet needs {name}")
        outcomes, code = _taken_in(charts, name, version, repositories, at)
        taken = [(root.path, each) for root, each in outcomes if each and root.path]
        if not taken:
            say(plain("nothing to upgrade", "green"))
            return code
        files = written(taken, tree)
        title = title_of(taken, name)
        with progress("rendering"):
            text = f"{proof(taken)}\n\n{outlook(tree, files, orchestrator.workspace).text}"
    changes, is_new = Changes(title, files), orchestrator.fleet_repository.tip(branch) is None
    made = orchestrator.fleet_repository.write(
        branch, lambda now: unmoved(changes, tree, now) if is_new else changes, onto=_MAIN
    )
    show_page(text)
    note(f"{made.id[:12]} on {branch}: {title}" if made else f"{branch} has it already: {title}")
    if pull_request:
        found = forge_at(orchestrator.fleet_repository).propose(branch, _MAIN, title, text)
        note(f"{'opened' if found.new else 'brought up to date'} {found.url}")
    return code


def _require_branch(branch: str) -> None:
    if branch == _MAIN or not _BRANCH.fullmatch(branch):
        raise BadOption(
            f"--branch {branch!r} is no branch for an upgrade", fix="name one such as upgrade/redis"
        )


def _taken_in(
    charts: Iterable[Chart], name: str, version: str, repositories: Repositories, at: datetime | None
) -> tuple[list[tuple[Chart, Taken | None]], int]:
    """What each chart takes, but for those that fail, and the exit code that these ask for."""
    codes, found = {0}, list[tuple[Chart, Taken | None]]()
    for root in charts:
        with progress(f"looking up {name}"):
            outcome = attempt(_taken, root, name, version, repositories, at)
        if isinstance(outcome, OrchestratorError):
            tell(outcome, about=str(root))
            codes.add(1 if isinstance(outcome, UpgradesClash) else 2)
        else:
            found.append((root, outcome))
    return found, max(codes)


def _folders(below: Path) -> list[Path]:
    return sorted(path.parent for path in (below / "charts").glob("*/Chart.yaml"))


def _needing(name: str, folders: Iterable[Path]) -> Iterator[Chart]:
    for folder in folders:
        chart = load(folder, within=boundary_of(folder))
        if any(name in (each.name, each.key) for each in chart.metadata.dependencies):
            yield chart


def _taken(
    root: Chart, name: str, version: str, repositories: Repositories, at: datetime | None
) -> Taken | None:
    keys = [each.key for each in root.metadata.dependencies if name in (each.name, each.key)]
    if version:
        return taken_together(root, dict.fromkeys(keys, version), repositories, None, at)
    known = outdated(root, repositories, within=around(root))
    for key in keys:
        if key in known.unknown:
            raise ChartNotFound(f"{key} cannot be looked up: {known.unknown[key]}")
    safe = {one.key: one.safe for one in known.dependencies if one.key in keys and one.safe}
    return taken_together(root, safe, repositories, None, at) if safe else None
