"""Umbrella charts made at random, and what real Helm builds and renders of them."""

import hashlib
import json
import os
import random
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from deploy_orchestrator.charts import (
    Analysis,
    Constraint,
    Difference,
    Known,
    Node,
    Repositories,
    Version,
    analyze,
    load,
)
from deploy_orchestrator.registries import Egress, Internet

UMBRELLAS = 300
HELM = shutil.which("helm") or ""
pytestmark = [
    pytest.mark.helm,
    pytest.mark.skipif(not HELM, reason="no helm on PATH"),
]

Dependency = dict[str, Any]
LEVELS = (("lib", "base"), ("redis", "queue"), ("web", "api"))
"""Names of published charts; those of a level need some of the levels before."""

IMPORTED: list[list[object]] = [
    ["data"],
    [{"child": "sub", "parent": "."}],
    [{"child": "global", "parent": "global"}, "data"],
    [{"child": "enabled", "parent": "tags.front"}],
]
"""What a parent takes over of the values of a chart."""
ODD = ("true", "no", 0, 1, None, [], {})
"""What stands for whether a chart is on, and is no boolean."""
LEFT_OUT = ("charts/*-2*.tgz", "charts/lib*", "*.tgz", "charts/", "*.md")

NAME = '{{ define "%s" }}%s{{ end }}'
RENDERED = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Template.Name | replace "/" "." | quote }}}
data: {chart: "{{ .Chart.Name }}@{{ .Chart.Version }}", shared: "{{ include "shared.name" . }}"}
"""
PLACES = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: places}
data: {places: { {{- include "places" (list "" .) -}} }}
{{- define "places" }}
{{- $above := first . }}
{{- range $key, $it := (last .).Subcharts }}
"{{ $above }}/{{ $key }}": "{{ $it.Chart.Name }}@{{ $it.Chart.Version }}",
{{- include "places" (list (printf "%s/%s" $above $key) $it) }}
{{- end }}
{{- end }}
"""


