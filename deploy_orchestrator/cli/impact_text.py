"""What `impact` found, at a terminal: short enough for somebody in a hurry."""

from collections.abc import Iterator

from rich.text import Text

from deploy_orchestrator.charts import ABSENT, Upgrade
from deploy_orchestrator.cli.conflict_text import show_conflict
from deploy_orchestrator.cli.impact_effects import Effect, EffectLine, effects
from deploy_orchestrator.cli.impact_report import (
    ImpactReport,
    Judged,
    carried,
    gist,
    key,
    kind,
    summary,
    versions,
)
from deploy_orchestrator.cli.output import (
    coloured,
    plain,
    say,
    say_below,
    show_lines,
    table,
)

MAX_LINES = 15
COLOURS = {"-": "red", "+": "green", "~": "yellow"}


def show_impact(report: ImpactReport, *, in_full: bool) -> None:
    """First what changes in the charts, then in the deployments, last one line for each of them.

    `in_full` shows all changed lines of manifests in place of a short list.
    """
    say(plain(report.title, "bold"))
    for edit in report.edits:
        say(plain("edit ", "cyan"), f"{edit.place}  {edit.before or 'nothing'} → {edit.after}")
    for found in report.upgrades:
        if report.edits:
            say()
            say(plain(f"chart {found.before.root}", "bold"))
        _show_upgrade(found, report)
    if report.unseen:
        say(plain("deployments not looked at: ", "yellow"), str(report.unseen))
        return
    for effect in effects(report.judged):
        say()
        say(plain(", ".join(each.key for each in effect.judged), "bold"))
        _show_effect(effect, in_full=in_full)
    for carrier in report.carriers:
        say(plain("comes along ", "yellow"), carried(carrier))
    if report.judged:
        say()
        table("deployment", "verdict", "change", last="", rows=map(_row, report.judged))


def _show_upgrade(found: Upgrade, report: ImpactReport) -> None:
    impact = found.impact
    if impact.charts:
        table("chart", last="versions", rows=((each.identity.name, versions(each)) for each in impact.charts))
    for need in found.broken:
        say(plain("breaks ", "bold red"), f"{need.parent} needs {need.chart.name} {need.constraint}")
    for missing in impact.missing:
        say(plain("goes missing ", "bold red"), f"{missing.dependency.name}: {missing.why}")
    for conflict in (*impact.appearing, *impact.worsening):
        show_conflict(conflict, found.after)
    for conflict in impact.going:
        say(plain("no more conflict ", "green"), conflict.name)
    if found.values is None:
        say(plain("defaults cannot be compared ", "yellow"), str(found.unread))
    elif found.values:
        rows = sorted(_defaults(found, report), key=lambda row: not row[2])
        table("default", "key", "set by", last="from → to", rows=rows[:MAX_LINES])
        _say_more(len(rows), "--format json has all")
    if found.is_sound and not (impact.charts or found.values):
        say(plain("nothing changes", "green"))


def _defaults(found: Upgrade, report: ImpactReport) -> Iterator[tuple[str, ...]]:
    for one in found.values or ():
        before, after = ("" if value is ABSENT else repr(value) for value in (one.before, one.after))
        yield kind(one), key(one), ", ".join(report.setters(one, found)), f"{before} → {after}"


def _show_effect(effect: Effect, *, in_full: bool) -> None:
    first = effect.judged[0]
    if not first.is_released:
        say_below([("", "nothing is released there yet: compared with what the fleet gives now")])
    if first.is_overtaken:
        say_below([("", "with changes that the fleet holds already, and that are not released yet")])
    if in_full:
        for each in effect.judged:
            show_lines(each.difference)
    else:
        say_below((plain(each.sign, COLOURS[each.sign]), _told(each)) for each in effect.changes[:MAX_LINES])
        _say_more(len(effect.changes), "--diff has all")
    for concern in effect.concerns:
        say_below([(coloured(concern.verdict), plain(concern.saw)), ("", plain(concern.do, "dim"))])


def _told(change: EffectLine) -> Text:
    return Text.assemble(plain(change.what), plain(f"  {change.how}" if change.how else "", "dim"))


def _say_more(count: int, where: str) -> None:
    if count > MAX_LINES:
        say_below([("", plain(f"… and {count - MAX_LINES:,} more: {where}", "dim"))])


def _row(one: Judged) -> tuple[str | Text, ...]:
    conflicts = "; ".join(filter(None, (gist(chart.impact) for chart in one.concerned.charts)))
    if one.preview is None:
        return one.key, plain("fails", "bold red"), "", conflicts
    if not one.difference:
        return one.key, plain("unchanged", "green"), "", conflicts
    return one.key, coloured(one.preview.plan.verdict), summary(one.difference), conflicts
