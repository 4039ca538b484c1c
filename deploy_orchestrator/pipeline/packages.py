"""Whether a published version of a chart is still the package that was released: trusted on first use."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from deploy_orchestrator.manifests import ChartUsed, Manifests, PackageUsed
from deploy_orchestrator.releases import Deployments, Release
from deploy_orchestrator.risk import Reason
from deploy_orchestrator.terms import Verdict

RULE: Final = "chart-republished"

_SHOWN: Final = 12
"""Digits of a digest that tell it from others."""


def republished(
    deployments: Deployments, environment: str, candidate: Manifests, released: Release | None
) -> Iterator[Reason]:
    """A reason for each package of a `candidate` that no release in its `environment` was made of, while some
    were of another one of the same name and version; where none there was of either, all environments count.
    """
    own = _of(released.chart) if released else ()
    new = [each for each in _of(candidate.chart) if each not in own]
    if not new:
        return
    known = _known(deployments, deployments.repository.head())
    for package in new:
        places = known.get(package.chart, {})
        before = places.get(environment) or {each for digests in places.values() for each in digests}
        if before and package.sha256 not in before:
            was = " and ".join(sorted(each[:_SHOWN] for each in before))
            yield Reason(
                rule=RULE,
                severity=Verdict.NEEDS_APPROVAL,
                saw=f"{package.chart} is {package.sha256[:_SHOWN]} now, and was released as {was}",
                why="What was published stays as it is: somebody has put another package in its place.",
                do="Ask who publishes it why, and read the diff; then approve, or take another version.",
            )


@lru_cache(maxsize=4)
def _known(deployments: Deployments, head: str | None) -> Mapping[str, Mapping[str, frozenset[str]]]:
    """The digests of each chart's packages by environment, of what is released at `head`."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for release in deployments.releases() if head else ():
        for each in _of(release.chart):
            places = found.setdefault(each.chart, {})
            places[release.environment] = places.get(release.environment, frozenset[str]()) | {each.sha256}
    return found


def _of(chart: ChartUsed | None) -> tuple[PackageUsed, ...]:
    return (chart.packages or ()) if chart else ()
