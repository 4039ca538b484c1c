"""`analyze`: what charts are built on, where versions clash, and the way out."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from deploy_orchestrator.charts import (
    FORMATS,
    Analysis,
    Closure,
    Harm,
    Node,
    draw,
    explain,
    locate,
)
from deploy_orchestrator.charts import (
    analyze as analyze_chart,
)
from deploy_orchestrator.cli.chart_options import (
    AsOf,
    BadOption,
    Charts,
    Repository,
    Values,
    repositories_at,
    values_in,
)
from deploy_orchestrator.cli.conflict_text import show_conflict, why_unknown
from deploy_orchestrator.cli.output import plain, progress, say, screen, show_json
from deploy_orchestrator.cli.sarif import Descriptor, Result, sarif
from deploy_orchestrator.markdown import code, text

NOT_FOUND = Descriptor(
    "dependency-not-found",
    "a dependency that no repository within reach has",
    "What cannot be looked up cannot be judged, nor rendered. Mend its name, version or repository.",
)
CONFLICT = Descriptor(
    "dependency-conflict",
    "charts that need versions of one dependency which clash",
    "Helm loads all of them, and the templates of one version may replace those of another. "
    "Take the versions that the message proposes.",
)


class AnalysisFormat(StrEnum):
    """How an analysis is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"


def analyze(
    charts: Charts,
    repository: Repository = None,
    as_of: AsOf = None,
    values: Values = None,
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
    repositories, given = repositories_at(repository, charts), values_in(values)
    picture = _picture_format(graph) if graph else ""
    with progress("looking up dependencies"):
        found = [
            analyze_chart(locate(chart, repositories), repositories, as_of=as_of, values=given)
            for chart in charts
        ]
    if graph:
        graph.write_bytes(draw(Closure.united(each.closure for each in found), picture))
    if format is AnalysisFormat.JSON:
        show_json([each.as_json() for each in found])
    elif format is AnalysisFormat.SARIF:
        show_json(sarif(_results(zip(charts, found, strict=True))))
    elif format is AnalysisFormat.MARKDOWN:
        say("\n\n".join(map(_markdown, found)))
    else:
        for each in found:
            _show(each)
    if not all(each.is_sound for each in found):
        raise typer.Exit(1)


def _picture_format(path: Path) -> str:
    ending = path.suffix.removeprefix(".")
    named = "mermaid" if ending == "mmd" else ending
    if named not in FORMATS:
        raise BadOption(f"--graph {path}: no such format", fix=f"use {', '.join(FORMATS)}")
    return named


def _show(analysis: Analysis) -> None:
    screen.print(_tree(analysis))
    for missing in analysis.closure.unresolved:
        say(plain("not found ", "yellow"), f"{missing.dependency.name}: {missing.why}")
    for conflict in analysis.conflicts:
        show_conflict(conflict, analysis)
    if not analysis.conflicts:
        among = " among what was found" if analysis.closure.unresolved else ""
        say(plain(f"no conflicts{among}", "green"))


def _tree(analysis: Analysis) -> Tree:
    closure = analysis.closure
    clashing = {conflict.identity for conflict in analysis.conflicts}

    def grow(branch: Tree, node: Node, above: tuple[Node, ...]) -> None:
        for need in closure.needs:
            if need.parent != node or need.chart in above:
                continue
            label = Text.assemble(
                plain(str(need.chart), "bold red" if need.chart.identity in clashing else "bold"),
                plain(f"  {need.constraint}", "cyan"),
                plain(f"  if {need.condition}" if need.condition else "", "dim"),
                plain("" if need.enabled else "  off", "dim"),
            )
            grow(branch.add(label), need.chart, (*above, need.chart))

    tree = Tree(plain(str(analysis.root), "bold"), guide_style="dim")
    grow(tree, analysis.root, (analysis.root,))
    return tree


def _markdown(analysis: Analysis) -> str:
    lines = [f"### {text(analysis.root)}", ""]
    lines += [
        f"- not found: {code(one.dependency.name)}: {text(one.why)}" for one in analysis.closure.unresolved
    ]
    lines += [
        f"- **{text(one.name)}** ({text(', '.join([one.harm, *why_unknown(one, analysis)]))}):"
        f" {text(explain(one))} Way out: {text(one.fix or 'none found.')}"
        for one in analysis.conflicts
    ]
    return "\n".join(lines if len(lines) > 2 else [*lines, "No conflicts."])


def _results(found: Iterable[tuple[str, Analysis]]) -> Iterable[Result]:
    for chart, analysis in found:
        file = f"{chart}/Chart.yaml" if Path(chart).is_dir() else chart
        for missing in analysis.closure.unresolved:
            yield Result(NOT_FOUND, "warning", f"{missing.dependency.name}: {missing.why}", file)
        for conflict in analysis.conflicts:
            grave = conflict.harm is Harm.HARMFUL or not conflict.satisfiable
            message = f"{explain(conflict)} {conflict.fix or ''}".strip()
            yield Result(CONFLICT, "error" if grave else "warning", message, file)
