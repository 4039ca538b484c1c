"""Put every dependency of a chart into its `charts/`, as `helm dependency build` would."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy_orchestrator.charts.constraint import Constraint
from deploy_orchestrator.charts.errors import (
    ChartInvalid,
    ChartNotFound,
    DependencyCycle,
    UnsafeChart,
    VersionNotFound,
)
from deploy_orchestrator.charts.files import Budget, Files, check_bounds, folder_files
from deploy_orchestrator.charts.loading import Chart, load_files, load_package, subchart_files
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.version import Version
from deploy_orchestrator.errors import Place


def assemble(chart: Path, into: Path, repositories: Repositories, *, within: Path | None = None) -> Path:
    """The chart in the folder `chart`, written to the folder `into` with every dependency below `charts/`.

    `file://` dependencies are assembled in the same way, and are read only inside `within`, by default the
    folder that `chart` stands in; links lead as far where it is given. Others are taken from `charts/` where
    the right copy is there, else downloaded: the version of the lock where there is one, else the newest that
    is allowed. `into` appears whole or not at all, and what stood there is replaced.

    Raises:
        DependencyCycle: `file://` dependencies lead in a circle.
        ChartNotFound: a dependency is nowhere, or no version of it is allowed.
        ChartInvalid: a chart that does not load, or a lock that its dependencies no longer allow.
        UnsafeChart: a dependency outside `within`, or out of bounds.
        RepositoryError: a download failed, or its bytes are not those that were promised.
    """
    assembly = _Assembly((within or chart.absolute().parent).resolve(), repositories, within)
    _, files = assembly.of_folder(chart, {})
    into.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=into.parent, prefix=".assembling-"))
    try:
        for name, data in files.items():
            file = work / "chart" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        if into.exists():
            into.rename(work / "before")
        (work / "chart").rename(into)
    finally:
        shutil.rmtree(work)
    return into


@dataclass(frozen=True, slots=True)
class _Wanted:
    dependency: Dependency
    constraint: Constraint
    locked: str | None
    place: Place

    def allows(self, version: str) -> bool:
        if self.locked is not None:
            return Version.parse(version) == Version.parse(self.locked)
        return self.constraint.allows(version)

    def fits(self, chart: Chart) -> bool:
        return chart.name == self.dependency.name and self.allows(chart.version)

    def __str__(self) -> str:
        return f"{self.dependency.name} {self.locked or self.dependency.version}"


@dataclass(frozen=True, slots=True)
class _Assembly:
    boundary: Path
    repositories: Repositories
    links: Path | None
    budget: Budget = field(default_factory=Budget)
    done: dict[Path, tuple[Chart, Files]] = field(default_factory=dict[Path, tuple[Chart, Files]])

    def of_folder(self, folder: Path, above: Mapping[Path, str]) -> tuple[Chart, Files]:
        folder = folder.resolve()
        if folder in above:
            names = [*above.values()][[*above].index(folder) :]
            raise DependencyCycle((*names, names[0]), place=Place(f"{folder}/Chart.yaml"))
        if folder not in self.done:
            own = folder_files(folder, self.budget, self.links)
            chart = load_files(own, str(folder), folder)
            self.done[folder] = chart, self.whole(chart, own, {**above, folder: chart.name})
        return self.done[folder]

    def whole(self, chart: Chart, own: Files, above: Mapping[Path, str]) -> Files:
        carried = dict(zip(subchart_files(own), chart.subcharts, strict=True))
        declared = {dependency.name for dependency in chart.metadata.dependencies}
        stay = {entry for entry, subchart in carried.items() if subchart.name not in declared}
        added: Files = {}
        for dependency in chart.metadata.dependencies:
            wanted = _wanted(dependency, chart)
            copy = next((entry for entry, subchart in carried.items() if wanted.fits(subchart)), None)
            source = self.source(wanted, chart)
            if source is not None and source.is_dir():
                added |= self.from_folder(source, wanted, above)
            elif copy is not None:
                stay.add(copy)
            else:
                added |= self.downloaded(wanted)
        files = {
            file: data for file, data in own.items() if _entry(file) is None or _entry(file) in stay
        } | added
        check_bounds(files, Place(str(chart.path)))
        return files

    def source(self, wanted: _Wanted, chart: Chart) -> Path | None:
        if not wanted.dependency.repository.startswith("file://") or chart.path is None:
            return None
        source = (chart.path / wanted.dependency.repository.removeprefix("file://")).resolve()
        if not source.is_relative_to(self.boundary):
            raise UnsafeChart(
                f"{wanted.dependency.repository} leads out of {self.boundary}",
                place=wanted.place,
                fix="move the chart there, or publish it in a repository",
            )
        return source

    def from_folder(self, source: Path, wanted: _Wanted, above: Mapping[Path, str]) -> Files:
        chart, files = self.of_folder(source, above)
        if not wanted.fits(chart):
            raise ChartInvalid(
                f"needs {wanted}, but {source} is {chart}",
                place=wanted.place,
                fix="mend the constraint or the chart's version",
            )
        return {f"charts/{chart.name}-{chart.version}/{file}": data for file, data in files.items()}

    def downloaded(self, wanted: _Wanted) -> Files:
        dependency = wanted.dependency
        if not dependency.repository or dependency.repository.startswith("file://"):
            raise ChartNotFound(
                f"needs {wanted}, which is neither in charts/ nor in a repository",
                place=wanted.place,
                fix="put the chart into charts/, or name its repository",
            )
        catalog = Catalog(self.repositories)
        identity = catalog.identity(dependency.repository, dependency.name)
        try:
            chosen = (
                catalog.exactly(identity, wanted.locked)
                if wanted.locked
                else catalog.newest(identity, dependency.version)
            )
        except VersionNotFound as error:
            raise ChartNotFound(
                f"needs {wanted}, but {error.what}", place=wanted.place, fix=error.fix
            ) from error
        package = self.repositories.package(chosen)
        chart = load_package(package, f"{chosen.repository}/{chosen}")
        if not wanted.fits(chart):
            raise ChartInvalid(f"the package of {chosen} holds {chart}", place=Place(chosen.repository))
        return {f"charts/{chart.name}-{chart.version}.tgz": package}


def _wanted(dependency: Dependency, chart: Chart) -> _Wanted:
    place = Place(f"{chart.path}/Chart.yaml", field=f"dependencies: {dependency.key}")
    try:
        constraint = Constraint.parse(dependency.version)
    except ValueError as error:
        raise ChartInvalid(str(error), place=place) from error
    return _Wanted(dependency, constraint, _locked(dependency, constraint, chart, place), place)


def _locked(dependency: Dependency, constraint: Constraint, chart: Chart, place: Place) -> str | None:
    if chart.lock is None or not dependency.repository or dependency.repository.startswith("file://"):
        return None
    versions = [locked.version for locked in chart.lock.dependencies if locked.name == dependency.name]
    for version in versions:
        if constraint.allows(version):
            return version
    held = f"holds {dependency.name} {versions[0]}" if versions else f"does not hold {dependency.name}"
    raise ChartInvalid(
        f"the lock {held}, but {dependency.version} is needed",
        place=place,
        fix="run `deploy-orchestrator lock update`, or `helm dependency update`",
    )


def _entry(file: str) -> str | None:
    return file.split("/", 2)[1] if file.startswith("charts/") else None
