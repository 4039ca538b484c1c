"""How fast charts are analysed, on real charts' metadata, beside Helm where it is there.

    python benchmarks/analysis.py FOLDER [--helm HELM]

FOLDER holds the metadata (see `chart_metadata.py`). Prints a Markdown table. Every row is a process of its
own. "Work" leaves out its start and imports, "CPU" is the processor time of that work and of the whole
process, "peak" the most memory that it held. "Cold" means without the cache of parsed indexes. Each row is
the middle one of five runs; of Helm's two the faster. The factors compare whole processes: their time, and
the processor time that they used, which says something on a busy machine too.
"""

import argparse
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from chart_metadata import file_name, indexes, mirrors, rows
from results import Results

from deploy_orchestrator.charts import (
    Catalog,
    Constraint,
    Repositories,
    Resolver,
    Version,
    analyze,
    conflicts,
    locate,
)
from deploy_orchestrator.documents import dump
from deploy_orchestrator.registries import Offline

BITNAMI_URL = "https://charts.bitnami.com/bitnami"
BITNAMI, ALFRESCO = "bitnami/charts", "Alfresco/alfresco-helm-charts"
CHART, VERSION = "alfresco-repository", "0.8.1"
DEPTH = 20
ETAG = '"as recorded"'
REPEATS, HELM_REPEATS = 5, 2
UNITS = {
    "work": "s",
    "processor": "s of processor",
    "process": "s of the whole process",
    "used": "s of processor of the whole process",
    "peak": "MB",
}


class Took(NamedTuple):
    """The seconds that other processes took: by the clock, and of processor."""

    process: float
    used: float


@contextmanager
def watched() -> Iterator[Callable[[], Took]]:
    """What the processes that are run within took."""

    def used() -> float:
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent.ru_utime + spent.ru_stime

    start, before = time.perf_counter(), used()
    yield lambda: Took(time.perf_counter() - start, used() - before)


def every_chart(folder: Path, suffix: str, cache: Path) -> str:
    """Load every version of every chart; resolve the newest of each and find its conflicts."""
    repositories = Repositories(mirrors(folder, suffix), cache, Offline())
    resolver = Resolver(Catalog(repositories))
    charts = [
        repositories.find(url, name) for url in repositories.mirrored for name in repositories.names(url)
    ]
    found = [len(conflicts(resolver.closure(versions[0]))) for versions in charts if versions]
    return f"{sum(map(len, charts)):,} versions, {len(found):,} graphs, {sum(found)} conflicts"


def one_index(folder: Path, suffix: str, cache: Path) -> str:
    """Read Bitnami's index, and every version in it."""
    repositories = Repositories(
        {BITNAMI_URL: str(folder / f"{file_name(BITNAMI)}{suffix}")}, cache, Offline()
    )
    names = repositories.names(BITNAMI_URL)
    return f"{sum(len(repositories.find(BITNAMI_URL, name)) for name in names):,} versions"


def one_chart(folder: Path, suffix: str, cache: Path) -> str:
    """Analyse one chart that needs charts of two repositories, all on the server `suffix`."""
    places = mirrors(folder, ".yaml")
    repositories = Repositories({url: f"{suffix}{Path(place).stem}" for url, place in places.items()}, cache)
    found = analyze(locate(f"{CHART}@{VERSION}", repositories), repositories)
    assert found.contents, found.unread
    return f"{sum(1 for _ in found.closure.needs)} dependencies, {len(found.conflicts)} conflict"


