"""A chart's folder with other versions of its dependencies, written so that layout and comments stay."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from deploy_orchestrator import documents
from deploy_orchestrator.charts.constraint import Constraint
from deploy_orchestrator.charts.errors import ChartInvalid, UnsafeChart
from deploy_orchestrator.charts.files import Files
from deploy_orchestrator.charts.loading import Chart, files_of, load_files
from deploy_orchestrator.charts.locks.update import lock_as_yaml, update_lock
from deploy_orchestrator.charts.metadata import Dependency
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.upgrades.altering import less, named_subcharts
from deploy_orchestrator.charts.version import Version
from deploy_orchestrator.documents import DocumentError, edited
from deploy_orchestrator.errors import Place
from deploy_orchestrator.storage import write_whole
from deploy_orchestrator.terms import FieldPath

NOTHING: Mapping[str, Files] = MappingProxyType({})

_SIGNED = re.compile(r"(?P<sign>[\^~=]|v|)\s*v?\d+(?P<minor>\.\d+)?(?P<patch>\.\d+)?(?P<rest>[-+][\w.+-]*)?")
_WILD = re.compile(r"(?P<sign>\^|~|)v?\d+(?P<minor>\.(?:\d+|[xX*]))?(?P<patch>\.[xX*])?")


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A chart in a folder as it would be: `after`, the bytes of each file that changes, by its name, and the
    files that are `gone` then.
    """

    before: Chart
    after: Chart
    files: Mapping[str, bytes]
    gone: tuple[str, ...] = ()


def rewritten(
    chart: Chart,
    versions: Mapping[str, str],
    repositories: Repositories,
    generated: datetime,
    *,
    within: Path | None = None,
    kept: Mapping[str, Files] = NOTHING,
) -> Rewrite:
    """`chart`, read from a folder, with exactly these `versions` of its dependencies, by their keys.

    Those that are `kept` stand in `charts/` with these files, unpacked, and name no repository. A constraint
    that allows the version stays; another one is moved on in its own style. The chart's own version goes up
    by as much as the largest step of a dependency does. The lock holds these versions, and of the others what
    it held, or else the newest allowed.

    Raises:
        ChartInvalid: it is not in a folder, or a field of it cannot be changed alone.
        ChartError, RepositoryError: as `update_lock`.
    """
    if chart.path is None:
        raise ChartInvalid("a package cannot be changed", place=Place(str(chart)), fix="name its folder")
    constraints = {
        each.key: moved(each.version, versions[each.key])
        for each in chart.metadata.dependencies
        if each.key in versions
    }
    own = _own_version(chart, versions)
    dependencies = tuple(
        each.model_copy(
            update={
                "version": constraints.get(each.key, each.version),
                "repository": "" if each.key in kept else each.repository,
            }
        )
        for each in chart.metadata.dependencies
    )
    inside = {key: load_files(files, f"{chart.path}/charts") for key, files in kept.items()}
    replaced = {one.name for one in inside.values()}
    stays = tuple(one for one in chart.subcharts if one.name not in replaced)
    after = replace(
        chart,
        metadata=chart.metadata.model_copy(update={"dependencies": dependencies, "version": own}),
        subcharts=(*stays, *inside.values()),
        digest=f"{chart.digest} with {sorted(versions.items())}, {[one.digest for one in inside.values()]}",
    )
    lock = update_lock(after, repositories, generated, within=within, hold=_held(chart, versions))
    file = "requirements.lock" if chart.metadata.api_version == "v1" else "Chart.lock"
    files = {**_texts(chart.path, constraints, own, kept), file: lock_as_yaml(lock)}
    for key, one in inside.items():
        files |= {f"charts/{one.name}/{path}": data for path, data in kept[key].items()}
    gone = tuple(_copies_of(replaced, chart.path, files)) if replaced else ()
    return Rewrite(chart, replace(after, lock=lock), files, gone)


