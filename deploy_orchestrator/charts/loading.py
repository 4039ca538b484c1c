"""A chart as data, from its folder or package, with every chart that it carries inside."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from deploy_orchestrator.charts.errors import ChartInvalid, ChartNotFound, UnsafeChart
from deploy_orchestrator.charts.files import Budget, Files, archive_files, folder_files
from deploy_orchestrator.charts.metadata import ChartMetadata, Lock, Requirements, read_metadata
from deploy_orchestrator.documents import DocumentError, parse_all
from deploy_orchestrator.errors import Place

MAX_NESTING = 20
MAX_PACKAGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart with its contents. All paths are relative to the chart's folder and use `/`.

    `files` are those that are neither templates nor one of the chart's own documents, `crds` those below
    `crds/`, `lock` its `Chart.lock` or `requirements.lock`. `subcharts` are the charts below `charts/`, in
    order of their names there. `digest` tells its contents, the same for a folder and its package. `path` is
    where a chart in a folder stands, None for what came out of a package.
    """

    metadata: ChartMetadata
    values: Mapping[str, Any]
    schema: Mapping[str, Any] | None
    templates: Mapping[str, bytes]
    files: Mapping[str, bytes]
    crds: Mapping[str, bytes]
    lock: Lock | None
    subcharts: tuple["Chart", ...]
    digest: str
    path: Path | None = None

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def version(self) -> str:
        return self.metadata.version

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def load(path: Path, *, within: Path | None = None) -> Chart:
    """The chart in the folder or package (`.tgz`) at `path`, read by Helm's rules.

    Links in a folder may lead anywhere in it, or in `within` around it.

    Raises:
        ChartNotFound: nothing is there.
        ChartInvalid: what is there is no chart that Helm would load; says which file, and where in it.
        UnsafeChart: it climbs out of there or is out of bounds in size, count or depth.
    """
    if path.is_dir():
        return load_files(folder_files(path, Budget(), within), str(path), path.resolve())
    if not path.is_file():
        raise ChartNotFound("there is no chart", place=Place(str(path)))
    if path.stat().st_size > MAX_PACKAGE_BYTES:
        raise UnsafeChart(f"a package larger than {MAX_PACKAGE_BYTES:,} bytes", place=Place(str(path)))
    return load_package(path.read_bytes(), str(path))


def files_of(folder: Path) -> Files:
    """The files of the chart in a folder, by their paths there. Raises as `load`."""
    return folder_files(folder, Budget())


def load_files(files: Files, name: str, path: Path | None = None) -> Chart:
    """The chart made of these files, as they were read at `path`; otherwise as `load_package`."""
    return _chart(files, name, Budget(), 0, path)


def load_package(data: bytes, name: str) -> Chart:
    """The chart in the bytes of a package; `name` is the package's name for messages. Raises as `load`."""
    budget = Budget()
    return _chart(archive_files(data, name, budget), name, budget, 0, None)


def unpacked(data: bytes, name: str) -> Files:
    """The files in the bytes of a package, by their paths in the chart. Raises as `load_package`."""
    return archive_files(data, name, Budget())


def subchart_files(files: Files) -> dict[str, Files]:
    """What stands below `charts/`, by its name there: a folder's files, or a package under the empty path."""
    inside: defaultdict[str, Files] = defaultdict(dict)
    for file, data in files.items():
        if file.startswith("charts/") and not file.endswith(".prov"):
            entry, _, rest = file.removeprefix("charts/").partition("/")
            if not entry.startswith((".", "_")):
                inside[entry][rest] = data
    return dict(sorted(inside.items()))


def _chart(files: Files, name: str, budget: Budget, depth: int, path: Path | None) -> Chart:
    if depth > MAX_NESTING:
        raise UnsafeChart(f"charts nested deeper than {MAX_NESTING}", place=Place(name))
    digest = hashlib.sha256()
    for file, data in sorted(files.items()):
        digest.update(f"{len(file.encode())} {file} {len(data)} ".encode() + data)
    own = {file: data for file, data in files.items() if not file.startswith("charts/")}
    return Chart(
        metadata=_metadata(own, name),
        values=_values(own.get("values.yaml", b""), f"{name}/values.yaml"),
        schema=_schema(own.get("values.schema.json"), f"{name}/values.schema.json"),
        templates={file: data for file, data in own.items() if file.startswith("templates/")},
        files={file: data for file, data in own.items() if not _has_meaning(file)},
        crds={file: data for file, data in own.items() if file.startswith("crds/")},
        lock=_lock(own, name),
        subcharts=_subcharts(files, name, budget, depth, path),
        digest=f"sha256:{digest.hexdigest()}",
        path=path,
    )


_DOCUMENTS = {
    "Chart.yaml",
    "Chart.lock",
    "values.yaml",
    "values.schema.json",
    "requirements.yaml",
    "requirements.lock",
}


def _has_meaning(file: str) -> bool:
    return file in _DOCUMENTS or file.startswith(("templates/", "crds/"))


def _metadata(files: Files, name: str) -> ChartMetadata:
    if "Chart.yaml" not in files:
        raise ChartInvalid("there is no Chart.yaml", place=Place(name), fix="add a Chart.yaml")
    metadata = read_metadata(files["Chart.yaml"], f"{name}/Chart.yaml", ChartMetadata)
    if "requirements.yaml" not in files:
        return metadata
    requirements = read_metadata(files["requirements.yaml"], f"{name}/requirements.yaml", Requirements)
    return (
        metadata.model_copy(update={"dependencies": requirements.dependencies})
        if requirements.dependencies
        else metadata
    )


def _lock(files: Files, name: str) -> Lock | None:
    for file in ("requirements.lock", "Chart.lock"):
        if file in files:
            return read_metadata(files[file], f"{name}/{file}", Lock)
    return None


def _values(data: bytes, file: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    try:
        for document in parse_all(data, file):
            given: object = document.value
            if not isinstance(given, dict | None):
                raise ChartInvalid("expected a mapping of values", place=Place(file, 1))
            values = _merge(values, cast("dict[str, Any] | None", given) or {})
    except DocumentError as error:
        raise ChartInvalid(error.what, place=error.place, fix=error.fix) from error
    return values


def _merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    maps = [key for key in under if isinstance(under[key], dict) and isinstance(over.get(key), dict)]
    return under | over | {key: _merge(under[key], over[key]) for key in maps}


def _schema(data: bytes | None, file: str) -> dict[str, Any] | None:
    if data is None:
        return None
    try:
        schema: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ChartInvalid(f"not JSON: {error}", place=Place(file)) from error
    if not isinstance(schema, dict):
        raise ChartInvalid("expected a JSON object", place=Place(file))
    return cast(dict[str, Any], schema)


def _subcharts(files: Files, name: str, budget: Budget, depth: int, path: Path | None) -> tuple[Chart, ...]:
    return tuple(
        _subchart(entry, inside, f"{name}/charts/{entry}", budget, depth + 1, path)
        for entry, inside in subchart_files(files).items()
    )


def _subchart(entry: str, files: Files, name: str, budget: Budget, depth: int, path: Path | None) -> Chart:
    if entry.endswith(".tgz"):
        if set(files) != {""}:
            raise ChartInvalid("a folder whose name ends in .tgz", place=Place(name), fix="rename the folder")
        return _chart(archive_files(files[""], name, budget), name, budget, depth, None)
    if "" in files:
        raise ChartInvalid(
            "a file in charts/ that is no chart", place=Place(name), fix="move it, or begin its name with '_'"
        )
    return _chart(files, name, budget, depth, path / "charts" / entry if path else None)
