"""Which dependencies of a chart have newer versions, and how far each can go up without harm."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from deploy_orchestrator.charts.constraint import Constraint
from deploy_orchestrator.charts.errors import ChartError
from deploy_orchestrator.charts.graph.closure import Closure, Need
from deploy_orchestrator.charts.graph.conflicts import conflicts
from deploy_orchestrator.charts.graph.resolve import Resolver
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.pinning import pinned
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.version import Version
from deploy_orchestrator.registries import RepositoryError

ABANDONED = timedelta(days=2 * 365)
"""How long a chart is without a new version before it counts as abandoned."""

MAX_TRIED = 40
"""The most versions that are read to find one that is safe, the newest first."""


@dataclass(frozen=True, slots=True)
class DependencyVersions:
    """The versions that a direct dependency, called `key` there, has and could have.

    `current` loads now. `allowed` is the newest that the constraint allows, `newest` the newest that is
    published, `safe` the newest that brings no conflict and no missing chart that is not there now, None if
    that is none above `current`. Prereleases count only where the current version is one. A chart is
    `deprecated` if its newest version says so; `last_published` is when any version of it last was, where the
    repository tells.
    """

    key: str
    identity: ChartIdentity
    constraint: str
    current: str
    allowed: str
    newest: str
    safe: str | None
    deprecated: bool = False
    last_published: datetime | None = None

    def is_abandoned(self, now: datetime) -> bool:
        """Whether nobody has published a version for two years."""
        return self.last_published is not None and now - self.last_published > ABANDONED

    @property
    def is_outdated(self) -> bool:
        """Whether a newer version than the current one is published."""
        return Version.parse(self.newest) > Version.parse(self.current)


@dataclass(frozen=True, slots=True)
class Upgrades:
    """The versions of a chart's direct dependencies, and by key why those of the others are `unknown`.

    What stands in a folder beside or inside the chart has no other versions, and is in neither.
    """

    dependencies: tuple[DependencyVersions, ...]
    unknown: Mapping[str, str]


def outdated(
    root: Chart | PublishedChart,
    repositories: Repositories,
    *,
    as_of: datetime | None = None,
    values: Mapping[str, Any] | None = None,
    within: Path | None = None,
    assembled: bool = False,
) -> Upgrades:
    """The versions of every direct dependency of `root` that is switched on; otherwise as `resolve`."""
    catalog = Catalog(repositories, as_of)

    def closure(root: Chart | PublishedChart, *, assembled: bool) -> Closure:
        return Resolver(catalog, within, assembled=assembled).closure(root, values)

    now = closure(root, assembled=assembled)
    before = _troubles(now)

    def is_safe(need: Need, version: str) -> bool:
        return _troubles(closure(pinned(root, need.key, version), assembled=True)) <= before

    known: list[DependencyVersions] = []
    unknown = {one.dependency.key: one.why for one in now.unresolved if one.parent in now.roots}
    for need in now.needs:
        is_beside = need.chart.repository.startswith("file://")
        if need.parent in now.roots and need.enabled and not is_beside:
            try:
                known.append(_versions(need, catalog, is_safe))
            except (ChartError, RepositoryError) as error:
                unknown[need.key] = str(error)
    return Upgrades(tuple(known), unknown)


def _versions(need: Need, catalog: Catalog, is_safe: Callable[[Need, str], bool]) -> DependencyVersions:
    charts = catalog.versions(need.chart.identity)
    published = [one.version for one in charts]
    current, constraint = Version.parse(need.chart.version), Constraint.parse(need.constraint)
    known = [version for version in published if current.prerelease or not Version.parse(version).prerelease]
    newer = [version for version in known if Version.parse(version) > current]
    return DependencyVersions(
        need.key,
        need.chart.identity,
        need.constraint,
        need.chart.version,
        next(filter(constraint.allows, newer), need.chart.version),
        newer[0] if newer else need.chart.version,
        next((version for version in newer[:MAX_TRIED] if is_safe(need, version)), None),
        catalog.described(charts[0]).deprecated,
        max((one.created for one in charts if one.created), default=None),
    )


def _troubles(closure: Closure) -> set[tuple[str, str]]:
    clashing = {(conflict.repository, conflict.name) for conflict in conflicts(closure)}
    missing = {(one.parent.name, one.dependency.key) for one in closure.unresolved}
    return clashing | missing
