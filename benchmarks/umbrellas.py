"""What real umbrella charts load, told by the analysis and built and rendered by Helm, tree by tree.

    python benchmarks/umbrellas.py OWNER/NAME=CLONE… --helm HELM

CLONE is a Git clone with its history. Each chart at its head that needs others is analysed twice. As it is:
what is found, and whether anything crashes. And in a copy in which the templates of every chart are two that
tell where they stand, which version they are of, and whose definition of one shared template they get: that
is compared with what `helm dependency build` and `helm template` make of it. Neighbours are built first.

Published charts are packaged from the history of the clones, by the versions that their `Chart.yaml` went
through, when they are asked for, and served on loopback in place of their repository (`PUBLISHED`). What no
clone has cannot be had, and what needs it is not compared.
"""

import argparse
import io
import json
import os
import posixpath
import re
import subprocess
import tarfile
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from analysis import packed
from results import Results

from deploy_orchestrator import documents
from deploy_orchestrator.charts import (
    Analysis,
    Constraint,
    ConstraintError,
    Difference,
    Harm,
    Node,
    Repositories,
    Version,
    VersionError,
    analyze,
    load,
)
from deploy_orchestrator.charts.locks.lock import lock_digest
from deploy_orchestrator.charts.metadata import Dependency, LockedDependency
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.registries import Egress, Internet

PUBLISHED = {
    "https://alfresco.github.io/alfresco-helm-charts": "Alfresco/alfresco-helm-charts",
    "https://argoproj.github.io/argo-helm": "argoproj/argo-helm",
    "https://charts.bitnami.com/bitnami": "bitnami/charts",
    "https://charts.fairwinds.com/stable": "FairwindsOps/charts",
    "https://charts.signoz.io": "SigNoz/charts",
    "https://eclipse-tractusx.github.io/charts/dev": "eclipse-tractusx/charts",
    "https://grafana-community.github.io/helm-charts": "grafana-community/helm-charts",
    "https://grafana.github.io/helm-charts": "grafana/helm-charts",
    "https://helm.elastic.co": "elastic/helm-charts",
    "https://helm.influxdata.com": "influxdata/helm-charts",
    "https://jaegertracing.github.io/helm-charts": "jaegertracing/helm-charts",
    "https://kubernetes.github.io/ingress-nginx": "kubernetes/ingress-nginx",
    "https://lsst-sqre.github.io/charts": "lsst-sqre/charts",
    "https://open-telemetry.github.io/opentelemetry-helm-charts": "open-telemetry/opentelemetry-helm-charts",
    "https://opensearch-project.github.io/helm-charts": "opensearch-project/helm-charts",
    "https://prometheus-community.github.io/helm-charts": "prometheus-community/helm-charts",
    "https://qdrant.github.io/qdrant-helm": "qdrant/qdrant-helm",
    "https://raw.githubusercontent.com/bitnami/charts/archive-full-index/bitnami": "bitnami/charts",
    "https://sentry-kubernetes.github.io/charts": "sentry-kubernetes/charts",
    "https://zilliztech.github.io/milvus-helm": "zilliztech/milvus-helm",
    "oci://ghcr.io/cloudpirates-io/helm-charts": "CloudPirates-io/helm-charts",
    "oci://registry-1.docker.io/bitnamicharts": "bitnami/charts",
}
LOCAL = ("@local", "alias:local")
"""What the charts of one clone call the repository of their siblings, built by its own scripts."""

NAMES = '{{ define "shared.name" }}%s@%s{{ end }}'
TELLING = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Template.Name | replace "/" "." | quote }}}
data: {chart: "{{ .Chart.Name }}@{{ .Chart.Version }}", shared: "{{ include "shared.name" . }}"}
"""
MAX_DEPTH = 12
_DOCUMENTS = ("Chart.yaml", "requirements.yaml", "Chart.lock", "requirements.lock")
_VERSION = re.compile(rb"""^version:[ \t]*["']?([\w.+-]+)""", re.MULTILINE)

Files = dict[str, bytes]
Told = dict[str, tuple[str, str]]
"""By the path of a template: the name and version of its chart, and whose shared definition it gets."""


