"""`analyze`: what charts are built on, where versions clash, and the way out."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from deploy_orchestrator.charts import (
    FORMATS,
    Analysis,
    Chart,
    Closure,
    Harm,
    Known,
    Node,
    Repositories,
    draw,
    explain,
    kept_unpacked,
    load,
    locate,
)
from deploy_orchestrator.charts import (
    analyze as analyze_chart,
)
from deploy_orchestrator.charts import write as write_rewrite
from deploy_orchestrator.cli.chart_options import (
    AsOf,
    BadOption,
    Repository,
    Values,
    around,
    repositories_at,
    values_in,
)
from deploy_orchestrator.cli.conflict_text import (
    brought,
    said,
    show_collision,
    show_conflict,
    show_deviations,
    show_duplicate,
    why_unknown,
)
from deploy_orchestrator.cli.output import note, plain, progress, say, screen, show_json, tell
from deploy_orchestrator.cli.sarif import SarifResult, SarifRule, sarif
from deploy_orchestrator.foresight import Tried, tried
from deploy_orchestrator.markdown import code, text
from deploy_orchestrator.outcomes import attempt, failures

NOT_FOUND = SarifRule(
    "dependency-not-found",
    "a dependency that no repository within reach has",
    "What cannot be looked up cannot be judged, nor rendered. Mend its name, version or repository.",
)
CONFLICT = SarifRule(
    "dependency-conflict",
    "charts that need versions of one dependency which clash",
    "Helm loads all of them, and the templates of one version may replace those of another. "
    "Take the versions that the message proposes.",
)

COLLISION = SarifRule(
    "dependency-collision",
    "charts that bring a named template or an object of the same name",
    "Only one of them is used, by all. Rename it in the chart that is yours, or leave one of the charts out.",
)
DEVIATION = SarifRule(
    "dependency-deviation",
    "a dependency for which Helm takes something else than Chart.yaml says",
    "Helm takes what stands in charts/ by its name and version. Build charts/ anew, or write exact versions.",
)


class AnalysisFormat(StrEnum):
    """How an analysis is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"


def analyze(
    context: typer.Context,
    charts: Annotated[
        list[str] | None,
        typer.Argument(metavar="CHART...", help="A path, NAME[@VERSION], or URL/NAME[@VERSION]."),
    ] = None,
    repository: Repository = None,
    as_of: AsOf = None,
    values: Values = None,
    graph: Annotated[
        Path | None, typer.Option(help="Also draw: .svg, .png, .dot, .html, .mmd or .json by its ending.")
    ] = None,
    write: Annotated[
        bool,
        typer.Option("--write", help="Write the way out where it keeps a package unpacked in charts/."),
    ] = False,
    fleet: Annotated[
        bool, typer.Option("--fleet", help="The charts of the fleet, with the values of all who run them.")
    ] = False,
    format: Annotated[  # noqa: A002
        AnalysisFormat, typer.Option("--format", help="How to print the result.")
    ] = AnalysisFormat.TEXT,
) -> None:
    """Show what charts are built on, where versions clash, what harm that does, and the way out.

    Packages are read: each brings what it carries. Exit code 1 when a conflict cannot be satisfied, when
    charts do each other harm, when Helm takes something else than is asked for, or nothing at all as a
    dependency of the chart itself is not published; 2 when a chart, or a
    repository of one, is out of reach: what is not is shown all the same.

    With --write, where the only way out keeps a package unpacked with another chart inside, that is written:
    charts/, Chart.yaml with its layout, and the lock. What is told then is the chart as it is with that.

    With --fleet they are those of the newest fleet, each for the deployments that run it alike, and a page
    that is drawn (.html) shows what one environment or one tenant has.
    """
    if fleet:
        _refuse(charts=charts, write=write, repository=repository, as_of=as_of, values=values)
        raise typer.Exit(_fleet(context, graph, format))
    if write and as_of:
        raise BadOption("--as-of does not go with --write", fix="leave out --as-of")
    if not charts:
        raise BadOption("no chart is named", fix="name one, or ask for those of the fleet with --fleet")
    repositories, given = repositories_at(repository, charts), values_in(values)
    picture = _picture_format(graph) if graph else ""
    trials = list[Tried]()
    with progress("looking up dependencies"):

        def analysis(chart: str) -> Analysis:
            root = locate(chart, repositories)
            told = analyze_chart(root, repositories, as_of=as_of, values=given, within=around(root))
            found = tried(root, told, repositories, values=given, within=around(root))
            if (
                write
                and isinstance(root, Chart)
                and root.path
                and _written(root, found.analysis, repositories)
            ):
                again = load(root.path, within=around(root))
                found = Tried(analyze_chart(again, repositories, values=given, within=around(root)))
            trials.append(found)
            return found.analysis

        outcomes = [(chart, attempt(analysis, chart)) for chart in charts]
    analyses = [(chart, each) for chart, each in outcomes if isinstance(each, Analysis)]
    found = [each for _, each in analyses]
    if graph and found:
        judged = [conflict for each in found for conflict in each.conflicts]
        _write(graph, draw(Closure.united(each.closure for each in found), picture, judged))
    _tell(analyses, trials, format)
    for chart, error in failures(outcomes):
        tell(error, about=chart)
    raise typer.Exit(_code(found, is_all=len(found) == len(outcomes)))


