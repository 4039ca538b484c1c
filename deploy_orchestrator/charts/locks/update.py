"""The lock that `helm dependency update` would write."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from deploy_orchestrator.charts.constraint import Constraint, ConstraintError
from deploy_orchestrator.charts.errors import ChartInvalid, ChartNotFound, UnsafeChart
from deploy_orchestrator.charts.loading import Chart, load
from deploy_orchestrator.charts.locks.lock import lock_digest
from deploy_orchestrator.charts.metadata import Dependency, Lock, LockedDependency
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.documents import DocumentError, dump, parse
from deploy_orchestrator.errors import Place
from deploy_orchestrator.storage import write_whole

NOTHING: Mapping[str, str] = MappingProxyType({})


def update_lock(
    chart: Chart,
    repositories: Repositories,
    generated: datetime,
    *,
    within: Path | None = None,
    hold: Mapping[str, str] = NOTHING,
) -> Lock:
    """The lock that `helm dependency update` would write for `chart` at the time `generated`.

    `file://` dependencies are read only inside `within`, by default the folder around the chart's own. To
    `hold` are versions of dependencies by their keys, which are locked where they are allowed.

    Raises:
        ChartNotFound: a dependency is nowhere, or no version of it is allowed.
        ChartInvalid: a constraint that is none.
        UnsafeChart: a `file://` dependency outside `within`.
        RepositoryError: a repository that cannot be read.
    """
    dependencies = tuple(
        each.model_copy(update={"repository": repositories.url_of(each.repository)})
        for each in chart.metadata.dependencies
    )
    locked = tuple(
        LockedDependency(
            name=dependency.name,
            version=_newest(dependency, chart, repositories, within, hold.get(dependency.key)),
            repository=dependency.repository,
        )
        for dependency in dependencies
    )
    return Lock(dependencies=locked, digest=lock_digest(dependencies, locked), generated=_rfc3339(generated))


def write_lock(folder: Path, chart: Chart, lock: Lock) -> Path | None:
    """Write `lock` for `chart` into its `folder`, as Helm writes it.

    It is left as it is if it holds the same with the same digest, and where there is nothing to lock and no
    lock.

    Raises:
        UnsafeChart: a link stands where the lock goes.
    """
    there = chart.lock or Lock(digest=lock.digest)
    if (there.digest, there.dependencies) == (lock.digest, lock.dependencies):
        return None
    file = folder / ("requirements.lock" if chart.metadata.api_version == "v1" else "Chart.lock")
    if file.is_symlink():
        raise UnsafeChart(
            "a link to a file elsewhere", place=Place(str(file)), fix="replace it with the file"
        )
    write_whole(file, lock_as_yaml(lock), mode=0o644)
    return file


def lock_as_yaml(lock: Lock) -> bytes:
    """`lock` in the bytes that Helm writes it in."""
    lines = ["dependencies:" if lock.dependencies else "dependencies: []"]
    for entry in lock.dependencies:
        lines += [f"- name: {_scalar(entry.name)}", f"  repository: {_scalar(entry.repository)}"]
        lines += [f"  version: {_scalar(entry.version)}"] if entry.version else []
    lines += [f"digest: {lock.digest}", f'generated: "{lock.generated}"', ""]
    return "\n".join(lines).encode()


def _newest(
    dependency: Dependency, chart: Chart, repositories: Repositories, within: Path | None, held: str | None
) -> str:
    place = Place(f"{chart.path or chart}/Chart.yaml", field=f"dependencies: {dependency.key}")
    try:
        constraint = Constraint.parse(dependency.version)
    except ConstraintError as error:
        raise ChartInvalid(error.what, place=place, fix=error.fix) from error
    if not dependency.repository:
        if all(subchart.name != dependency.name for subchart in chart.subcharts):
            raise ChartNotFound(
                f"{dependency.name} is not in charts/", place=place, fix="name its repository"
            )
        return dependency.version
    if not dependency.repository.startswith("file://"):
        catalog = Catalog(repositories)
        identity = catalog.identity(dependency.repository, dependency.name)
        if held is not None and constraint.allows(held):
            return catalog.exactly(identity, held).version
        return catalog.newest(identity, dependency.version).version
    version = _beside(dependency, chart, within, place).version
    if not constraint.allows(version):
        raise ChartNotFound(
            f"{dependency.repository} has version {version}, which {dependency.version} does not allow",
            place=place,
        )
    return version


def _beside(dependency: Dependency, chart: Chart, within: Path | None, place: Place) -> Chart:
    if chart.path is None:
        raise ChartNotFound(f"{dependency.repository} leads nowhere from a packaged chart", place=place)
    folder = (chart.path / dependency.repository.removeprefix("file://")).resolve()
    boundary = (within or chart.path.parent).resolve()
    if not folder.is_relative_to(boundary):
        raise UnsafeChart(f"{dependency.repository} leads out of {boundary}", place=place)
    return load(folder, within=within)


def _rfc3339(time: datetime) -> str:
    text = time.astimezone(UTC).isoformat().removesuffix("+00:00")
    return f"{text.rstrip('0') if '.' in text else text}Z"


def _scalar(text: str) -> str:
    try:
        meaning = parse(text.encode(), "").value
    except DocumentError:
        meaning = text
    if meaning is None or isinstance(meaning, bool | int | float):
        return json.dumps(text)
    return dump([text])[2:-1].decode()
