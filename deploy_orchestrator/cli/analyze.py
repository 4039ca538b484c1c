"""`analyze`: what charts are built on, where versions clash, and the way out."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from deploy_orchestrator import documents
from deploy_orchestrator.charts import (
    FORMATS,
    Analysis,
    Closure,
    Conflict,
    Harm,
    Node,
    Repositories,
    draw,
    explain,
    layered,
    locate,
)
from deploy_orchestrator.charts import (
    analyze as analyze_chart,
)
from deploy_orchestrator.cli.output import progress, screen, show_json
from deploy_orchestrator.cli.sarif import Result, sarif
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.settings import Settings

HARM_COLOURS = {
    Harm.NONE: "green",
    Harm.WORTH_KNOWING: "cyan",
    Harm.UNKNOWN: "yellow",
    Harm.HARMFUL: "bold red",
}


class AnalysisFormat(StrEnum):
    """How an analysis is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"


class BadOption(OrchestratorError):
    """An option that says nothing sensible."""


def analyze(
    charts: Annotated[
        list[str],
        typer.Argument(metavar="CHART...", help="A path, oci://…, or NAME[@VERSION]."),
    ],
    repository: Annotated[
        list[str] | None,
        typer.Option(metavar="URL=INDEX", help="Read this repository from an index: a file, folder or URL."),
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As if it were the end of that day (UTC).")
    ] = None,
    values: Annotated[
        list[Path] | None, typer.Option(help="Values file; they switch dependencies on and off.")
    ] = None,
    graph: Annotated[
        Path | None, typer.Option(help="Also draw: .svg, .png, .dot, .html, .mmd or .json by its ending.")
    ] = None,
    format: Annotated[  # noqa: A002
        AnalysisFormat, typer.Option("--format", help="How to print the result.")
    ] = AnalysisFormat.TEXT,
) -> None:
    """Show what charts are built on, where versions clash, what harm that does, and the way out.

    Exit code 1 when a conflict cannot be satisfied or does harm.
    """
    repositories = Repositories(_mirrors(repository or []), Settings().home / "cache" / "repositories")
    given = layered(_mapping(path) for path in values) if values else None
    until = as_of.replace(hour=23, minute=59, second=59, tzinfo=UTC) if as_of else None
    picture = _picture_format(graph) if graph else ""
    with progress("looking up dependencies"):
        found = [
            analyze_chart(locate(chart, repositories), repositories, as_of=until, values=given)
            for chart in charts
        ]
    if graph:
        graph.write_bytes(draw(Closure.united(each.closure for each in found), picture))
    if format is AnalysisFormat.JSON:
        show_json([each.as_json() for each in found])
    elif format is AnalysisFormat.SARIF:
        show_json(sarif(_results(zip(charts, found, strict=True))))
    elif format is AnalysisFormat.MARKDOWN:
        screen.print("\n\n".join(map(_markdown, found)), soft_wrap=True, markup=False)
    else:
        for each in found:
            _show(each)
    if not all(each.is_sound for each in found):
        raise typer.Exit(1)


def _mirrors(repositories: Iterable[str]) -> dict[str, str]:
    mirrors: dict[str, str] = {}
    for text in repositories:
        url, equals, place = text.partition("=")
        if not (url and equals and place):
            raise BadOption(
                f"--repository {text!r} is not URL=INDEX",
                fix="write for example --repository https://charts.example.com=index.yaml",
            )
        mirrors[url] = place
    return mirrors


def _mapping(path: Path) -> dict[str, Any]:
    try:
        document = documents.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise BadOption(f"{path} cannot be read: {error.strerror}") from error
    if not isinstance(document.value or {}, dict):
        raise BadOption("expected a mapping of values", fix=f"mend {path}")
    return document.value or {}


def _picture_format(path: Path) -> str:
    ending = path.suffix.removeprefix(".")
    named = "mermaid" if ending == "mmd" else ending
    if named not in FORMATS:
        raise BadOption(f"--graph {path}: no such format", fix=f"use {', '.join(FORMATS)}")
    return named


def _show(analysis: Analysis) -> None:
    screen.print(_tree(analysis))
    for missing in analysis.closure.unresolved:
        screen.print(Text.assemble(("not found ", "yellow"), f"{missing.dependency.name}: {missing.why}"))
    for conflict in analysis.conflicts:
        _show_conflict(conflict)
    if not analysis.conflicts:
        among = " among what was found" if analysis.closure.unresolved else ""
        screen.print(Text(f"no conflicts{among}", style="green"))


def _show_conflict(conflict: Conflict) -> None:
    colour = HARM_COLOURS[conflict.harm]
    screen.print(
        Text.assemble(("conflict ", "bold red"), (conflict.name, "bold"), f" ({conflict.repository})")
    )
    screen.print(f"  {explain(conflict)}", markup=False)
    screen.print(Text.assemble("  harm: ", (conflict.harm, colour)))
    screen.print(Text.assemble("  fix: ", (conflict.fix or "none found", "cyan")))


def _tree(analysis: Analysis) -> Tree:
    closure = analysis.closure
    clashing = {conflict.identity for conflict in analysis.conflicts}

    def grow(branch: Tree, node: Node, above: tuple[Node, ...]) -> None:
        for need in closure.needs:
            if need.parent != node or need.chart in above:
                continue
            label = Text.assemble(
                (str(need.chart), "bold red" if need.chart.identity in clashing else "bold"),
                (f"  {need.constraint}", "cyan"),
                (f"  if {need.condition}" if need.condition else "", "dim"),
                ("" if need.enabled else "  off", "dim"),
            )
            grow(branch.add(label), need.chart, (*above, need.chart))

    tree = Tree(Text(str(analysis.root), style="bold"), guide_style="dim")
    grow(tree, analysis.root, (analysis.root,))
    return tree


def _markdown(analysis: Analysis) -> str:
    lines = [f"### {analysis.root}", ""]
    lines += [f"- not found: `{one.dependency.name}`: {one.why}" for one in analysis.closure.unresolved]
    lines += [
        f"- **{one.name}** ({one.harm}): {explain(one)} Way out: {one.fix or 'none found.'}"
        for one in analysis.conflicts
    ]
    return "\n".join(lines if len(lines) > 2 else [*lines, "No conflicts."])


def _results(found: Iterable[tuple[str, Analysis]]) -> Iterable[Result]:
    for chart, analysis in found:
        file = f"{chart}/Chart.yaml" if Path(chart).is_dir() else chart
        for missing in analysis.closure.unresolved:
            yield Result("dependency-not-found", "warning", f"{missing.dependency.name}: {missing.why}", file)
        for conflict in analysis.conflicts:
            grave = conflict.harm is Harm.HARMFUL or not conflict.satisfiable
            message = f"{explain(conflict)} {conflict.fix or ''}".strip()
            yield Result("dependency-conflict", "error" if grave else "warning", message, file)
