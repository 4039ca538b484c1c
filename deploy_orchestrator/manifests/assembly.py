"""A chart on disk with all its dependencies in place, and what its text may ask Helm for."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from deploy_orchestrator.charts import (
    Catalog,
    Chart,
    ChartInvalid,
    Repositories,
    assemble,
    load,
    require_inner_references,
)
from deploy_orchestrator.fleet import ChartReference, LocalChart
from deploy_orchestrator.git import Tree
from deploy_orchestrator.manifests.actions import asks, templates_of
from deploy_orchestrator.manifests.reads import Reads, reads
from deploy_orchestrator.registries import ANYWHERE, Egress, Internet
from deploy_orchestrator.storage import Cache, cache_key

_FORMAT: Final = "9"


@dataclass(frozen=True, slots=True)
class AssembledChart:
    """A chart's folder or package, ready to render.

    `digest` covers all of it, `packages` are those that were fetched for it, the SHA-256 of
    each by its chart. `asks` is what its templates ask for, `reads` which values they read, `meets`
    says that several charts stand in it, or that it lacks one.
    """

    path: Path
    digest: str
    packages: Mapping[str, str]
    asks: frozenset[str]
    reads: Reads
    meets: bool


class AssembledCharts:
    """Charts put together below `folder`, each once for what it is made of and from where that is read, from
    what is kept in `downloads`.

    One that was damaged on disk before it is first asked for here is made again. May be shared between
    threads, and the folder between processes.
    """

    def __init__(self, folder: Path, downloads: Path) -> None:
        self.folder = folder
        self.downloads = downloads
        self.records = Cache(folder / "records")
        self._checked: dict[str, AssembledChart] = {}

    def local(
        self, chart: LocalChart, tree: Tree, mirrors: Mapping[str, str], egress: Egress = ANYWHERE
    ) -> AssembledChart:
        """A chart of `tree` with its dependencies, from the folders beside it or from repositories.

        `mirrors` tell where to read a repository instead, by its URL, `egress` which servers may be asked.

        Raises:
            PathNotFound, UnsafeTree, ChartError: what exporting or assembling met.
            UnsafeChart: a schema refers to something outside of the chart, which Helm would read.
        """

        def make(folder: Path) -> Mapping[str, str]:
            repositories = Repositories(mirrors, self.downloads, Internet(egress))
            with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
                assemble(chart.export(tree, Path(scratch)), folder, repositories)
            return repositories.packages

        made_of = (json.dumps(dict(each), sort_keys=True) for each in (chart.trees, mirrors))
        return self._once(cache_key(_FORMAT, chart.folder, *made_of), make)

    def published(
        self, reference: ChartReference, mirrors: Mapping[str, str], egress: Egress = ANYWHERE
    ) -> AssembledChart:
        """A chart from a repository in the version of `reference`, with what it carries.

        `mirrors` and `egress` are as in `local`.

        Raises:
            ChartError: it cannot be had, or lacks a dependency.
        """
        url = reference.repository or ""

        def make(package: Path) -> Mapping[str, str]:
            repositories = Repositories(mirrors, self.downloads, Internet(egress))
            catalog = Catalog(repositories)
            found = catalog.exactly(catalog.identity(url, reference.name), reference.version)
            package.write_bytes(repositories.package(found))
            _require_dependencies(load(package))
            return repositories.packages

        place = mirrors.get(url, url)
        return self._once(cache_key(_FORMAT, url, place, reference.name, reference.version), make)

    def prune(self) -> None:
        """Remove the charts that nobody has asked for in 30 days."""
        self.records.prune()
        for lock in self.folder.glob("*.lock"):
            key = lock.name.removesuffix(".lock")
            if key not in self.records:
                with FileLock(lock):
                    if key not in self.records:
                        shutil.rmtree(self.folder / key, ignore_errors=True)

    def _once(self, key: str, make: Callable[[Path], Mapping[str, str]]) -> AssembledChart:
        known = self._checked.get(key)
        if known is None or not known.path.exists():
            known = self._checked[key] = self._made(key, make)
        return known

    def _made(self, key: str, make: Callable[[Path], Mapping[str, str]]) -> AssembledChart:
        target = self.folder / key
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(f"{target}.lock", poll_interval=0.01):
            if kept := self._kept(key):
                return kept
            shutil.rmtree(target, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
                made = Path(scratch, key)
                made.mkdir()
                packages = make(made / "chart")
                chart = load(made / "chart")
                require_inner_references(chart)
                record = {"digest": _digest(made), "packages": dict(packages), **_record(chart)}
                made.rename(target)
            self.records.write(key, json.dumps(record).encode())
        return self._recorded(key, record)

    def _kept(self, key: str) -> AssembledChart | None:
        record = json.loads(self.records.read(key) or b"{}")
        return self._recorded(key, record) if record.get("digest") == _digest(self.folder / key) else None

    def _recorded(self, key: str, record: Mapping[str, Any]) -> AssembledChart:
        path = self.folder / key / "chart"
        return AssembledChart(
            path,
            record["digest"],
            record["packages"],
            frozenset(record["asks"]),
            record["reads"],
            record["meets"],
        )


def _require_dependencies(chart: Chart) -> None:
    carried = {subchart.name for subchart in chart.subcharts}
    missing = [each.name for each in chart.metadata.dependencies if each.name not in carried]
    if missing:
        raise ChartInvalid(
            f"the package of {chart} lacks its dependencies {', '.join(missing)}",
            fix="use a version that was packaged with them, or copy the chart into charts/",
        )


def _record(chart: Chart) -> dict[str, Any]:
    templates = list(templates_of(chart))
    names = list(_names(chart))
    return {
        "asks": sorted(asks(templates)),
        "reads": reads(chart, (action.code for each in templates for action in each)),
        "meets": len(names) > 1,
    }


def _names(chart: Chart) -> Iterator[str]:
    """The names of all charts in `chart`; that of one which is missing twice."""
    carried = {subchart.name for subchart in chart.subcharts}
    yield chart.name
    for missing in {each.name for each in chart.metadata.dependencies} - carried:
        yield from (missing, missing)
    for subchart in chart.subcharts:
        yield from _names(subchart)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for place, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            path = os.path.join(place, name)  # noqa: PTH118
            with open(path, "rb") as file:  # noqa: PTH123
                data = file.read()
            digest.update(b"%s %d %s" % (path.removeprefix(str(folder)).encode(), len(data), data))
    return digest.hexdigest()
