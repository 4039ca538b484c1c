"""A chart on disk with all its dependencies in place, and what its text may ask Helm for."""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock

from deploy_orchestrator.charts import Chart, ChartInvalid, ChartNotFound, Repositories, assemble, load
from deploy_orchestrator.errors import instead_of
from deploy_orchestrator.fleet import ChartReference, LocalChart
from deploy_orchestrator.git import Tree
from deploy_orchestrator.manifests.cache import cache_key

_FORMAT: Final = "1"
_ACTION = re.compile(rb"\{\{(?!-?\s*/\*).*?\}\}", re.DOTALL)
_ASKS: Final = {
    "capabilities": re.compile(rb"Capabilities"),
    "lookup": re.compile(rb"\blookup\b"),
    "volatile": re.compile(
        rb"\b(?:rand[A-Z]\w*|gen[A-Z]\w*|uuidv4|htpasswd|bcrypt|encryptAES|shuffle|now|ago|keys|values)\b"
    ),
}


@dataclass(frozen=True, slots=True)
class AssembledChart:
    """A chart's folder or package, ready to render. `digest` covers all of it, `asks` is as from `asks`."""

    path: Path
    digest: str
    asks: frozenset[str]


def asks(texts: Iterable[bytes]) -> frozenset[str]:
    """What the template actions in these texts may ask for.

    `capabilities`: the Kubernetes version and APIs of the cluster. `lookup`: objects in it. `volatile`: what
    may be another each time, such as random values, the time, or the keys of a map in no order.
    """
    actions = b"\n".join(action for text in texts for action in _ACTION.findall(text))
    return frozenset(name for name, pattern in _ASKS.items() if pattern.search(actions))


def assembled_local(chart: LocalChart, tree: Tree, repositories: Repositories, cache: Path) -> AssembledChart:
    """A chart of `tree` with its dependencies, from the folders beside it or from repositories.

    It is made once for each state of the folders that it is made of, and again if damaged on disk.

    Raises:
        PathNotFound, UnsafeTree, ChartError: what exporting or assembling met.
    """

    def make(folder: Path) -> None:
        parent, _, name = chart.folder.rpartition("/")
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            assemble(tree.export(parent, Path(scratch)) / name, folder, repositories)

    return _once(cache, cache_key(_FORMAT, chart.folder, json.dumps(dict(chart.trees), sort_keys=True)), make)


def assembled_published(reference: ChartReference, repositories: Repositories, cache: Path) -> AssembledChart:
    """A chart from a repository in exactly the version of `reference`, with the dependencies that it carries.

    It is downloaded once, and again if damaged on disk.

    Raises:
        ChartError: it cannot be had, or lacks a dependency.
    """
    url = reference.repository or ""

    def make(package: Path) -> None:
        versions = repositories.find(url, reference.name)
        found = next((each for each in versions if each.version == reference.version), None)
        if found is None:
            raise ChartNotFound(
                f"{url} has no {reference.name} in version {reference.version}",
                fix=instead_of(reference.version, (each.version for each in versions)),
            )
        package.write_bytes(repositories.package(found))
        _require_dependencies(load(package))

    key = cache_key(_FORMAT, repositories.identity(url), reference.name, reference.version)
    return _once(cache, key, make)


def _require_dependencies(chart: Chart) -> None:
    carried = {subchart.name for subchart in chart.subcharts}
    missing = [each.name for each in chart.metadata.dependencies if each.name not in carried]
    if missing:
        raise ChartInvalid(
            f"the package of {chart} lacks its dependencies {', '.join(missing)}",
            fix="use a version that was packaged with them, or copy the chart into charts/",
        )


def _once(cache: Path, key: str, make: Callable[[Path], None]) -> AssembledChart:
    target = cache / key
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(f"{target}.lock"):
        if kept := _kept(target):
            return kept
        shutil.rmtree(target, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = Path(scratch, "made")
            made.mkdir()
            make(made / "chart")
            digest, asked = _digest(made / "chart"), asks(_texts(load(made / "chart")))
            (made / "record.json").write_text(json.dumps({"digest": digest, "asks": sorted(asked)}))
            made.rename(target)
    return AssembledChart(target / "chart", digest, asked)


def _kept(target: Path) -> AssembledChart | None:
    try:
        record = json.loads((target / "record.json").read_bytes())
        if record["digest"] != _digest(target / "chart"):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return AssembledChart(target / "chart", record["digest"], frozenset(record["asks"]))


def _digest(chart: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in (chart, *chart.rglob("*")) if path.is_file()):
        name, data = str(path.relative_to(chart)).encode(), path.read_bytes()
        digest.update(b"%d %s %d %s" % (len(name), name, len(data), data))
    return digest.hexdigest()


def _texts(chart: Chart) -> Iterator[bytes]:
    yield from chart.templates.values()
    yield from chart.files.values()
    yield json.dumps(chart.values).encode()
    for subchart in chart.subcharts:
        yield from _texts(subchart)
