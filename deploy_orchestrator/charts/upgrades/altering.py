"""A whole chart as it is once a way out is taken, in memory."""

from collections.abc import Callable, Iterator, Mapping

from deploy_orchestrator import documents
from deploy_orchestrator.charts.files import Budget, Files, archive_files
from deploy_orchestrator.charts.graph.changes import Fix
from deploy_orchestrator.charts.loading import subchart_files
from deploy_orchestrator.charts.metadata import ChartMetadata, read_metadata
from deploy_orchestrator.charts.published import ChartIdentity

_DOCUMENTS = ("Chart.yaml", "requirements.yaml")
_LOCKS = ("Chart.lock", "requirements.lock")

Package = Callable[[ChartIdentity, str], bytes]
"""Gets the package of a chart in a version."""


def altered(
    chart: Files, fix: Fix, about: ChartIdentity, direct: Mapping[str, ChartIdentity], package: Package
) -> Files:
    """The files of `chart`, which has all that it needs in `charts/`, once `fix` is taken; without a lock.

    `about` is the chart of which everything loads one version then, `direct` what the chart needs itself, by
    the keys there.

    Raises:
        ChartError: a package in it cannot be read.
        ChartError, RepositoryError: as `package` does.
    """
    files = {path: data for path, data in chart.items() if path not in _LOCKS}
    for change in fix.changes:
        needed = direct[change.key]
        files = _without(files, needed.name, change.before)
        files[f"charts/{needed.name}-{change.after}.tgz"] = package(needed, change.after)
        files = _asking(files, change.key, "version", change.after)
    for kept in fix.vendored:
        copy = package(about, fix.loads or "")
        for entry, inside, name, version in named_subcharts(files):
            if (name, version) == (kept.name, kept.version):
                files = less(files, entry)
                whole = with_copy(inside, about.name, fix.loads or "", copy)
                files |= {f"charts/{kept.name}/{path}": data for path, data in whole.items()}
        files = _asking(files, kept.key, "repository", "")
    return files


def with_copy(files: Files, name: str, version: str, package: bytes) -> Files:
    """These files of a chart with the `package` in place of every other version of the chart `name` in it."""
    made = files
    for entry, inside, its_name, its_version in named_subcharts(files):
        if its_name == name and its_version != version:
            made = {**less(made, entry), f"charts/{name}-{version}.tgz": package}
        elif (whole := with_copy(inside, name, version, package)) is not inside:
            folder = entry.removesuffix(".tgz")
            below = {f"charts/{folder}/{path}": data for path, data in whole.items()}
            made = {**less(made, entry), **below}
    return made


def named_subcharts(files: Files) -> Iterator[tuple[str, Files, str, str]]:
    """Each entry of `charts/` with the files of the chart there, its name and its version."""
    for entry, inside in subchart_files(files).items():
        own = archive_files(inside[""], entry, Budget()) if "" in inside else inside
        about = read_metadata(own.get("Chart.yaml", b""), f"{entry}/Chart.yaml", ChartMetadata)
        yield entry, own, about.name, about.version


def _without(files: Files, name: str, version: str) -> Files:
    for entry, _, its_name, its_version in named_subcharts(files):
        if (its_name, its_version) == (name, version):
            files = less(files, entry)
    return files


def less(files: Files, entry: str) -> Files:
    """The files of a chart without an entry of its `charts/`."""
    place = f"charts/{entry}"
    return {path: data for path, data in files.items() if path != place and not path.startswith(f"{place}/")}


def _asking(files: Files, key: str, field: str, value: str) -> Files:
    made = dict(files)
    for name in _DOCUMENTS:
        if name in files:
            told = documents.parse(files[name], name).value
            for needed in told.get("dependencies") or ():
                if key == (needed.get("alias") or needed.get("name")):
                    needed[field] = value
            made[name] = documents.dump(told)
    return made
