"""The versions of the chart and of the charts that it is built on."""

import re
from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.manifests import Manifests
from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict

_LABELS: Final = ("helm.sh/chart", "chart")
_LONGEST_LABEL: Final = 63
_NAMED: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*?)-v?(?P<version>\d{1,9}\.\d{1,9}(?:\.\d{1,9})?(?:[-_+].*)?)"
)
_NUMBERS: Final = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?")

Numbers = tuple[int, int, int]


class ChartReplaced(Rule):
    id = "chart-replaced"
    severity = Verdict.NEEDS_APPROVAL
    sees = "the tenant runs another chart than before"
    why = "Objects with the same names may now be other things."
    do = "Read the diff in full, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        before = change.chart_before
        if before is not None and before.name != change.chart.name:
            yield Sighting(f"chart {before.name} → {change.chart.name}")


class ChartMajor(Rule):
    id = "chart-major"
    severity = Verdict.NEEDS_APPROVAL
    sees = "the major version of the chart, or of a chart that it is built on, is raised"
    why = "A major version may ask for work by hand before or after the upgrade."
    do = "Read its upgrade notes, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for name, before, after in _steps(change):
            old, new = _numbers(before), _numbers(after)
            if old and new and new[0] > old[0]:
                yield Sighting(f"chart {name} {before} → {after}")


class ChartDowngraded(Rule):
    id = "chart-downgraded"
    severity = Verdict.NEEDS_APPROVAL
    sees = "the chart, or a chart that it is built on, goes back to an earlier version"
    why = "What the later version set up may not be understood, or be taken away."
    do = "Make sure that going back is meant."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for name, before, after in _steps(change):
            old, new = _numbers(before), _numbers(after)
            if old and new and new < old:
                yield Sighting(f"chart {name} {before} → {after}")


class ChartUpdated(Rule):
    id = "chart-updated"
    severity = Verdict.SAFE
    sees = "the chart, or a chart that it is built on, is raised to a later minor or patch version"
    why = "What it changes in the objects is judged by itself."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for name, before, after in _steps(change):
            old, new = _numbers(before), _numbers(after)
            if old and new and new[0] == old[0] and new >= old:
                yield Sighting(f"chart {name} {before} → {after}")


def _steps(change: Change) -> Iterator[tuple[str, str, str]]:
    """Name and both versions of every chart that has another version; subcharts by the label that charts
    give.
    """
    if change.before is None or change.chart_before is None:
        return
    old, new = _versions(change.before), _versions(change.after)
    if change.chart_before.name == change.chart.name:
        old[change.chart.name] = change.chart_before.version
        new[change.chart.name] = change.chart.version
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield name, old[name], new[name]


def _versions(manifests: Manifests) -> dict[str, str]:
    said = dict.fromkeys(each.labels.get(label, "") for each in manifests.objects for label in _LABELS)
    found: dict[str, str] = {}
    for text in said:
        if named := _NAMED.fullmatch(text[:_LONGEST_LABEL]):
            found.setdefault(named["name"], named["version"])
    return found


def _numbers(version: str) -> Numbers | None:
    found = _NUMBERS.match(version)
    return (int(found[1]), int(found[2] or 0), int(found[3] or 0)) if found else None


RULES = (ChartReplaced(), ChartMajor(), ChartDowngraded(), ChartUpdated())