@dataclass(frozen=True)
class Clone:
    """A Git clone, and the charts in it."""

    name: str
    path: Path

    def git(self, *arguments: str, given: bytes = b"") -> bytes:
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, input=given, capture_output=True, check=True).stdout

    @cached_property
    def charts(self) -> dict[str, str]:
        """The folder of each chart at the head, by its name; of several the one that is least deep."""
        folders = [posixpath.dirname(path) for path in self._paths() if path.endswith("Chart.yaml")]
        found: dict[str, str] = {}
        for folder in sorted(folders, key=lambda folder: (folder.count("/"), folder)):
            name = _metadata(self.git("show", f"HEAD:{folder}/Chart.yaml".replace(":/", ":"))).get("name")
            found.setdefault(str(name), folder)
        return found

    @cached_property
    def history(self) -> dict[str, dict[str, str]]:
        """The newest commit of each version of each chart, by its folder."""
        told = self.git("log", "--format=%x00%H", "--name-only", "--no-renames", "HEAD", "--", "*Chart.yaml")
        asked: list[tuple[str, str]] = []
        for part in told.decode().split("\0")[1:]:
            commit, *paths = part.split()
            asked += ((commit, path) for path in paths if posixpath.basename(path) == "Chart.yaml")
        given = "".join(f"{commit}:{path}\n" for commit, path in asked).encode()
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for (commit, path), data in zip(
            asked, _contents(self.git("cat-file", "--batch", given=given)), strict=True
        ):
            version = _VERSION.search(data)
            if version and _is_version(version[1].decode()):
                found[posixpath.dirname(path)].setdefault(version[1].decode(), commit)
        return found

    def versions(self, name: str) -> dict[str, str]:
        """The newest commit of each version of a chart."""
        return self.history.get(self.charts.get(name, "\0"), {})

    @lru_cache(maxsize=400)  # noqa: B019
    def files(self, commit: str, folder: str) -> Files:
        """Every file of a folder at a commit, by its path there."""
        where = [folder] if folder else []
        packed = io.BytesIO(self.git("archive", "--format=tar", commit, *where))
        return _unpacked(tarfile.open(fileobj=packed), f"{folder}/" if folder else "")

    def _paths(self) -> list[str]:
        return self.git("ls-tree", "-r", "--name-only", "-z", "HEAD").decode().split("\0")


