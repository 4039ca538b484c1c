"""What `impact` found, as Markdown for a pull request or a ticket."""

from collections.abc import Iterator

from deploy_orchestrator.charts import Upgrade, explain
from deploy_orchestrator.cli.impact_effects import effects
from deploy_orchestrator.cli.impact_report import ImpactReport, carried, key, kind, summary, versions
from deploy_orchestrator.errors import OrchestratorError


def impact_markdown(report: ImpactReport, *, in_full: bool) -> str:
    """A report as Markdown. `in_full` has all changed lines of manifests in place of a short list."""
    return "\n".join(_lines(report, in_full=in_full))


def _lines(report: ImpactReport, *, in_full: bool) -> Iterator[str]:
    yield f"### {report.title}\n"
    for edit in report.edits:
        yield f"- edit `{edit.place}`: `{edit.before or 'nothing'}` → `{edit.after}`"
    for found in report.upgrades:
        if report.edits:
            yield f"\n#### chart {found.before.root}\n"
        yield from _upgrade(found, report)
    if report.unseen:
        yield f"\nDeployments not looked at: {report.unseen.what}"
    for carrier in report.carriers:
        yield f"- {carried(carrier)}"
    if report.judged:
        yield "\n| Deployment | Verdict | Change |\n| --- | --- | --- |"
    for each in report.judged:
        if each.preview is None:
            yield f"| {each.key} | **fails** | |"
        else:
            verdict = f"**{each.preview.plan.verdict}**" if each.difference else "unchanged"
            yield f"| {each.key} | {verdict} | {summary(each.difference)} |"
    for effect in effects(report.judged):
        yield f"\n#### {', '.join(each.key for each in effect.judged)}\n"
        for concern in effect.concerns:
            yield f"- **{concern.verdict}** {concern.saw} {concern.do}".rstrip()
        full = "".join(each.difference.unified() for each in effect.judged)
        yield _fenced(full if in_full else "".join(f"{each}\n" for each in effect.changes))
    for place, error in report.failures:
        yield f"\n**{place} fails**: {_one_line(error)}"


def _upgrade(found: Upgrade, report: ImpactReport) -> Iterator[str]:
    impact = found.impact
    for change in impact.charts:
        yield f"- `{change.identity.name}`: {versions(change)}"
    for need in found.broken:
        yield f"- **breaks**: {need.parent} needs {need.chart.name} `{need.constraint}`"
    for missing in impact.missing:
        yield f"- **goes missing**: `{missing.dependency.name}`: {missing.why}"
    for one in (*impact.appearing, *impact.worsening):
        yield f"- **conflict on {one.name}** ({one.harm}): {explain(one)} Way out: {one.fix or 'none found.'}"
    for one in impact.going:
        yield f"- no more conflict on {one.name}"
    for change in found.values or ():
        setters = ", ".join(report.setters(change, found))
        yield f"- {kind(change)} default `{key(change)}`" + (f", set by {setters}" if setters else "")
    if found.values is None and found.unread:
        yield f"- defaults cannot be compared: {_one_line(found.unread)}"


def _one_line(error: OrchestratorError) -> str:
    return " ".join(str(error).split())


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"\n{fence}diff\n{text}{fence}"
