"""The fleet as it would be with another version of one chart, made in memory as people would make it."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace

from deploy_orchestrator import documents
from deploy_orchestrator.charts import (
    Catalog,
    Chart,
    ChartIdentity,
    Dependency,
    PublishedChart,
    Repositories,
    VersionNotFound,
    locate,
    unpacked,
)
from deploy_orchestrator.fleet.charts import NamedRequirements, dependencies_in
from deploy_orchestrator.fleet.draft import Draft, Edit
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.fleet.fleet import Fleet
from deploy_orchestrator.fleet.layout import CHARTS, FLEET_FILE, TENANT_FILE, TENANTS
from deploy_orchestrator.fleet.loading import load
from deploy_orchestrator.fleet.reading import read_document
from deploy_orchestrator.git import Tree
from deploy_orchestrator.registries import RepositoryError
from deploy_orchestrator.terms import FieldPath

_LOCKS = {"Chart.yaml": "Chart.lock", "requirements.yaml": "requirements.lock"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A chart as people name it, by its `name` or the one that it has where it is needed.

    `repository` is its URL, "" for a folder of the fleet; None: whichever the fleet has.
    """

    name: str
    repository: str | None = None

    def includes(self, chart: ChartIdentity, key: str) -> bool:
        """Whether `chart`, which goes by the name `key`, may be the one."""
        return self.name in (chart.name, key) and self.repository in (None, chart.repository)


@dataclass(frozen=True, slots=True)
class ChartUpgrade:
    """A `chart` in another `version`: wherever the fleet names it, or only where `within` needs it."""

    chart: Wanted
    version: str
    within: Wanted | None = None


@dataclass(frozen=True, slots=True)
class UpgradedFleet:
    """The `fleet` as it would be, and the `edits` that make it so, each a line that a person can change."""

    fleet: Fleet
    edits: tuple[Edit, ...]


def upgraded(fleet: Fleet, upgrade: ChartUpgrade, repositories: Repositories) -> UpgradedFleet:
    """`fleet` with the chart upgraded: in `tenant.yaml`, `fleet.yaml`, and each `Chart.yaml` with its lock.

    A chart in a folder is replaced by the published one; the value layers beside it stay. A published chart
    that the upgrade is `within` becomes a folder that needs the other version. No commit is made. Where the
    fleet names no such chart, it stays as it is.

    Raises:
        FleetError: it has charts of that name from several repositories.
        ChartError: a chart that is needed for it cannot be had in that version.
    """
    uses = _matching(list(_uses(fleet, repositories)), upgrade)
    for chart in {use.chart for use in uses if use.folder is None}:
        Catalog(repositories).exactly(chart, upgrade.version)
    draft = Draft(fleet.tree)
    for use in uses:
        draft.upgrade(use.file, (*use.field, "version"), upgrade.version)
        if use.lock and use.folder is None:
            draft.lock(use.lock, use.chart.name, upgrade.version)
    for folder in sorted({use.folder for use in uses if use.folder}):
        published = locate(f"{upgrade.chart.name}@{upgrade.version}", repositories)
        draft.replace(folder, _files(published, repositories))
    if upgrade.within:
        for use in _references(fleet, repositories):
            if use.folder is None and upgrade.within.includes(use.chart, use.key):
                _unpack(use, upgrade, repositories, draft)
    then = replace(load(draft.tree), repositories=fleet.repositories)
    return UpgradedFleet(then, tuple(dict.fromkeys(draft.edits)))


@dataclass(frozen=True, slots=True)
class _Use:
    """Where the fleet names a chart: the `field` of a `file`, and the `lock` that may hold it.

    `folder` is the chart's own, where it stands in the fleet; `within` the chart that needs it as `key`.
    `version` is what the field says of it.
    """

    chart: ChartIdentity
    key: str
    file: str
    field: FieldPath
    folder: str | None
    version: str
    within: ChartIdentity | None = None
    lock: str | None = None