@dataclass(eq=False)
class World:
    """All clones, and the server that gives out what is packaged from them."""

    clones: Mapping[str, Clone]
    packages: dict[tuple[str, ...], bytes] = field(default_factory=dict[tuple[str, ...], bytes])
    lock: threading.RLock = field(default_factory=threading.RLock)
    url: str = ""

    def repository(self, given: str, clone: Clone, kind: str) -> str:
        """The URL in place of a repository's, where a clone has what it publishes."""
        if given in LOCAL:
            return f"{self.url}/{kind}/local/{clone.name}"
        source = PUBLISHED.get(given.rstrip("/"))
        return f"{self.url}/{kind}/published/{source}" if source in self.clones else given

    def answer(self, path: str) -> bytes | None:
        """An index, or a package."""
        kind, origin, owner, name, file = path.strip("/").split("/", 4)
        clone = self.clones[f"{owner}/{name}"]
        if file == "index.yaml":
            return self._index(clone, origin)
        commits = {
            f"{chart}-{version}.tgz": (chart, commit)
            for chart, version, commit in self._published(clone, origin)
        }
        if file not in commits:
            return None
        chart, commit = commits[file]
        return _packed(self.package(clone, chart, commit, kind, 0), chart)

    @cache  # noqa: B019
    def _published(self, clone: Clone, origin: str) -> tuple[tuple[str, str, str], ...]:
        if origin == "published":
            every = [(name, clone.versions(name)) for name in clone.charts]
            return tuple(
                (name, version, commit) for name, there in every for version, commit in there.items()
            )
        heads = [
            (name, _metadata(clone.git("show", f"HEAD:{at}/Chart.yaml")))
            for name, at in clone.charts.items()
            if at
        ]
        return tuple(
            (name, str(told.get("version")), "HEAD")
            for name, told in heads
            if _is_version(told.get("version"))
        )

    @cache  # noqa: B019
    def _index(self, clone: Clone, origin: str) -> bytes:
        entries: dict[str, list[dict[str, Any]]] = {}
        for name, version, _ in self._published(clone, origin):
            entry = {"apiVersion": "v2", "name": name, "version": version, "urls": [f"{name}-{version}.tgz"]}
            entries.setdefault(name, []).append(entry)
        return json.dumps({"apiVersion": "v1", "entries": entries}).encode()

    def package(self, clone: Clone, name: str, commit: str, kind: str, depth: int) -> Files:
        """A chart as it was published at a commit, with what it needs inside."""
        return self._whole(clone, clone.charts[name], commit, kind, depth)

    def _whole(self, clone: Clone, folder: str, commit: str, kind: str, depth: int) -> Files:
        files = self.made(clone.files(commit, folder), clone, kind)
        if depth > MAX_DEPTH:
            return files
        told = _needs(files)
        locked = {one.get("name"): str(one.get("version")) for one in _locked(files)}
        there = {path.split("/")[1] for path in files if path.startswith("charts/")}
        for need in told:
            name = str(need.get("name"))
            if any(entry == name or entry.startswith(f"{name}-") for entry in there):
                continue
            inside = self._needed(need, locked.get(name), clone, folder, commit, kind, depth + 1)
            files |= {f"charts/{name}/{path}": data for path, data in (inside or {}).items()}
        return files

    def _needed(
        self,
        need: Mapping[str, Any],
        locked: str | None,
        clone: Clone,
        folder: str,
        commit: str,
        kind: str,
        depth: int,
    ) -> Files | None:
        repository = str(need.get("repository") or "")
        if repository.startswith("file://"):
            beside = posixpath.normpath(posixpath.join(folder, repository.removeprefix("file://")))
            try:
                return self._whole(clone, beside, commit, kind, depth)
            except subprocess.CalledProcessError:
                return None
        found = self._version(need, locked) if repository.startswith(self.url) else None
        return self.package(found[0], str(need.get("name")), found[2], kind, depth) if found else None

    def made(self, files: Files, clone: Clone, kind: str) -> Files:
        """The files of one chart with its repositories on loopback; `told`, with templates that tell."""
        kept = {path: data for path, data in files.items() if kind == "full" or _is_kept(path)}
        for path in [path for path in kept if path.startswith("charts/") and path.endswith(".tgz")]:
            name = posixpath.basename(path).removesuffix(".tgz")
            with tarfile.open(fileobj=io.BytesIO(kept.pop(path)), mode="r:gz") as archive:
                for inner, data in _unpacked(archive).items():
                    if kind == "full" or _is_kept(inner):
                        kept[f"charts/{name}/{inner.partition('/')[2]}"] = data
        for path in [path for path in kept if posixpath.basename(path) == "Chart.yaml"]:
            kept |= self._chart(kept, posixpath.dirname(path), clone, kind)
        return kept

    def _chart(self, files: Files, folder: str, clone: Clone, kind: str) -> Files:
        """The documents of one chart. What cannot be had is left out where it is to tell where it stands."""
        made: Files = {}
        documents_there = [posixpath.join(folder, name) for name in _DOCUMENTS]
        told = {path: _metadata(files[path]) for path in documents_there if path in files}
        for each in told.values():
            each.pop("kubeVersion", None)
            for need in each.get("dependencies") or ():
                if need.get("repository"):
                    need["repository"] = self.repository(str(need["repository"]), clone, kind)
        lost = {
            str(need.get("name"))
            for each in told.values()
            for need in each.get("dependencies") or ()
            if kind == "told" and not self._is_there(need)
        }
        for path, each in told.items():
            if each.get("dependencies"):
                kept = [need for need in each["dependencies"] if str(need.get("name")) not in lost]
                each["dependencies"] = kept
            if path.endswith(".lock"):
                each["digest"] = _digest(_needs({**files, **made}, folder), each.get("dependencies") or ())
            made[path] = documents.dump(each)
        if kind == "told":
            chart = _metadata(files[posixpath.join(folder, "Chart.yaml")])
            names = NAMES % (chart.get("name"), chart.get("version"))
            made[posixpath.join(folder, "templates/_names.tpl")] = names.encode()
            made[posixpath.join(folder, "templates/cm.yaml")] = TELLING.encode()
        return made

    def _is_there(self, need: Mapping[str, Any]) -> bool:
        repository = str(need.get("repository") or "")
        if not repository.startswith(self.url):
            return not repository or repository.startswith("file://")
        return self._version(need, None) is not None

    def _version(self, need: Mapping[str, Any], locked: str | None) -> tuple[Clone, str, str] | None:
        """The clone, the version and the commit of what is needed from a repository on loopback."""
        origin, owner, name = str(need["repository"]).removeprefix(self.url).split("/")[2:5]
        source, chart = self.clones[f"{owner}/{name}"], str(need.get("name"))
        commits = {version: at for found, version, at in self._published(source, origin) if found == chart}
        constraint = str(need.get("version") or "")
        version = locked if locked in commits else _highest(constraint, commits)
        return (source, version, commits[version]) if version else None


