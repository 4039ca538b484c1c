"""Find what one chart needs directly, where Helm would find it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy_orchestrator.charts.constraint import Constraint, ConstraintError
from deploy_orchestrator.charts.errors import ChartError, ChartNotFound, NotCarried, VersionNotFound
from deploy_orchestrator.charts.graph.closure import Node, Problem, Unresolved
from deploy_orchestrator.charts.loading import Chart, load
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.version import VersionError
from deploy_orchestrator.registries import RepositoryError

_PROBLEMS: tuple[tuple[type[Exception], Problem], ...] = (
    (ConstraintError, Problem.BAD_CONSTRAINT),
    (VersionError, Problem.BAD_CONSTRAINT),
    (VersionNotFound, Problem.NONE_ALLOWED),
    (NotCarried, Problem.NOT_LOCAL),
    (ChartNotFound, Problem.NO_SUCH_CHART),
    (RepositoryError, Problem.NO_REPOSITORY),
    (ChartError, Problem.BAD_CHART),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A chart at its place in a graph. One that was read from disk may name folders inside `boundary`."""

    node: Node
    chart: Chart | PublishedChart
    boundary: Path | None = None

    @property
    def contents(self) -> Chart | None:
        """The chart with its contents, where these were read."""
        return self.chart if isinstance(self.chart, Chart) else None

    @property
    def key(self) -> tuple[object, ...]:
        """What decides what it needs."""
        return (self.node, self.contents.digest, self.contents.path) if self.contents else (self.node,)

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What it declares to need. Raises ChartInvalid."""
        return self.chart.metadata.dependencies if isinstance(self.chart, Chart) else self.chart.dependencies

    @property
    def type(self) -> str:
        """`application` or `library`."""
        told = self.chart.metadata.type if isinstance(self.chart, Chart) else self.chart.type
        return told or "application"

    @property
    def deprecated(self) -> bool:
        return self.chart.metadata.deprecated if isinstance(self.chart, Chart) else self.chart.deprecated


@dataclass(frozen=True, slots=True)
class Step:
    """One dependency of a chart, and the chart that was found for it, or why there is none."""

    dependency: Dependency
    to: Found | Unresolved


def root_of(chart: Chart | PublishedChart, within: Path | None) -> Found:
    """Where a graph starts. `file://` is followed inside `within`, by default the folder around the chart."""
    if isinstance(chart, PublishedChart):
        return Found(Node(chart.repository, chart.name, chart.version), chart)
    if chart.path is None:
        return Found(Node(f"file://{chart.name}", chart.name, chart.version), chart)
    boundary = (within or chart.path.parent).resolve()
    return _at(chart.path, chart, boundary if chart.path.is_relative_to(boundary) else chart.path.parent)


def steps(found: Found, catalog: Catalog) -> Iterator[Step]:
    """What `found` needs directly: its dependencies, and other charts in its `charts/`."""
    carried = found.contents.subcharts if found.contents else ()
    try:
        dependencies = found.dependencies
    except (ChartError, RepositoryError) as error:
        nothing = Dependency(name=found.chart.name)
        yield Step(nothing, Unresolved(found.node, nothing, Problem.BAD_CHART, str(error)))
        return
    declared = {dependency.name for dependency in dependencies}
    for subchart in carried:
        if subchart.name not in declared:
            version = Dependency(name=subchart.name, version=subchart.version)
            yield Step(version, _carried(found, version, subchart, catalog))
    for dependency in dependencies:
        yield _step(found, dependency, carried, catalog)


def _step(found: Found, dependency: Dependency, carried: tuple[Chart, ...], catalog: Catalog) -> Step:
    identity = None
    try:
        constraint = Constraint.parse(dependency.version)
        folder = _folder(found, dependency)
        if folder is not None:
            return Step(dependency, _from_folder(folder, found.boundary or folder, dependency, constraint))
        for copy in carried:
            if copy.name == dependency.name and constraint.allows(copy.version):
                return Step(dependency, _carried(found, dependency, copy, catalog))
        identity = _identity(found, dependency, catalog)
        published = _published(found, dependency, constraint, identity, catalog)
        return Step(dependency, Found(Node(*identity, published.version), published))
    except (ConstraintError, VersionError, ChartError, RepositoryError) as error:
        problem = next(problem for kind, problem in _PROBLEMS if isinstance(error, kind))
        return Step(dependency, Unresolved(found.node, dependency, problem, str(error), identity))


def _published(
    found: Found, dependency: Dependency, constraint: Constraint, identity: ChartIdentity, catalog: Catalog
) -> PublishedChart:
    if not _is_local(dependency):
        lock = found.contents.lock if found.contents else None
        for locked in lock.dependencies if lock else ():
            if locked.name == dependency.name and constraint.allows(locked.version):
                return catalog.exactly(identity, locked.version)
    elif found.contents:
        raise NotCarried(dependency.repository)
    try:
        return catalog.newest(identity, dependency.version)
    except VersionNotFound:
        raise
    except ChartNotFound as error:
        if _is_local(dependency):
            raise NotCarried(dependency.repository) from error
        raise


def _is_local(dependency: Dependency) -> bool:
    return not dependency.repository or dependency.repository.startswith("file://")


def _folder(found: Found, dependency: Dependency) -> Path | None:
    path = found.contents.path if found.contents else None
    if path is None or found.boundary is None or not dependency.repository.startswith("file://"):
        return None
    folder = (path / dependency.repository.removeprefix("file://")).resolve()
    return folder if folder.is_relative_to(found.boundary) and folder.is_dir() else None


def _from_folder(folder: Path, boundary: Path, dependency: Dependency, constraint: Constraint) -> Found:
    chart = load(folder)
    if chart.name != dependency.name or not constraint.allows(chart.version):
        raise VersionNotFound(
            f"{dependency.repository} is {chart}, not {dependency.name} {dependency.version}"
        )
    return _at(folder, chart, boundary)


def _at(folder: Path, chart: Chart, boundary: Path) -> Found:
    return Found(Node(f"file://{folder.relative_to(boundary)}", chart.name, chart.version), chart, boundary)


def _carried(found: Found, dependency: Dependency, copy: Chart, catalog: Catalog) -> Found:
    try:
        identity = _identity(found, dependency, catalog)
    except RepositoryError:
        identity = ChartIdentity(dependency.repository, dependency.name)
    return Found(Node(*identity, copy.version), copy, found.boundary)


def _identity(found: Found, dependency: Dependency, catalog: Catalog) -> ChartIdentity:
    if _is_local(dependency):
        return ChartIdentity(found.node.repository, dependency.name)
    return catalog.identity(dependency.repository, dependency.name)