def _written(root: Chart, analysis: Analysis, repositories: Repositories) -> bool:
    """Write what is kept unpacked, for the first conflict of which that is the way out."""
    direct = {
        need.key: need.chart.identity for need in analysis.closure.needs if need.parent == analysis.root
    }
    for conflict in analysis.conflicts:
        for fix in conflict.fixes[:1]:
            if fix.vendored:
                now, about = datetime.now(UTC), conflict.identity
                within = around(root)
                write_rewrite(kept_unpacked(root, fix, about, direct, repositories, now, within=within))
                note(f"{root}: wrote it: {fix}")
                return True
    return False


def _refuse(**given: object) -> None:
    for option, there in given.items():
        if there:
            named = "CHART" if option == "charts" else f"--{option.replace('_', '-')}"
            raise BadOption(f"{named} does not go with --fleet", fix=f"leave out {named}")


def _fleet(context: typer.Context, graph: Path | None, format: AnalysisFormat) -> int:  # noqa: A002
    from deploy_orchestrator.cli.installation import opened

    picture = _picture_format(graph) if graph else ""
    orchestrator = opened(context)
    with progress("looking up dependencies"):
        survey = orchestrator.survey()
    if graph and survey.charts:
        judged = [conflict for _, conflict in survey.conflicts]
        runs = [(each.deployments, each.analysis.closure) for each in survey.charts]
        _write(graph, draw(survey.closure, picture, judged, runs))
    if format is AnalysisFormat.JSON:
        told = [{**each.analysis.as_json(), "deployments": each.deployments} for each in survey.charts]
        show_json(told)
    elif format is AnalysisFormat.TEXT:
        for each in survey.charts:
            say(plain(", ".join(each.deployments), "bold"))
            _show(each.analysis)
    else:
        _tell([(each.chart, each.analysis) for each in survey.charts], [], format)
    for chart, error in survey.failures.items():
        tell(error, about=chart)
    return _code([each.analysis for each in survey.charts], is_all=not survey.failures)


def _tell(
    analyses: Sequence[tuple[str, Analysis]],
    trials: Sequence[Tried],
    format: AnalysisFormat,  # noqa: A002
) -> None:
    found = [each for _, each in analyses]
    if format is AnalysisFormat.JSON:
        show_json([each.as_json() for each in found])
    elif format is AnalysisFormat.SARIF:
        show_json(sarif(_results(analyses)))
    elif format is AnalysisFormat.MARKDOWN:
        say("\n\n".join(map(_markdown, found)))
    else:
        for each in trials:
            _show(each.analysis)
            _show_trial(each)