@dataclass
class World:
    """Repositories full of packages, all made from one seed."""

    folder: Path
    url: str
    draw: random.Random
    packages: dict[tuple[str, str, str], bytes] = field(default_factory=dict[tuple[str, str, str], bytes])

    def publish(self) -> None:
        for level, names in enumerate(LEVELS):
            for name in names:
                for repository in self.draw.sample(("one", "two"), self.draw.choice((1, 2))):
                    for version in sorted({self._version() for _ in range(4)}):
                        self._publish(repository, name, version, level)
        for repository in ("one", "two"):
            entries: dict[str, list[dict[str, object]]] = {}
            for (at, name, version), data in self.packages.items():
                if at == repository:
                    entry = {
                        "apiVersion": "v2",
                        "name": name,
                        "version": version,
                        "urls": [f"{name}-{version}.tgz"],
                        "digest": hashlib.sha256(data).hexdigest(),
                    }
                    entries.setdefault(name, []).append(entry)
            index = {"apiVersion": "v1", "entries": entries}
            (self.folder / repository / "index.yaml").write_text(yaml.safe_dump(index))

    def umbrella(self, folder: Path) -> dict[str, Any]:
        """Writes a chart that needs some of what is published; returns the values to render it with."""
        draw = self.draw
        needs = self._needs(sorted(self.packages), draw.randint(1, 4))
        self._write(folder, "umbrella", "1.0.0", needs)
        charts = folder / "charts"
        for need in needs:
            if draw.random() < 0.4:
                self._vendor(charts, need, stale=draw.random() < 0.4)
        if draw.random() < 0.15:
            repository, name, version = draw.choice(sorted(self.packages))
            self._put(charts, repository, name, version)
        return self._values(needs)

    def _version(self) -> str:
        return f"{self.draw.randint(1, 2)}.{self.draw.randint(0, 3)}.0"

    def _publish(self, repository: str, name: str, version: str, level: int) -> None:
        below = sorted(key for key in self.packages if any(key[1] in names for names in LEVELS[:level]))
        needs = self._needs(below, self.draw.randint(0, 3)) if below else []
        source = self.folder / "source" / repository / f"{name}-{version}"
        self._write(source, name, version, needs, declares=self.draw.random() > 0.1)
        for need in needs:
            if self.draw.random() > 0.15:
                self._vendor(source / "charts", need, stale=self.draw.random() < 0.2)
        target = self.folder / repository
        target.mkdir(exist_ok=True)
        package = target / f"{name}-{version}.tgz"
        subprocess.run(
            [
                "tar",
                "-czf",
                package,
                "-C",
                source.parent,
                f"--transform=s,^{source.name},{name},",
                source.name,
            ],
            check=True,
        )
        self.packages[repository, name, version] = package.read_bytes()

    def _needs(self, published: list[tuple[str, str, str]], count: int) -> list[Dependency]:
        needs: list[Dependency] = []
        origins: dict[str, str] = {}
        for repository, name, version in self.draw.choices(published, k=count):
            if origins.setdefault(name, repository) != repository:
                continue
            key = name
            need: Dependency = {"name": name, "version": self._constraint(version)}
            need["repository"] = f"{self.url}/{repository}"
            if any(each.get("alias", each["name"]) == key for each in needs) or self.draw.random() < 0.3:
                key = need["alias"] = f"{name}-{len(needs)}"
            if self.draw.random() < 0.4:
                paths = (
                    f"{key}.enabled",
                    f"global.{name}",
                    f"{key}.enabled,global.on",
                    "a.b",
                    f" {key}.on",
                    key,
                )
                need["condition"] = self.draw.choice(paths)
            if self.draw.random() < 0.2:
                need["import-values"] = self.draw.choice(IMPORTED)
            if self.draw.random() < 0.3:
                need["tags"] = self.draw.sample(("front", "back"), self.draw.choice((1, 2)))
            needs.append(need)
        return needs

    def _constraint(self, version: str) -> str:
        major, minor, _ = version.split(".")
        return self.draw.choice(
            (version, f"^{version}", f"~{major}.{minor}.0", f">={version}", "*", f"{major}.x")
        )

    def _values(self, needs: list[Dependency], depth: int = 0) -> dict[str, Any]:
        draw, values = self.draw, dict[str, Any]()
        for need in needs:
            key = need.get("alias", need["name"])
            if draw.random() < 0.5:
                values[key] = {"enabled": draw.random() < 0.5}
                if draw.random() < 0.1:
                    values[key]["enabled"] = draw.choice(ODD)
                if draw.random() < 0.1:
                    values[key]["exports"] = {
                        "data": {draw.choice(LEVELS[0]): {"enabled": draw.random() < 0.5}}
                    }
                for name in (name for names in LEVELS for name in names):
                    if draw.random() < 0.2:
                        values[key][name] = {"enabled": draw.random() < 0.5}
        if draw.random() < 0.4:
            values["tags"] = {tag: draw.random() < 0.5 for tag in ("front", "back") if draw.random() < 0.6}
        if draw.random() < 0.4:
            values["global"] = {
                name: draw.random() < 0.5 for name in ("on", "lib", "redis") if draw.random() < 0.6
            }
        return values

    def _vendor(self, charts: Path, need: Dependency, *, stale: bool) -> None:
        repository, allowed = need["repository"].rpartition("/")[2], Constraint.parse(need["version"])
        versions = [
            version
            for at, name, version in self.packages
            if (at, name) == (repository, need["name"]) and allowed.allows(version) is not stale
        ]
        if versions:
            newest = max(versions, key=Version.parse)
            self._put(charts, repository, need["name"], newest if not stale else self.draw.choice(versions))

    def _put(self, charts: Path, repository: str, name: str, version: str) -> None:
        charts.mkdir(exist_ok=True)
        (charts / f"{name}-{version}.tgz").write_bytes(self.packages[repository, name, version])

    def _write(
        self, folder: Path, name: str, version: str, needs: list[Dependency], *, declares: bool = True
    ) -> None:
        chart: dict[str, Any] = {"apiVersion": "v2", "name": name, "version": version}
        if declares:
            chart["dependencies"] = needs
        (folder / "templates").mkdir(parents=True)
        (folder / "Chart.yaml").write_text(yaml.safe_dump(chart))
        if self.draw.random() < 0.05:
            (folder / ".helmignore").write_text(f"{self.draw.choice(LEFT_OUT)}\n")
        (folder / "values.yaml").write_text(
            yaml.safe_dump(self._values(needs) if self.draw.random() < 0.5 else {})
        )
        (folder / "templates" / "_names.tpl").write_text(NAME % ("shared.name", f"{name}@{version}"))
        (folder / "templates" / "cm.yaml").write_text(RENDERED)
        if name == "umbrella":
            (folder / "templates" / "places.yaml").write_text(PLACES)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("served")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def helm(folder: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    places = {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "CACHE", "DATA")}
    return subprocess.run(
        [HELM, *arguments],
        cwd=folder,
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Truth:
    """What Helm renders: each file with the chart that it is of, and whose definition of the shared name it
    got; and each place with the chart that is loaded there.
    """

    files: dict[str, tuple[str, str]]
    places: dict[str, str]


def rendered(folder: Path, home: Path, values: Mapping[str, Any]) -> Truth | None:
    """As people do, `charts/` is built where Helm says that it is not complete. None where that cannot be."""
    (folder.parent / f"{folder.name}.yaml").write_text(json.dumps(values))
    template = ("template", "x", ".", "--values", str(folder.parent / f"{folder.name}.yaml"))
    answer = helm(folder, home, *template)
    if "missing in charts/ directory" in answer.stderr:
        built = helm(folder, home, "dependency", "build")
        if built.returncode:
            return None
        answer = helm(folder, home, *template)
        if "missing in charts/ directory" in answer.stderr:
            return None
    assert answer.returncode == 0, answer.stderr
    read: list[dict[str, dict[str, Any]] | None] = [*yaml.safe_load_all(answer.stdout)]
    documents = [each["data"] | each["metadata"] for each in read if each]
    return Truth(
        {each["name"]: (each["chart"], each["shared"]) for each in documents if "chart" in each},
        next(each["places"] for each in documents if "places" in each),
    )


def expected(found: Analysis) -> dict[str, tuple[str, str]]:
    """The same, by the analysis alone: every chart defines the shared name, and renders beside that."""
    assert found.contents
    clash = next((each for each in found.contents.clashes if each.name == "shared.name"), None)
    if clash is None:
        root = str(found.root)
        return {f"{found.root.name}.templates.cm.yaml": (root, root)}
    winner = str(clash.winner.owner)
    return {
        one.file.replace("_names.tpl", "cm.yaml").replace("/", "."): (
            f"{one.owner.path.rpartition('/')[2]}@{one.owner.version}",
            winner,
        )
        for one in (clash.winner, *clash.others)
    }


def loaded(found: Analysis) -> dict[str, set[str]]:
    """The charts that are on, by the graph: for each place those that stand there."""
    needs, places = list(found.closure.needs), defaultdict[str, set[str]](set)

    def visit(node: Node, path: str) -> None:
        for need in needs:
            if need.parent == node and need.enabled:
                places[f"{path}/{need.key}"].add(f"{need.key}@{need.chart.version}")
                visit(need.chart, f"{path}/{need.key}")

    visit(found.root, "")
    return places


def agrees(found: Analysis, truth: Truth | None) -> None:
    assert (truth is None) == any(each.parent == found.root for each in found.closure.unresolved)
    if truth is None:
        return
    assert expected(found) == truth.files
    places = loaded(found)
    assert all(chart in places[place] for place, chart in truth.places.items())
    shared = tuple(f"{place}/" for place, charts in places.items() if len(charts) > 1)
    unseen = places.keys() - truth.places.keys()
    assert all(place.startswith(shared) for place in unseen), "a stale copy hides what is below its place"


def test_what_is_told_is_what_helm_renders(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    world = World(folder, url, random.Random(20261129))
    world.publish()
    umbrellas = [(tmp_path / f"u{number}") for number in range(UMBRELLAS)]
    values = [world.umbrella(umbrella) for umbrella in umbrellas]
    repositories = Repositories(web=Internet(Egress().naming(url)), names=dict)
    analyses = [
        analyze(load(umbrella), repositories, values=given)
        for umbrella, given in zip(umbrellas, values, strict=True)
    ]
    homes = [tmp_path / "home" / umbrella.name for umbrella in umbrellas]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        told = list(threads.map(rendered, umbrellas, homes, values))
    judged = 0
    for found, truth in zip(analyses, told, strict=True):
        by_chance = any(each.difference is Difference.BY_CHANCE for each in found.closure.deviations)
        if truth is None or not by_chance:
            agrees(found, truth)
            judged += truth is not None
    assert judged > UMBRELLAS * 2 // 3
    differences = {each.difference for found in analyses for each in found.closure.deviations}
    assert {Difference.STALE, Difference.UNASKED, Difference.BY_CHANCE} <= differences
    assert {need.known for found in analyses for need in found.closure.needs} == {Known.CARRIED, Known.NEWEST}
    assert any(node.place for found in analyses for node in found.closure.graph)
    assert any(not need.enabled for found in analyses for need in found.closure.needs)