def _matching(uses: list[_Use], upgrade: ChartUpgrade) -> list[_Use]:
    within = upgrade.within
    named = [
        use
        for use in uses
        if upgrade.chart.includes(use.chart, use.key)
        and (within is None or (use.within is not None and within.includes(use.within, use.within.name)))
    ]
    charts = sorted({use.chart for use in named})
    if len(charts) > 1:
        raise FleetError(
            f"the fleet has {len(charts)} charts called {upgrade.chart.name}: {', '.join(map(str, charts))}",
            fix=f"name one with its repository: {charts[-1].repository}/{charts[-1].name}",
        )
    return named


def _uses(fleet: Fleet, repositories: Repositories) -> Iterator[_Use]:
    yield from _references(fleet, repositories)
    trees = [pair for chart in fleet.charts.values() for pair in chart.trees.items()]
    for folder in sorted({folder for folder, there in trees if there}):
        within = ChartIdentity("", _name(fleet.tree, folder))
        for document, field, needed in dependencies_in(fleet.tree, folder):
            if needed.repository:
                beside = _beside(folder, needed)
                yield _Use(
                    ChartIdentity("" if beside else _identity(needed.repository, repositories), needed.name),
                    needed.key,
                    document.file,
                    field,
                    beside,
                    needed.version,
                    within,
                    f"{folder}/{_LOCKS[posixpath.basename(document.file)]}",
                )


def _references(fleet: Fleet, repositories: Repositories) -> Iterator[_Use]:
    tenants = [
        (f"{TENANTS}/{tenant.name}/{TENANT_FILE}", field, chart)
        for tenant in fleet.tenants.values()
        for field, chart in tenant.chart_fields
    ]
    for file, field, chart in ((FLEET_FILE, ("platform",), fleet.platform), *tenants):
        identity = ChartIdentity(_identity(chart.repository, repositories), chart.name)
        folder = None if chart.repository else f"{CHARTS}/{chart.name}"
        yield _Use(identity, chart.name, file, field, folder, chart.version)


def _name(tree: Tree, folder: str) -> str:
    return str(read_document(tree, f"{folder}/Chart.yaml", "describes the chart").value["name"])


def _beside(folder: str, dependency: Dependency) -> str | None:
    if not dependency.repository.startswith("file://"):
        return None
    return posixpath.normpath(posixpath.join(folder, dependency.repository.removeprefix("file://")))


def _identity(url: str | None, repositories: Repositories) -> str:
    try:
        return repositories.identity(url) if url else ""
    except RepositoryError:
        return url or ""


def _files(chart: Chart | PublishedChart, repositories: Repositories) -> dict[str, bytes]:
    if isinstance(chart, Chart):
        raise VersionNotFound(
            f"{chart} is a folder, and its other versions are commits",
            fix="commit the change on a branch, and run `deploy-orchestrator plan --revision BRANCH`",
        )
    return unpacked(repositories.package(chart), str(chart))


def _unpack(use: _Use, upgrade: ChartUpgrade, repositories: Repositories, draft: Draft) -> None:
    """Let a use of a published chart lead to a folder with that chart, its dependency upgraded."""
    chart = Catalog(repositories).exactly(use.chart, use.version)
    files = _files(chart, repositories)
    for name in _LOCKS.keys() & files.keys():
        document = documents.parse(files[name], f"{chart}/{name}")
        for index, needed in enumerate(document.into(NamedRequirements).dependencies or ()):
            if upgrade.chart.name in (needed.name, needed.key):
                place = document.place("dependencies", index, "version")
                draft.edits.append(Edit(place, needed.version, upgrade.version))
                document.value["dependencies"][index]["version"] = upgrade.version
        files[name] = documents.dump(document.value)
        files.pop(_LOCKS[name], None)
    folder = f"{chart.name}-{chart.version}"
    draft.replace(f"{CHARTS}/{folder}", files)
    draft.set(use.file, use.field, {"name": folder, "version": chart.version})