def write(rewrite: Rewrite) -> tuple[Path, ...]:
    """Write what changes into the chart's folder, each file whole, and then take away what is gone.

    Raises:
        UnsafeChart: a link stands where one goes.
    """
    folder = rewrite.before.path or Path()
    files = [folder / name for name in rewrite.files]
    for file in (*files, *(folder / name for name in rewrite.gone)):
        above = [each for each in file.parents if each.is_relative_to(folder) and each != folder]
        if any(each.is_symlink() for each in (file, *above)):
            raise UnsafeChart("a link to a file elsewhere", place=Place(str(file)), fix="put the file there")
    for file, data in zip(files, rewrite.files.values(), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, data, mode=0o644)
    for name in rewrite.gone:
        (folder / name).unlink(missing_ok=True)
    return tuple(files)


def moved(constraint: str, version: str) -> str:
    """`constraint`, or one in its style that allows `version` where it does not."""
    if Constraint.parse(constraint).allows(version):
        return constraint
    return next(
        text for text in _alike(constraint.strip(), version) if Constraint.parse(text).allows(version)
    )


def _alike(constraint: str, version: str) -> Iterator[str]:
    parsed = Version.parse(version)
    if signed := _SIGNED.fullmatch(constraint):
        parts = f"{parsed.major}" + (f".{parsed.minor}" if signed["minor"] else "")
        exact = version.removeprefix("v") if signed["patch"] else parts
        yield f"{signed['sign']}{exact}"
    if wild := _WILD.fullmatch(constraint):
        is_minor = wild["minor"] and wild["minor"][1:].isdecimal()
        minor = f".{parsed.minor}" if is_minor else wild["minor"] or ""
        yield f"{wild['sign']}{parsed.major}{minor}{wild['patch'] or ''}"
    yield version


def _own_version(chart: Chart, versions: Mapping[str, str]) -> str:
    locked = {one.name: one.version for one in chart.lock.dependencies} if chart.lock else {}
    steps = [
        _step(each, locked, versions[each.key])
        for each in chart.metadata.dependencies
        if each.key in versions
    ]
    own = Version.parse(chart.version)
    match max(steps, default=0):
        case 2:
            new = Version(own.major + 1)
        case 1:
            new = Version(own.major, own.minor + 1)
        case _:
            new = Version(own.major, own.minor, own.patch + (0 if own.prerelease else 1))
    return f"v{new}" if chart.version.startswith("v") else str(new)


def _step(dependency: Dependency, locked: Mapping[str, str], version: str) -> int:
    digits = re.findall(r"\d+", locked.get(dependency.name, dependency.version))
    then = Version.parse(version)
    if digits[:1] and int(digits[0]) != then.major:
        return 2
    return 1 if digits[1:2] and int(digits[1]) != then.minor else 0


def _held(chart: Chart, versions: Mapping[str, str]) -> dict[str, str]:
    locked = {one.name: one.version for one in chart.lock.dependencies} if chart.lock else {}
    kept = {each.key: locked[each.name] for each in chart.metadata.dependencies if each.name in locked}
    return {**kept, **versions}


def _copies_of(names: Collection[str], folder: Path, written: Collection[str]) -> Iterator[str]:
    """The files in `charts/` of the charts of these names, but for what is written."""
    files = stay = files_of(folder)
    for entry, _, name, _ in named_subcharts(files):
        if name in names:
            stay = less(stay, entry)
    return (path for path in files if path not in stay and path not in written)


def _texts(folder: Path, constraints: Mapping[str, str], own: str, kept: Collection[str]) -> dict[str, bytes]:
    texts: dict[str, dict[FieldPath, str]] = {"Chart.yaml": {("version",): own}}
    read: dict[str, documents.Document] = {}
    for name in ("Chart.yaml", "requirements.yaml"):
        file = folder / name
        if name == "Chart.yaml" or file.is_file():
            read[name] = documents.parse(file.read_bytes(), str(file))
            for index, needed in enumerate(read[name].value.get("dependencies") or ()):
                key = needed.get("alias") or needed.get("name")
                if constraints.get(key, needed.get("version")) != needed.get("version"):
                    texts.setdefault(name, {})["dependencies", index, "version"] = constraints[key]
                if key in kept and needed.get("repository"):
                    texts.setdefault(name, {})["dependencies", index, "repository"] = ""
    try:
        return {name: edited(read[name], fields).encode() for name, fields in texts.items()}
    except DocumentError as error:
        raise ChartInvalid(error.what, place=error.place, fix="change it by hand") from error
