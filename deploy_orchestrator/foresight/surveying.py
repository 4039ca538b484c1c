"""What the whole fleet is built on: every chart that it asks for, analysed for everybody who runs it."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from deploy_orchestrator import documents
from deploy_orchestrator.charts import (
    Analysis,
    Catalog,
    Chart,
    Closure,
    Conflict,
    DependencyVersions,
    Harm,
    PublishedChart,
    Repositories,
    Upgrades,
    analyze,
    layered,
    load,
    outdated,
)
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import ChartReference, Deployment, Fleet, TenantRelease
from deploy_orchestrator.outcomes import attempt


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One chart, what it is built on, and how far its dependencies could go up.

    Values switch dependencies on and off. So a chart may be surveyed more than once, each time for those
    `deployments` (`environment/tenant`) whose values come to the same.
    """

    chart: str
    deployments: tuple[str, ...]
    analysis: Analysis
    upgrades: Upgrades


@dataclass(frozen=True, slots=True)
class Survey:
    """Every chart of a fleet, and by chart what stood in the way where one cannot be analysed."""

    charts: tuple[Surveyed, ...]
    failures: Mapping[str, OrchestratorError]

    @property
    def closure(self) -> Closure:
        """One graph of everything that the fleet needs."""
        return Closure.united(each.analysis.closure for each in self.charts)

    @property
    def conflicts(self) -> list[tuple[Surveyed, Conflict]]:
        """Every conflict with the chart that it is in, the most harmful first."""
        found = [(each, conflict) for each in self.charts for conflict in each.analysis.conflicts]
        return sorted(found, key=lambda pair: list(Harm).index(pair[1].harm), reverse=True)

    @property
    def outdated(self) -> list[tuple[Surveyed, DependencyVersions]]:
        """Every dependency that has a newer version, with the chart that it is of."""
        return [(each, one) for each in self.charts for one in each.upgrades.dependencies if one.is_outdated]


FirstSeen = Mapping[str, datetime | None]
"""What was found, by a name that stays the same, and since when; None: since the first audit."""

NEWS = timedelta(days=1)
"""How long what was found counts as new."""


def conflict_names(surveyed: Surveyed, conflict: Conflict) -> tuple[str, ...]:
    """The names of a conflict in one chart, one for each deployment; other ones where it got another harm."""
    about = f"{surveyed.analysis.root.name}: {conflict.identity}, {conflict.harm}"
    about += "" if conflict.satisfiable else ", unsatisfiable"
    return tuple(f"{deployment} {about}" for deployment in surveyed.deployments)


def upgrade_names(surveyed: Surveyed, versions: DependencyVersions) -> tuple[str, ...]:
    """The names of what a dependency in one chart could go up to, one for each version."""
    above = dict.fromkeys((versions.newest, versions.allowed, versions.safe))
    return tuple(
        f"{surveyed.analysis.root.name}: {versions.key} {version}"
        for version in above
        if version not in (None, versions.current)
    )


def first_seen(names: Iterable[str], before: FirstSeen | None, now: datetime) -> FirstSeen:
    """When each of `names` was first found, as the audit `before` knew it, and `now` for what it did not."""
    if before is None:
        return dict.fromkeys(names)
    return {name: before.get(name, now) for name in names}


def is_new(names: Iterable[str], seen: FirstSeen, now: datetime) -> bool:
    """Whether something by one of `names` was first found within `NEWS`."""
    times = [seen.get(name) for name in names]
    return any(time is not None and now - time < NEWS for time in times)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A deployment that runs a chart, and the values that it has for it."""

    deployment: str
    values: Callable[[], Mapping[str, Any]]


def survey(fleet: Fleet, repositories: Repositories) -> Survey:
    """Analyse every chart of `fleet` with the values of all who run it. One broken chart stops no other."""
    surveyed: list[Surveyed] = []
    failures: dict[str, OrchestratorError] = {}
    for reference, uses in uses_of(fleet).items():
        name = f"{reference.name} {reference.version}"
        found = attempt(_surveyed, name, reference, fleet, uses, repositories)
        if isinstance(found, OrchestratorError):
            failures[name] = found
        else:
            surveyed += found
    return Survey(tuple(surveyed), failures)


def uses_of(fleet: Fleet) -> dict[ChartReference, list[Consumer]]:
    """Every chart that `fleet` asks for, with all who run it."""
    uses: dict[ChartReference, list[Consumer]] = {}
    for deployment in fleet.deployments():
        if deployment.has_platform:
            uses.setdefault(fleet.platform, []).append(
                Consumer(deployment.key, lambda deployment=deployment: fleet.platform_values(deployment))
            )
        for release in deployment.releases:
            uses.setdefault(release.chart, []).append(
                Consumer(
                    deployment.key,
                    lambda deployment=deployment, release=release: values_of(fleet, deployment, release),
                )
            )
    return uses


def values_of(fleet: Fleet, deployment: Deployment, release: TenantRelease) -> dict[str, Any]:
    """The values of one of a deployment's own releases, all layers as one. Raises FleetError for a broken
    file.
    """
    layers = fleet.layers(deployment, of=release)
    return layered(documents.parse(layer.data, layer.path).value or {} for layer in layers)


def _surveyed(
    name: str, reference: ChartReference, fleet: Fleet, uses: list[Consumer], repositories: Repositories
) -> list[Surveyed]:
    with tempfile.TemporaryDirectory() as scratch:
        root = chart_of(reference, fleet, Path(scratch), repositories)
        return list(_variants(name, root, uses, repositories))


def _variants(
    name: str, root: Chart | PublishedChart, uses: list[Consumer], repositories: Repositories
) -> Iterator[Surveyed]:
    alike: dict[str, tuple[Analysis, Mapping[str, Any], list[str]]] = {}
    for use in uses:
        values = use.values()
        analysis = analyze(root, repositories, values=values, assembled=True)
        effect = json.dumps(analysis.as_json(), sort_keys=True)
        alike.setdefault(effect, (analysis, values, []))[2].append(use.deployment)
    for analysis, values, deployments in alike.values():
        upgrades = outdated(root, repositories, values=values, assembled=True)
        yield Surveyed(name, tuple(dict.fromkeys(deployments)), analysis, upgrades)


def chart_of(
    reference: ChartReference, fleet: Fleet, into: Path, repositories: Repositories
) -> Chart | PublishedChart:
    """The chart that `fleet` refers to, one of its own put below the empty folder `into`.

    Raises:
        ChartError, UnsafeTree: it cannot be read.
    """
    if reference.repository is None:
        return load(fleet.charts[reference.name].export(fleet.tree, into))
    catalog = Catalog(repositories)
    return catalog.exactly(catalog.identity(reference.repository, reference.name), reference.version)
