"""Find what one chart needs directly, where Helm would find it."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from deploy_orchestrator.charts.constraint import Constraint, ConstraintError
from deploy_orchestrator.charts.copies import is_allowed, taken
from deploy_orchestrator.charts.errors import (
    ChartError,
    ChartNotFound,
    NotBuilt,
    NotCarried,
    VersionNotFound,
)
from deploy_orchestrator.charts.files import is_left_out
from deploy_orchestrator.charts.graph.closure import (
    About,
    Deviation,
    Difference,
    Known,
    Node,
    Problem,
    Unresolved,
)
from deploy_orchestrator.charts.loading import Chart, load
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.version import VersionError
from deploy_orchestrator.registries import RepositoryError, told

MAX_AT_ONCE = 8
"""The most dependencies of one chart that are looked up at the same time."""

_PROBLEMS: tuple[tuple[type[Exception], Problem], ...] = (
    (ConstraintError, Problem.BAD_CONSTRAINT),
    (VersionError, Problem.BAD_CONSTRAINT),
    (VersionNotFound, Problem.NONE_ALLOWED),
    (NotBuilt, Problem.NOT_CARRIED),
    (NotCarried, Problem.NOT_LOCAL),
    (ChartNotFound, Problem.NO_SUCH_CHART),
    (RepositoryError, Problem.NO_REPOSITORY),
    (ChartError, Problem.BAD_CHART),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A chart at its place in a graph.

    What is missing in its `charts/` can be fetched if it is `buildable`: a root, or a folder that `file://`
    leads to. One that was read from disk may name folders inside `boundary`. Helm leaves dependencies as they
    stand in `charts/`, whatever is declared, below a chart that declares none: those are not `heeded`.
    """

    node: Node
    chart: Chart | PublishedChart
    boundary: Path | None = None
    buildable: bool = False
    heeded: bool = True

    @property
    def contents(self) -> Chart | None:
        """The chart with its contents, where these were read."""
        return self.chart if isinstance(self.chart, Chart) else None

    @property
    def key(self) -> tuple[object, ...]:
        """What decides what it needs."""
        if self.contents is None:
            return (self.node,)
        return (self.node, self.contents.digest, self.contents.path, self.buildable, self.heeded)

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What it declares to need. Raises ChartInvalid."""
        return self.chart.metadata.dependencies if isinstance(self.chart, Chart) else self.chart.dependencies

    @property
    def about(self) -> About:
        """What its graph tells of it."""
        told = self.chart.metadata if isinstance(self.chart, Chart) else self.chart
        return About(told.type or "application", told.deprecated)


@dataclass(frozen=True, slots=True)
class Step:
    """One dependency of a chart, and the chart that was found for it, or why there is none."""

    dependency: Dependency
    to: Found | Unresolved
    known: Known


@dataclass(frozen=True, slots=True)
class Needs:
    """What a chart needs directly, and where that is not what its `Chart.yaml` says."""

    steps: tuple[Step, ...]
    deviations: tuple[Deviation, ...] = ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """Looks up what charts need directly.

    Charts in folders are taken as Helm finds them: as they stand where everything that is declared stands in
    `charts/`, by its name, and else as `helm dependency build` would leave them; `assembled` ones as
    `assemble` puts them together. With `guessing`, packages are not read.
    """

    catalog: Catalog
    assembled: bool = False
    guessing: bool = False

    def root(self, chart: Chart | PublishedChart, within: Path | None) -> Found:
        """Where a graph starts. `file://` is followed inside `within`."""
        if isinstance(chart, PublishedChart):
            return self._published(chart, buildable=True)
        if chart.path is None or within is None:
            node = Node(f"file://{chart.name}", chart.name, chart.version)
            return Found(node, chart, buildable=True)
        boundary = within if chart.path.is_relative_to(within) else chart.path.parent
        return _at(chart.path, chart, boundary)

    def needs(self, found: Found) -> Needs:
        """What `found` needs directly: its dependencies, and other charts in its `charts/`."""
        try:
            dependencies = found.dependencies
        except (ChartError, RepositoryError) as error:
            nothing = Dependency(name=found.chart.name)
            problem = Unresolved(found.node, nothing, Problem.BAD_CHART, str(error))
            return Needs((Step(nothing, problem, Known.GUESSED),))
        if isinstance(found.chart, PublishedChart):
            published = found.chart
            return Needs(tuple(self._guessed(found, published, each) for each in dependencies))
        if not (found.heeded and "dependencies" in found.chart.metadata.model_fields_set):
            steps = tuple(self._unheeded(found, copy) for copy in found.chart.subcharts)
            return Needs(steps, tuple(_namesakes(found.node, found.chart.subcharts)))
        return _Folder(self, found, found.chart, dependencies).needs()

    def _unheeded(self, found: Found, copy: Chart) -> Step:
        asked = Dependency(name=copy.name, version=copy.version)
        return Step(asked, self.carried(found, asked, copy, heeded=False), Known.CARRIED)

    def _guessed(self, found: Found, parent: PublishedChart, dependency: Dependency) -> Step:
        return self.attempt(
            found, dependency, lambda identity: self.newest(dependency, identity, by=parent.created)
        )

    def attempt(
        self,
        found: Found,
        dependency: Dependency,
        look: Callable[[ChartIdentity], Found],
        known: Known = Known.GUESSED,
    ) -> Step:
        """What `look` finds for a dependency, or why it finds nothing."""
        identity = None
        try:
            Constraint.parse(dependency.version)
            identity = self.identity(found, dependency)
            return Step(dependency, look(identity), known)
        except (ConstraintError, VersionError, ChartError, RepositoryError) as error:
            problem = next(problem for kind, problem in _PROBLEMS if isinstance(error, kind))
            return Step(dependency, Unresolved(found.node, dependency, problem, str(error), identity), known)

    def newest(self, dependency: Dependency, identity: ChartIdentity, by: datetime | None = None) -> Found:
        """The newest chart that is allowed, and was published `by` then where that can be. Raises as it."""
        try:
            return self._published(self.catalog.newest(identity, dependency.version, by))
        except VersionNotFound:
            raise
        except ChartNotFound as error:
            if is_local(dependency):
                raise NotCarried(dependency.repository) from error
            raise

    def exactly(self, identity: ChartIdentity, version: str) -> Found:
        """The chart in this version. Raises as `Catalog.exactly`."""
        return self._published(self.catalog.exactly(identity, version))

    def carried(self, found: Found, dependency: Dependency, copy: Chart, *, heeded: bool = True) -> Found:
        """The `copy` that stands in the `charts/` of `found`."""
        try:
            identity = self.identity(found, dependency)
        except RepositoryError:
            identity = ChartIdentity(told(dependency.repository), dependency.name)
        return Found(Node(*identity, copy.version), copy, heeded=heeded)

    def identity(self, found: Found, dependency: Dependency) -> ChartIdentity:
        """The chart asked for: of its parent's repository if it names none. Raises RepositoryError."""
        if is_local(dependency):
            return ChartIdentity(found.node.repository, dependency.name)
        return self.catalog.identity(dependency.repository, dependency.name)

    def _published(self, chart: PublishedChart, *, buildable: bool = False) -> Found:
        contents = None if self.guessing else self.catalog.opened(chart)
        if contents is None:
            return Found(Node(*chart.identity, chart.version), chart, buildable=buildable)
        return Found(Node(*chart.identity, contents.version), contents, buildable=buildable)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A chart in `charts/`, under the name of its `file`: one that stands there, or one that is put there.

    `to` gives its place in the graph for the dependency that it is taken for.
    """

    file: str
    chart: Chart | PublishedChart
    known: Known
    to: Callable[[Dependency], Found]
    source: ChartIdentity | None = None

    @property
    def is_unpacked(self) -> bool:
        return isinstance(self.chart, Chart) and self.chart.path is not None

    @property
    def contents(self) -> object:
        """What makes two copies the same."""
        return self.chart.digest if isinstance(self.chart, Chart) else self.chart

    def fits(self, dependency: Dependency) -> bool:
        return is_allowed(self.chart.name, self.chart.version, dependency)


@dataclass(slots=True)
class _Built:
    """What is in `charts/` once it is built, and what could not be had."""

    copies: dict[str, _Copy]
    failed: dict[str, Step] = field(default_factory=dict[str, Step])
    deviations: list[Deviation] = field(default_factory=list[Deviation])


@dataclass(frozen=True, slots=True)
class _Folder:
    """One chart with its contents, and what Helm takes from its `charts/`."""

    lookup: Lookup
    found: Found
    chart: Chart
    dependencies: tuple[Dependency, ...]

    def needs(self) -> Needs:
        standing = [self._standing(copy) for copy in self.chart.subcharts]
        missing = [each for each in self.dependencies if not _named(each, standing)]
        is_built = self.found.buildable and bool(missing or self.lookup.assembled)
        as_it_stands = _Built({str(at): one for at, one in enumerate(standing)})
        there = self._built(standing) if is_built else as_it_stands
        copies = list(there.copies.values())
        loads = taken(copies, self.dependencies, lambda copy: (copy.chart.name, copy.chart.version))
        steps = [self._unasked(copy) for copy in loads.unasked]
        deviations = [*there.deviations, *map(self._of_unasked, loads.unasked)]
        deviations += _namesakes(self.found.node, (copy.chart for copy in loads.unasked))
        if missing and is_built and self.chart.path is None and not self.lookup.assembled:
            deviations += (self._deviation(each, Difference.MISSING, _MISSING) for each in missing)
        for dependency, fitting in loads.asked:
            if fitting:
                steps.append(Step(dependency, fitting[0].to(dependency), fitting[0].known))
                deviations += self._of_asked(dependency, fitting, is_built)
            elif dependency.key in there.failed:
                steps.append(there.failed[dependency.key])
            elif not _named(dependency, copies):
                steps.append(self._not_carried(dependency))
        return Needs(tuple(steps), tuple(deviations))

    def _standing(self, chart: Chart) -> _Copy:
        def to(dependency: Dependency) -> Found:
            return self.lookup.carried(self.found, dependency, chart)

        file = chart.path.name if chart.path else _file(chart)
        return _Copy(file, chart, Known.CARRIED, to)

    def _built(self, standing: list[_Copy]) -> _Built:
        stay = [copy for copy in standing if self._stays(copy)]
        built = _Built({copy.file: copy for copy in stay})
        lacking = [each for each in self.dependencies if not self._is_there(each, stay)]
        for dependency, step in zip(lacking, _at_once(self._fetched, lacking), strict=True):
            if isinstance(step.to, Unresolved):
                built.failed[dependency.key] = step
                built.copies |= {copy.file: copy for copy in standing if copy.fits(dependency)}
            elif self._is_left_out(step.to):
                built.failed[dependency.key] = self._not_carried(dependency, _LEFT_OUT)
            else:
                self._put(step.to, step, built)
        built.copies = {file: built.copies[file] for file in sorted(built.copies)}
        return built

    def _is_left_out(self, found: Found) -> bool:
        folder = None if self.lookup.assembled else self.chart.path
        return folder is not None and is_left_out(folder, f"charts/{_file(found.chart)}")

    def _put(self, found: Found, step: Step, built: _Built) -> None:
        file, source = _file(found.chart), found.node.identity
        there = built.copies.get(file)
        if there and there.source not in (None, source):
            why = f"{there.source} and {source} are both charts/{file}, and the last one stays"
            built.deviations.append(self._deviation(step.dependency, Difference.OVERWRITTEN, why))
        built.copies[file] = _Copy(file, found.chart, step.known, lambda _: found, source)

    def _stays(self, copy: _Copy) -> bool:
        asked = [each for each in self.dependencies if each.name == copy.chart.name]
        if self.lookup.assembled:
            return not asked or any(self._is_right(copy, each) for each in asked)
        return copy.is_unpacked or any(not each.repository for each in asked)

    def _is_there(self, dependency: Dependency, stay: list[_Copy]) -> bool:
        if self._folder(dependency) or (dependency.repository and not self.lookup.assembled):
            return False
        return any(self._is_right(copy, dependency) for copy in stay)

    def _is_right(self, copy: _Copy, dependency: Dependency) -> bool:
        return copy.fits(dependency) and self._locked(dependency) in (None, copy.chart.version)

    def _fetched(self, dependency: Dependency) -> Step:
        folder, locked = self._folder(dependency), self._locked(dependency)
        known = Known.FOLDER if folder else Known.LOCKED if locked else Known.NEWEST

        def look(identity: ChartIdentity) -> Found:
            if folder is not None:
                return self._from_folder(folder, dependency)
            if is_local(dependency):
                raise self._nowhere(dependency)
            if locked is not None:
                return self.lookup.exactly(identity, locked)
            return self.lookup.newest(dependency, identity)

        return self.lookup.attempt(self.found, dependency, look, known)

    def _locked(self, dependency: Dependency) -> str | None:
        if self.chart.lock is None or is_local(dependency):
            return None
        versions = (one.version for one in self.chart.lock.dependencies if one.name == dependency.name)
        return next((each for each in versions if is_allowed(dependency.name, each, dependency)), None)

    def _folder(self, dependency: Dependency) -> Path | None:
        leads = self._leads(dependency)
        boundary = self.found.boundary
        return leads if leads and boundary and leads.is_relative_to(boundary) and leads.is_dir() else None

    def _leads(self, dependency: Dependency) -> Path | None:
        if self.chart.path is None or not dependency.repository.startswith("file://"):
            return None
        return (self.chart.path / dependency.repository.removeprefix("file://")).resolve()

    def _nowhere(self, dependency: Dependency) -> NotCarried:
        leads, boundary = self._leads(dependency), self.found.boundary
        is_outside = leads and boundary and not leads.is_relative_to(boundary)
        return NotCarried(dependency.repository, boundary if is_outside else None)

    def _from_folder(self, folder: Path, dependency: Dependency) -> Found:
        chart = load(folder, within=self.found.boundary)
        if not is_allowed(chart.name, chart.version, dependency):
            raise VersionNotFound(
                f"{dependency.repository} is {chart}, not {dependency.name} {dependency.version}"
            )
        return _at(folder, chart, self.found.boundary or folder)

    def _unasked(self, copy: _Copy) -> Step:
        named = (each.repository for each in self.dependencies if each.name == copy.chart.name)
        asked = Dependency(name=copy.chart.name, version=copy.chart.version, repository=next(named, ""))
        return Step(asked, copy.to(asked), copy.known)

    def _not_carried(self, dependency: Dependency, why: str = "") -> Step:
        why = why or str(NotBuilt(str(self.found.node)))
        missing = Unresolved(self.found.node, dependency, Problem.NOT_CARRIED, why)
        return Step(dependency, missing, Known.CARRIED)

    def _of_unasked(self, copy: _Copy) -> Deviation:
        asked = [each for each in self.dependencies if each.name == copy.chart.name]
        if not asked:
            why = f"{copy.chart} stands in charts/ and is loaded, though nothing asks for it"
            return self._deviation(Dependency(name=copy.chart.name), Difference.UNASKED, why)
        wanted = " and ".join(dict.fromkeys(each.version or "any" for each in asked))
        unheeded = dict.fromkeys(said for each in asked for said in _switches(each))
        heeds = f"; {', '.join(unheeded)} do not count for it" if unheeded else ""
        why = f"{copy.chart} stands in charts/ and is loaded, always, though {wanted} is asked for{heeds}"
        return self._deviation(asked[0], Difference.STALE, why)

    def _of_asked(
        self, dependency: Dependency, fitting: tuple[_Copy, ...], is_built: bool
    ) -> Iterator[Deviation]:
        first, *others = fitting
        if any(other.contents != first.contents for other in others):
            versions = " or ".join(dict.fromkeys(copy.chart.version for copy in fitting))
            why = f"each run takes {versions} by chance: charts in charts/ that fit {dependency.version!r}"
            yield self._deviation(dependency, Difference.BY_CHANCE, why)
        if is_built:
            return
        locked, folder = self._locked(dependency), self._folder(dependency)
        if locked not in (None, first.chart.version):
            why = f"{first.chart} stands in charts/ and is loaded, and the lock holds {locked}"
            yield self._deviation(dependency, Difference.NOT_LOCKED, why)
        if folder is not None and not self._is_that_of(folder, first.chart):
            why = f"{first.chart} stands in charts/ and is loaded, and differs from {dependency.repository}"
            yield self._deviation(dependency, Difference.NOT_THE_FOLDER, why)

    def _is_that_of(self, folder: Path, copy: Chart | PublishedChart) -> bool:
        try:
            read = load(folder, within=self.found.boundary)
        except ChartError:
            return False
        return isinstance(copy, Chart) and _is_alike(read, copy)

    def _deviation(self, dependency: Dependency, difference: Difference, why: str) -> Deviation:
        return Deviation(self.found.node, dependency.key, difference, why)


_LEFT_OUT = "its package in charts/ is left out by .helmignore, so that Helm refuses the chart"
_MISSING = "it is missing in charts/, so that Helm refuses the package as it is"


def is_local(dependency: Dependency) -> bool:
    """Whether a dependency names no repository but a folder, or nothing."""
    return not dependency.repository or dependency.repository.startswith("file://")


def _namesakes(parent: Node, unasked: Iterable[Chart | PublishedChart]) -> Iterator[Deviation]:
    """Of charts of one name that nothing tells apart, the files of one stay, and of which is chance."""
    by_name: dict[str, list[Chart | PublishedChart]] = {}
    for chart in unasked:
        by_name.setdefault(chart.name, []).append(chart)
    for name, charts in by_name.items():
        if len({each.digest for each in charts}) > 1:
            versions = " or ".join(dict.fromkeys(each.version for each in charts))
            why = f"each run takes files of {versions} by chance: charts in charts/ called {name}"
            yield Deviation(parent, name, Difference.BY_CHANCE, why)


def _file(chart: Chart | PublishedChart) -> str:
    """Where its package is put in `charts/`."""
    return f"{chart.name}-{chart.version}.tgz"


def _named(dependency: Dependency, copies: Iterable[_Copy]) -> bool:
    return any(copy.chart.name == dependency.name for copy in copies)


def _switches(dependency: Dependency) -> Iterator[str]:
    if dependency.alias:
        yield f"alias {dependency.alias}"
    if dependency.condition:
        yield f"condition {dependency.condition}"
    if dependency.tags:
        yield f"tags {', '.join(dependency.tags)}"


def _at(folder: Path, chart: Chart, boundary: Path) -> Found:
    node = Node(f"file://{folder.relative_to(boundary)}", chart.name, chart.version)
    return Found(node, chart, boundary, buildable=True)


def _is_alike(chart: Chart, other: Chart) -> bool:
    """Whether two charts render the same: packaging writes `Chart.yaml` anew."""
    own, others = (
        (each.metadata, each.values, each.schema, each.templates, each.crds, len(each.subcharts))
        for each in (chart, other)
    )
    return own == others and all(map(_is_alike, chart.subcharts, other.subcharts))


def _at_once(look: Callable[[Dependency], Step], dependencies: Iterable[Dependency]) -> list[Step]:
    asked = list(dependencies)
    if len(asked) < 2:
        return [look(each) for each in asked]
    with ThreadPoolExecutor(min(len(asked), MAX_AT_ONCE)) as threads:
        return list(threads.map(look, asked))
