"""An upgrade of a chart, or of one dependency of it, before it is made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy_orchestrator.charts.errors import ChartError, ChartNotFound, VersionNotFound
from deploy_orchestrator.charts.graph.analysis import Analysis, analyze
from deploy_orchestrator.charts.graph.closure import Need
from deploy_orchestrator.charts.graph.contents import composed
from deploy_orchestrator.charts.graph.resolve import Resolver
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.pinning import pinned
from deploy_orchestrator.charts.processing import processed
from deploy_orchestrator.charts.published import PublishedChart
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.sources.locate import locate
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.upgrades.impact import Impact, ValueChange, broken, changed_values, impact
from deploy_orchestrator.charts.values import GLOBAL, coalesce
from deploy_orchestrator.errors import instead_of
from deploy_orchestrator.registries import RepositoryError

AnyChart = Chart | PublishedChart


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What is different `after`, and the constraints that are `broken` as they do not allow it.

    `values` are the defaults that change, the fields leading to them from the root, so that what a parent
    overrides does not count; None, with the reason in `unread`, where the contents are out of reach.
    """

    before: Analysis
    after: Analysis
    impact: Impact
    broken: tuple[Need, ...]
    values: tuple[ValueChange, ...] | None
    unread: ChartError | RepositoryError | None

    @property
    def is_sound(self) -> bool:
        """Whether every constraint holds, and what changes is sound."""
        return self.impact.is_sound and not self.broken


def target(root: AnyChart, to: str, dependency: str | None, repositories: Repositories) -> AnyChart:
    """`root` in its version `to`, or needing exactly that version of the `dependency` called so there.

    Another version of a chart that was read from disk is looked up by its name.

    Raises:
        ChartNotFound: there is no such dependency or version.
        VersionError: that is no version.
        RepositoryError: it cannot be looked up.
    """
    if dependency is None:
        if isinstance(root, Chart):
            return locate(f"{root.name}@{to}", repositories)
        return Catalog(repositories).exactly(root.identity, to)
    needs = (root.metadata if isinstance(root, Chart) else root).dependencies
    keys = [need.key for need in needs]
    if dependency not in keys:
        raise ChartNotFound(f"{root} needs no {dependency}", fix=instead_of(dependency, keys))
    return pinned(root, dependency, to)


def upgrade(
    root: AnyChart,
    to: str,
    repositories: Repositories,
    *,
    dependency: str | None = None,
    as_of: datetime | None = None,
    values: Mapping[str, Any] | None = None,
    within: Path | None = None,
) -> Upgrade:
    """What it comes to if `root`, or its `dependency`, takes the version `to`.

    Raises as `target` and `resolve`.
    """
    then = target(root, to, dependency, repositories)
    found = compare(root, then, repositories, as_of=as_of, values=values, within=within)
    for missing in found.after.closure.unresolved:
        if dependency and missing.parent == found.after.root and missing.dependency.key == dependency:
            raise VersionNotFound(f"{dependency} cannot be {to}: {missing.why}")
    return replace(found, broken=tuple(_broken(found.before, dependency, to)))


def compare(
    before: AnyChart,
    after: AnyChart,
    repositories: Repositories,
    *,
    as_of: datetime | None = None,
    values: Mapping[str, Any] | None = None,
    within: Path | None = None,
) -> Upgrade:
    """What it comes to if `after` takes the place of `before`, both assembled, nothing `broken`.

    Raises as `resolve`.
    """
    old, new = (
        analyze(each, repositories, as_of=as_of, values=values, within=within, assembled=True)
        for each in (before, after)
    )
    catalog = Catalog(repositories, as_of)
    try:
        changes, unread = (
            changed_values(*(_defaults(each, catalog, within) for each in (before, after))),
            None,
        )
    except (ChartError, RepositoryError) as error:
        changes, unread = None, error
    told = None if changes is None else tuple(_told_once(changes))
    return Upgrade(old, new, impact(old, new), (), told, unread)


def _broken(before: Analysis, dependency: str | None, to: str) -> Iterator[Need]:
    for need in before.closure.needs:
        if need.parent == before.root and need.key == dependency:
            yield from broken(before.closure, need.chart.identity, to)


def _defaults(root: AnyChart, catalog: Catalog, within: Path | None) -> Mapping[str, Any]:
    resolver = Resolver(catalog, within, assembled=True)
    chart = composed(resolver.root(root), resolver.steps, catalog.contents)
    return coalesce(processed(chart, None), {}) if chart else {}


def _told_once(changes: tuple[ValueChange, ...]) -> Iterator[ValueChange]:
    """Without the copies that Helm makes of a chart's globals in everything below it."""
    seen = {change.field for change in changes}
    for change in changes:
        inner = change.field.index(GLOBAL, 1) if GLOBAL in change.field[1:] else 0
        if not any(change.field[:at] + change.field[inner:] in seen for at in range(inner)):
            yield change