def _digest(needs: Iterable[Mapping[str, Any]], held: Iterable[Mapping[str, Any]]) -> str:
    try:
        return lock_digest(
            [Dependency.model_validate(each) for each in needs],
            [LockedDependency.model_validate(each) for each in held],
        )
    except ValueError:
        return ""


def _metadata(data: bytes) -> dict[str, Any]:
    try:
        value = documents.parse(data, "Chart.yaml").value
    except OrchestratorError:
        return {}
    return value if isinstance(value, dict) else {}


def _needs(files: Files, folder: str = "") -> list[dict[str, Any]]:
    names = (posixpath.join(folder, name) for name in ("Chart.yaml", "requirements.yaml"))
    told = [_metadata(files[name]).get("dependencies") for name in names if name in files]
    return [each for some in told if isinstance(some, list) for each in some if isinstance(each, dict)]


def _locked(files: Files) -> list[dict[str, Any]]:
    names = [name for name in ("Chart.lock", "requirements.lock") if name in files]
    return [each for name in names for each in _metadata(files[name]).get("dependencies") or ()]


def _is_version(version: object) -> bool:
    try:
        return isinstance(version, str) and bool(Version.parse(version))
    except VersionError:
        return False


def _highest(constraint: str, versions: Mapping[str, str]) -> str | None:
    try:
        allowed = Constraint.parse(constraint)
    except ConstraintError:
        return None
    return max((each for each in versions if allowed.allows(each)), key=Version.parse, default=None)


def _is_kept(path: str) -> bool:
    within = path.split("/")
    name = within[-1]
    is_document = name in {
        "Chart.yaml",
        "Chart.lock",
        "values.yaml",
        "requirements.yaml",
        "requirements.lock",
        ".helmignore",
    }
    return (is_document or name.endswith(".tgz")) and not {"templates", "crds", "ci", "tests"} & set(
        within[:-1]
    )


def _contents(batch: bytes) -> Iterator[bytes]:
    stream = io.BytesIO(batch)
    while header := stream.readline():
        if header.endswith(b" missing\n"):
            yield b""
        else:
            yield stream.read(int(header.split()[2]))
            stream.read(1)


def _unpacked(archive: tarfile.TarFile, below: str = "") -> Files:
    files: Files = {}
    for member in archive:
        content = archive.extractfile(member) if member.isfile() else None
        if content:
            files[member.name.removeprefix(below)] = content.read()
    return files


def _packed(files: Files, name: str) -> bytes:
    """A package whose `Chart.yaml` comes first."""
    return packed(dict(sorted(files.items(), key=lambda file: file[0] != "Chart.yaml")), name)