def many_edges(folder: Path, suffix: str, cache: Path) -> str:
    """Resolve ever larger graphs, each several times: the processor time of the fastest."""
    tiny = _layered(1, folder / "edges.json")
    Resolver(Catalog(tiny), guessing=True).closure(locate("top", tiny))
    told: list[str] = []
    for edges in (1_000, 4_000, 16_000):
        taken: list[float] = []
        for _ in range(REPEATS):
            repositories = _layered(edges // DEPTH, folder / f"edges-{edges}.json")
            root = locate("top", repositories)
            start = time.process_time()
            closure = Resolver(Catalog(repositories), guessing=True).closure(root)
            conflicts(closure)
            taken.append((time.process_time() - start) / sum(1 for _ in closure.needs))
        told.append(f"{edges:,}: {min(taken) * 1e6:.0f} µs each")
    return "; ".join(told)


def _layered(width: int, file: Path) -> Repositories:
    url = "https://charts.example.com"

    def needing(name: str, *needed: str) -> dict[str, Any]:
        dependencies = [{"name": other, "version": "1.x", "repository": url} for other in needed]
        return {"name": name, "version": "1.0.0", "urls": [f"{name}.tgz"], "dependencies": dependencies}

    charts = [needing("top", *(f"c0-{column}" for column in range(width)))]
    for row in range(DEPTH):
        below = [f"c{row + 1}-{column}" for column in range(width)] if row + 1 < DEPTH else []
        charts += [needing(f"c{row}-{column}", *below[column : column + 1]) for column in range(width)]
    file.write_text(json.dumps({"entries": {chart["name"]: [chart] for chart in charts}}))
    return Repositories({url: str(file)}, web=Offline())


ROWS: dict[str, Callable[[Path, str, Path], str]] = {
    row.__name__: row for row in (every_chart, one_index, one_chart, many_edges)
}


def measured(row: str, folder: Path, suffix: str, cache: Path, *, cold: bool) -> list[dict[str, Any]]:
    """One row, several times, each in a process of its own; the fastest first."""
    runs: list[dict[str, Any]] = []
    for _ in range(REPEATS):
        if cold:
            shutil.rmtree(cache, ignore_errors=True)
        command = [sys.executable, __file__, "--row", row, str(folder), suffix, str(cache)]
        with watched() as took:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append({**json.loads(done.stdout), **took()._asdict()})
    return sorted(runs, key=lambda run: run["process"])


def measure(row: str, folder: Path, suffix: str, cache: Path) -> None:
    """Do one row here, and print what it took."""
    start, processor = time.perf_counter(), time.process_time()
    result = ROWS[row](folder, suffix, cache)
    work, processor = time.perf_counter() - start, time.process_time() - processor
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
    print(json.dumps({"result": result, "work": work, "processor": processor, "peak": peak}))


class Helm:
    """The same questions, asked of Helm."""

    def __init__(self, helm: str, folder: Path) -> None:
        self.helm = helm
        self.folder = folder
        self.environment = {
            **os.environ,
            "HELM_REPOSITORY_CONFIG": str(folder / "repositories.yaml"),
            "HELM_REPOSITORY_CACHE": str(folder / "cache"),
        }
        (folder / "cache").mkdir(parents=True)

    def run(self, *arguments: str, within: Path | None = None) -> Took:
        """What one command takes."""
        with watched() as took:
            subprocess.run(
                [self.helm, *arguments], cwd=within, env=self.environment, capture_output=True, check=True
            )
        return took()

    def search(self, index: Path) -> Took:
        """Read Bitnami's index: what any look-up in it costs."""
        repository = {"name": "bitnami", "url": BITNAMI_URL}
        (self.folder / "repositories.yaml").write_bytes(dump({"repositories": [repository]}))
        shutil.copy(index, self.folder / "cache" / "bitnami-index.yaml")
        return self.run("search", "repo", "bitnami/postgresql")

    def closure(self, folder: Path) -> Took:
        """List and fetch everything that one chart needs; packages bring what is below."""
        with served(folder) as url:
            top = self.folder / "chart"
            shutil.rmtree(top, ignore_errors=True)
            metadata = _metadata(folder, ALFRESCO, CHART, VERSION, url)
            top.mkdir()
            (top / "Chart.yaml").write_bytes(dump(metadata))
            listed = self.run("dependency", "list", within=top)
            updated = self.run("dependency", "update", within=top)
            return Took(listed.process + updated.process, listed.used + updated.used)


@lru_cache
def _entries(index: Path) -> dict[str, list[dict[str, Any]]]:
    return json.loads(index.read_text())["entries"]


def _metadata(folder: Path, source: str, name: str, version: str, url: str) -> dict[str, Any]:
    entries = _entries(folder / f"{file_name(source)}.json")
    found = next(one for one in entries[name] if one["version"] == version)
    kept = {key: found[key] for key in ("apiVersion", "name", "version", "type") if key in found}
    places = mirrors(folder)
    needs = [
        {**one, "repository": url + Path(places[one["repository"].rstrip("/")]).stem}
        for one in found.get("dependencies", ())
    ]
    return {"apiVersion": "v1", **kept, **({"dependencies": needs} if needs else {})}


@lru_cache
def _index(folder: Path, source: str) -> bytes:
    return (folder / f"{source}.yaml").read_bytes()


@lru_cache
def _package(folder: Path, source: str, name: str, version: str, url: str) -> bytes:
    """A package with all that it needs inside, each the newest that is allowed."""
    metadata = _metadata(folder, source, name, version, url)
    files = {"Chart.yaml": dump(metadata)}
    for need in metadata.get("dependencies", ()):
        origin = need["repository"].removeprefix(url).replace("+", "/", 1)
        published = _entries(folder / f"{file_name(origin)}.json")[need["name"]]
        allowed = Constraint.parse(need.get("version", ""))
        newest = max(
            (each["version"] for each in published if allowed.allows(each["version"])), key=Version.parse
        )
        files[f"charts/{need['name']}-{newest}.tgz"] = _package(folder, origin, need["name"], newest, url)
    return packed(files, name)


def packed(files: Mapping[str, bytes], name: str) -> bytes:
    """A package of the chart `name` with these `files`, in their order."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The repositories on a web server: indexes as YAML, packages made when they are asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            source, _, file = self.path.strip("/").partition("/")
            is_known = file == "index.yaml" and self.headers.get("If-None-Match") == ETAG
            body = (
                b""
                if is_known
                else _index(folder, source)
                if file == "index.yaml"
                else self._package(source, file)
            )
            self.send_response(304 if is_known else 200)
            self.send_header("Content-Length", str(len(body)))
            if file == "index.yaml":
                self.send_header("ETag", ETAG)
            self.end_headers()
            self.wfile.write(body)

        def _package(self, source: str, file: str) -> bytes:
            name, _, version = file.removesuffix(".tgz").rpartition("-")
            return _package(folder, source.replace("+", "/", 1), name, version, url)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield url
        server.shutdown()


def report(metadata: Path, helm: str | None, only: str) -> None:
    """Print the table, of the rows that have a word in their name."""
    results = Results("analysis")
    print("| what | result | work | CPU | whole process | peak | Helm |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as temporary, served(Path(temporary)) as url:
        folder = Path(temporary)
        for source, index in indexes(rows(metadata)).items():
            (folder / f"{file_name(source)}.json").write_text(json.dumps(index))
            (folder / f"{file_name(source)}.yaml").write_bytes(dump(index))
        asked = Helm(helm, folder / "helm") if helm else None
        bitnami = folder / f"{file_name(BITNAMI)}.yaml"
        search = min(asked.search(bitnami) for _ in range(HELM_REPEATS)) if asked else None
        closure = min(asked.closure(folder) for _ in range(HELM_REPEATS)) if asked else None
        for label, row, suffix, cache, beside in (
            ("all charts, JSON indexes, cold", "every_chart", ".json", "json", None),
            ("all charts, JSON indexes, again", "every_chart", ".json", "json", None),
            ("all charts, YAML indexes, cold", "every_chart", ".yaml", "yaml", None),
            ("all charts, YAML indexes, again", "every_chart", ".yaml", "yaml", None),
            ("Bitnami's index as YAML, cold", "one_index", ".yaml", "bitnami", search),
            ("Bitnami's index as YAML, again", "one_index", ".yaml", "bitnami", search),
            (f"{CHART} {VERSION}, cold", "one_chart", url, "chart", closure),
            (f"{CHART} {VERSION}, again", "one_chart", url, "chart", closure),
            ("graphs of many edges", "many_edges", ".json", "edges", None),
        ):
            if only not in label:
                continue
            runs = measured(row, folder, suffix, folder / "caches" / cache, cold=label.endswith("cold"))
            took = runs[REPEATS // 2]
            for part, unit in UNITS.items():
                results.add(label, unit, *(run[part] for run in runs))
            if beside is not None:
                results.add(f"{label}: Helm", "s", beside.process)
                results.add(f"{label}: Helm", "s of processor", beside.used)
            helms = ""
            if beside is not None:
                helms = f"{beside.process:.2f} s, ×{beside.process / took['process']:.0f}; "
                helms += f"of processor {beside.used:.2f} s, ×{beside.used / took['used']:.1f}"
            print(
                f"| {label} | {took['result']} | {took['work']:.2f} s"
                f" | {took['processor']:.2f} of {took['used']:.2f} s"
                f" | {took['process']:.2f} s | {took['peak']} MB | {helms} |",
                flush=True,
            )
    results.write()


def main() -> None:
    """Read the command line."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--helm", default=shutil.which("helm"))
    arguments.add_argument(
        "--only", default="", metavar="WORD", help="measure the rows with this in their name"
    )
    arguments.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    arguments.add_argument("of_row", nargs="*", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.row:
        suffix, cache = given.of_row
        measure(given.row, given.folder, suffix, Path(cache))
    else:
        report(given.folder, given.helm, given.only)


if __name__ == "__main__":
    main()
