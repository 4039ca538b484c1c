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
        for (before, _), (after, _) in _pairs(change):
            if before != after:
                yield Sighting(f"chart {before} → {after}")


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
    told = {(name, old[name], new[name]) for name in old.keys() & new.keys()}
    own = {(name, was, now) for (name, was), (other, now) in _pairs(change) if name == other}
    named = {name for name, _, _ in own}
    for name, was, now in sorted({*own, *(each for each in told if each[0] not in named)}):
        if was != now:
            yield name, was, now


def _pairs(change: Change) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Name and version of the tenant's own charts, before and after: by the release that it makes, and where
    only one chart is named before or after, by its name if both have it. A release that only one has stands
    with none.
    """
    before, after = change.chart_before, change.chart
    if before is None:
        return []
    if before.releases and after.releases:
        old = {each.release: (each.name, each.version) for each in before.releases}
        return [
            (old[each.release], (each.name, each.version)) for each in after.releases if each.release in old
        ]
    same = [(old, new) for old in before.versions for new in after.versions if old[0] == new[0]]
    return same[:1] or [(before.versions[-1], after.versions[-1])]


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
