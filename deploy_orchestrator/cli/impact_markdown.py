"""What `impact` found, as Markdown for a pull request or a ticket."""

from collections.abc import Iterator

from deploy_orchestrator.charts import Upgrade, explain
from deploy_orchestrator.cli.impact_effects import effects
from deploy_orchestrator.cli.impact_report import ImpactReport, Judged, carried, key, kind, summary, versions
from deploy_orchestrator.markdown import Markdown, code, fence, table, text


def impact_markdown(report: ImpactReport, *, in_full: bool) -> str:
    """A report as Markdown. `in_full` has all changed lines of manifests in place of a short list."""
    return "\n".join(_lines(report, in_full=in_full))


def _lines(report: ImpactReport, *, in_full: bool) -> Iterator[str]:
    yield f"### {text(report.title)}\n"
    for edit in report.edits:
        yield f"- edit {code(str(edit.place))}: {code(edit.before or 'nothing')} → {code(edit.after)}"
    for found in report.upgrades:
        if report.edits:
            yield f"\n#### chart {text(found.before.root)}\n"
        yield from _upgrade(found, report)
    if report.unseen:
        yield f"\nDeployments not looked at: {text(report.unseen.what)}"
    for carrier in report.carriers:
        yield f"- {text(carried(carrier))}"
    if report.judged:
        yield f"\n{table(('Deployment', 'Verdict', 'Change'), map(_row, report.judged))}"
    for effect in effects(report.judged):
        yield f"\n#### {text(', '.join(each.key for each in effect.judged))}\n"
        for concern in effect.concerns:
            yield f"- **{concern.verdict}** {text(concern.saw)} {text(concern.do)}".rstrip()
        full = "".join(each.difference.unified() for each in effect.judged)
        yield "\n" + fence(full if in_full else "\n".join(map(str, effect.changes)), "diff")
    for place, error in report.failures:
        yield f"\n**{text(place)} fails**: {text(error)}"


def _row(each: Judged) -> tuple[object, ...]:
    if each.preview is None:
        return each.key, Markdown("**fails**"), ""
    verdict = f"**{each.preview.plan.verdict}**" if each.difference else "unchanged"
    return each.key, Markdown(verdict), summary(each.difference)


def _upgrade(found: Upgrade, report: ImpactReport) -> Iterator[str]:
    impact = found.impact
    for change in impact.charts:
        yield f"- {code(change.identity.name)}: {text(versions(change))}"
    for need in found.broken:
        yield f"- **breaks**: {text(need.parent)} needs {text(need.chart.name)} {code(need.constraint)}"
    for missing in impact.missing:
        yield f"- **goes missing**: {code(missing.dependency.name)}: {text(missing.why)}"
    for one in (*impact.appearing, *impact.worsening):
        way_out = text(one.fix or "none found.")
        yield f"- **conflict on {text(one.name)}** ({one.harm}): {text(explain(one))} Way out: {way_out}"
    for one in impact.going:
        yield f"- no more conflict on {text(one.name)}"
    for change in found.values or ():
        setters = text(", ".join(report.setters(change, found)))
        yield f"- {kind(change)} default {code(key(change))}" + (f", set by {setters}" if setters else "")
    if found.values is None and found.unread:
        yield f"- defaults cannot be compared: {text(found.unread)}"