def _code(found: Sequence[Analysis], *, is_all: bool) -> int:
    if not is_all or any(each.is_unknown for each in found):
        return 2
    return int(not all(each.is_sound and each.is_complete for each in found))


def _write(path: Path, picture: bytes) -> None:
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise BadOption(f"--graph {path} cannot be written: {error.strerror}") from error


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
    for collision in analysis.collisions:
        show_collision(collision)
    for duplicate in analysis.duplicates:
        show_duplicate(duplicate)
    show_deviations(analysis.closure.deviations)
    if not (analysis.conflicts or analysis.collisions or analysis.duplicates):
        among = " among what was found" if analysis.closure.lost else ""
        versions = " of versions" if analysis.unread else ""
        say(plain(f"no conflicts{versions}{among}", "green"))


def _show_trial(trial: Tried) -> None:
    for fix, error in trial.refused:
        say(plain("no way out ", "yellow"), f"{fix} Helm does not render it: {error.what}")
    if trial.untried:
        why = f"Helm does not render {trial.analysis.root} as it is: {trial.untried.what}"
        say(plain("not tried ", "yellow"), f"the ways out; {why}")


def _tree(analysis: Analysis) -> Tree:
    closure = analysis.closure
    clashing = {conflict.identity for conflict in analysis.conflicts}

    def grow(branch: Tree, node: Node, above: tuple[Node, ...]) -> None:
        for need in closure.needs:
            if need.parent != node or need.chart in above:
                continue
            label = Text.assemble(
                plain(str(need.chart), "bold red" if need.chart.identity in clashing else "bold"),
                plain(f"  as {need.alias}" if need.alias else ""),
                plain(f"  {need.constraint}", "cyan"),
                plain(f"  {need.known}", "yellow" if need.known is Known.GUESSED else "dim"),
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
        f"- {text(each.parent)}: {code(each.key)}: {text(each.why)}" for each in analysis.closure.deviations
    ]
    lines += [
        f"- **{text(each.clash.name)}** ({each.harm}): {text(said(each))}" for each in analysis.collisions
    ]
    lines += [
        f"- **{text(each.kind)} {text(each.name)}** ({each.harm}): {text(brought(each))}"
        for each in analysis.duplicates
    ]
    lines += [
        f"- not found: {code(one.dependency.name)}: {text(one.why)}" for one in analysis.closure.unresolved
    ]
    lines += [
        f"- **{text(one.name)}** ({text(', '.join([one.harm, *why_unknown(one, analysis)]))}):"
        f" {text(explain(one))} Way out: {text(one.fix or 'none found.')}"
        for one in analysis.conflicts
    ]
    return "\n".join(lines if len(lines) > 2 else [*lines, "No conflicts."])


def _results(found: Iterable[tuple[str, Analysis]]) -> Iterable[SarifResult]:
    for chart, analysis in found:
        file = f"{chart}/Chart.yaml" if Path(chart).is_dir() else chart
        for missing in analysis.closure.unresolved:
            level = "error" if missing.parent == analysis.root else "warning"
            yield SarifResult(NOT_FOUND, level, f"{missing.dependency.name}: {missing.why}", file)
        for conflict in analysis.conflicts:
            grave = conflict.harm is Harm.HARMFUL or not conflict.satisfiable
            message = f"{explain(conflict)} {conflict.fix or ''}".strip()
            yield SarifResult(CONFLICT, "error" if grave else "warning", message, file)
        for each in analysis.closure.deviations:
            level = "error" if each.is_grave else "warning"
            yield SarifResult(DEVIATION, level, f"{each.parent}: {each.key}: {each.why}", file)
        met = [(each.harm, said(each)) for each in analysis.collisions]
        met += [(each.harm, f"{each.kind} {each.name}: {brought(each)}") for each in analysis.duplicates]
        for harm, message in met:
            yield SarifResult(COLLISION, "error" if harm is Harm.HARMFUL else "warning", message, file)