@contextmanager
def serving(world: World) -> Iterator[None]:
    """Give out what the world has, on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with world.lock:
                if self.path not in _SENT:
                    _SENT[self.path] = world.answer(self.path)
            body = _SENT[self.path]
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            with suppress(BrokenPipeError):
                self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    world.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()


_SENT: dict[str, bytes | None] = {}


def laid_out(clone: Clone, world: World, kind: str, into: Path) -> list[Path]:
    """The head of a clone in a folder, with each chart as `made`; those that need others."""
    files = clone.files("HEAD", "")
    charts = sorted(posixpath.dirname(path) for path in files if posixpath.basename(path) == "Chart.yaml")
    outer = [each for each in charts if not any(each.startswith(f"{other}/charts/") for other in charts)]
    found: list[Path] = []
    for folder in outer:
        inside = f"{folder}/" if folder else ""
        own = {path.removeprefix(inside): data for path, data in files.items() if path.startswith(inside)}
        made = world.made(own, clone, kind)
        for path, data in made.items():
            file = into / folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        if _needs(made):
            found.append(into / folder)
    return found


def told(found: Analysis) -> Told:
    """What each template says, by the analysis alone."""
    owners: dict[str, Node] = {}

    def visit(node: Node, path: str) -> None:
        owners[path] = node
        for need in found.closure.needs:
            if need.parent == node and need.enabled:
                visit(need.chart, f"{path}/charts/{need.key}")

    visit(found.root, found.root.name)
    winner = min(owners, key=lambda path: (path.count("/"), f"{path}/templates/_names.tpl".encode()))
    shared = f"{owners[winner].name}@{owners[winner].version}"
    return {
        f"{path}/templates/cm.yaml".replace("/", "."): (f"{path.rpartition('/')[2]}@{node.version}", shared)
        for path, node in owners.items()
        if found.closure.graph.about(node).type != "library"
    }


@dataclass
class Helm:
    """Real Helm, with a home of its own."""

    program: Path
    home: Path
    built: set[Path] = field(default_factory=set[Path])
    known: set[str] = field(default_factory=set[str])

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        places = {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CONFIG", "CACHE", "DATA")}
        return subprocess.run(
            [self.program, *arguments],
            cwd=folder,
            env={**os.environ, **places},
            capture_output=True,
            text=True,
            check=False,
        )

    def add(self, world: World, clone: Clone) -> None:
        """Let it know the repositories that locks name; it asks each once."""
        sources = {f"published/{name}" for name in PUBLISHED.values() if name in world.clones}
        for place in sorted({*sources, f"local/{clone.name}"}):
            if place not in self.known:
                self.known.add(place)
                self.run(Path(), "repo", "add", place.replace("/", "-"), f"{world.url}/told/{place}")

    def build(self, folder: Path) -> str:
        """Build `charts/` where it lacks something, of neighbours first; what Helm says against it."""
        if folder in self.built or not (folder / "Chart.yaml").is_file():
            return ""
        self.built.add(folder)
        files = {
            each: (folder / each).read_bytes()
            for each in ("Chart.yaml", "requirements.yaml")
            if (folder / each).is_file()
        }
        needs = _needs(files)
        for need in needs:
            repository = str(need.get("repository") or "")
            if repository.startswith("file://"):
                self.build((folder / repository.removeprefix("file://")).resolve())
        is_whole = {str(need.get("name")) for need in needs} <= set(_standing(folder / "charts"))
        answer = None if is_whole else self.run(folder, "dependency", "build", "--skip-refresh")
        return answer.stderr.strip().splitlines()[-1] if answer and answer.returncode else ""

    def told(self, folder: Path) -> Told | str:
        """What each template says, rendered; or what Helm says against it."""
        refused = self.build(folder)
        answer = self.run(folder, "template", "x", ".")
        if answer.returncode:
            return refused or answer.stderr.strip().splitlines()[-1]
        rendered = documents.parse_all(answer.stdout.encode(), "")
        values = [each.value for each in rendered if each.value]
        return {each["metadata"]["name"]: (each["data"]["chart"], each["data"]["shared"]) for each in values}


def _standing(charts: Path) -> Iterator[str]:
    for entry in charts.iterdir() if charts.is_dir() else ():
        if entry.is_dir() and (entry / "Chart.yaml").is_file():
            yield str(_metadata((entry / "Chart.yaml").read_bytes()).get("name"))
        elif entry.suffix == ".tgz":
            yield load(entry).name


@dataclass(frozen=True)
class Verdict:
    """How one chart came out: a word for it, and what was seen."""

    chart: str
    word: str
    why: str = ""


def compared(chart: str, found: Analysis, truth: Told | str) -> Verdict:
    """Whether Helm loads what is told."""
    own = [each for each in found.closure.lost if each.parent == found.root]
    if isinstance(truth, str) and "library charts are not installable" in truth:
        return Verdict(chart, "a library")
    if isinstance(truth, str):
        return Verdict(
            chart,
            "both refuse" if own else "helm alone refuses",
            f"{truth[:300]} {[each.why for each in own]}",
        )
    if own:
        return Verdict(chart, "differs", f"Helm builds it, and here {own[0].dependency.name}: {own[0].why}")
    if any(each.difference is Difference.BY_CHANCE for each in found.closure.deviations):
        return Verdict(chart, "by chance")
    here = told(found)
    if here == truth:
        return Verdict(chart, "agrees")
    apart = sorted(set(here.items()) ^ set(truth.items()))
    return Verdict(chart, "differs", f"{len(here)} here, {len(truth)} there: {apart[:4]}")


def examined(
    clone: Clone, world: World, judge: Helm, scratch: Path
) -> tuple[list[Verdict], dict[str, float]]:
    """Every chart of a clone that needs others, and figures of the whole."""
    figures: Counter[str] = Counter()
    spent = 0.0
    for folder in laid_out(clone, world, "full", scratch / "full"):
        repositories = _repositories(world, clone, "full")
        start = time.process_time()
        try:
            found = analyze(load(folder, within=scratch / "full"), repositories, within=scratch / "full")
        except OrchestratorError as error:
            figures["refused"] += 1
            print(f"   {folder.relative_to(scratch)}: {error.what}")
            continue
        finally:
            spent += time.process_time() - start
        figures["charts"] += 1
        figures["needs"] += sum(1 for _ in found.closure.needs)
        figures["conflicts"] += len(found.conflicts)
        figures["harmful"] += any(each.harm is Harm.HARMFUL for each in (*found.conflicts, *found.collisions))
        figures["not to be had"] += bool(found.closure.lost)
    folders = laid_out(clone, world, "told", scratch / "here")
    laid_out(clone, world, "told", scratch / "there")
    judge.add(world, clone)
    verdicts: list[Verdict] = []
    for folder in folders:
        chart = str(folder.relative_to(scratch / "here"))
        try:
            found = analyze(
                load(folder, within=scratch / "here"),
                _repositories(world, clone, "told"),
                values={},
                within=scratch / "here",
            )
        except OrchestratorError as error:
            verdicts.append(Verdict(chart, "refused here", error.what))
            continue
        verdicts.append(compared(chart, found, judge.told(scratch / "there" / chart)))
    return verdicts, {**figures, "processor": spent}


def _repositories(world: World, clone: Clone, kind: str) -> Repositories:
    key = f"{clone.name} {kind}"
    if key not in _KNOWN:
        _KNOWN[key] = Repositories(web=Internet(Egress().naming(world.url)), names=dict)
    return _KNOWN[key]


_KNOWN: dict[str, Repositories] = {}


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("clones", nargs="+", metavar="OWNER/NAME=CLONE")
    options.add_argument("--helm", type=Path, required=True)
    options.add_argument("--only", nargs="*", help="look at the charts of these alone")
    given = options.parse_args()
    pairs = (each.partition("=") for each in given.clones)
    world = World({name: Clone(name, Path(path)) for name, _, path in pairs})
    results, total = Results("umbrellas"), Counter[str]()
    for clone in world.clones.values():
        clone.versions("")
    with serving(world), tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(1) as threads:
        judge = Helm(given.helm, Path(scratch, "home"))
        for name, clone in world.clones.items():
            if given.only and name not in given.only:
                continue
            verdicts, figures = threads.submit(
                examined, clone, world, judge, Path(scratch, name.replace("/", "+"))
            ).result()
            words = Counter(each.word for each in verdicts)
            total += words
            print(f"{name}: {dict(words)} {figures}", flush=True)
            for each in verdicts:
                if each.why:
                    print(f"   {each.word} {each.chart}: {each.why}", flush=True)
            for what, count in {**words, **figures}.items():
                results.add(f"{name}: {what}", "charts", count)
    print(dict(total))
    results.write()


if __name__ == "__main__":
    main()
