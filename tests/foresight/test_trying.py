"""Ways out are rendered before they are proposed."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.charts import Chart, Repositories, analyze, load
from deploy_orchestrator.foresight import Tried, tried

URL = "https://main.example.com"
DEFINED = '{{ define "lib.name" }}%s{{ end }}'
CALLING = (
    'kind: ConfigMap\napiVersion: v1\nmetadata: {name: {{ .Chart.Name }}}\nx: {{ include "lib.name" . }}\n'
)
BROKEN = 'x: {{ required "the key x" .Values.x }}\n'


def metadata(name: str, version: str, *needs: str) -> dict[str, Any]:
    told = [{"name": each, "version": wanted, "repository": URL} for each, wanted in map(str.split, needs)]
    return {"apiVersion": "v2", "name": name, "version": version, "dependencies": told}


def packed(chart: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, data in {"Chart.yaml": json.dumps(chart).encode(), **files}.items():
            member = tarfile.TarInfo(f"{chart['name']}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


class Published:
    """A repository in a folder: `lib` 1.0.0 and 2.0.0, and charts that carry one of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self.libs = {
            version: self._publish(
                metadata("lib", version), {"templates/_h.tpl": (DEFINED % version).encode()}
            )
            for version in ("1.0.0", "2.0.0")
        }

    def user(self, name: str, version: str, lib: str, template: str = CALLING) -> None:
        carried = {f"charts/lib-{lib}.tgz": self.libs[lib], "templates/x.yaml": template.encode()}
        self._publish(metadata(name, version, "lib >=1.0.0"), carried)

    def repositories(self) -> Repositories:
        (self.folder / "index.yaml").write_text(json.dumps({"apiVersion": "v1", "entries": self.entries}))
        return Repositories({URL: str(self.folder)})

    def _publish(self, chart: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
        file = f"{chart['name']}-{chart['version']}.tgz"
        data = packed(chart, files)
        (self.folder / file).write_bytes(data)
        self.entries.setdefault(chart["name"], []).append({**chart, "urls": [file]})
        return data


@pytest.fixture
def published(tmp_path: Path) -> Published:
    (tmp_path / "hub").mkdir()
    found = Published(tmp_path / "hub")
    found.user("a", "1.0.0", "1.0.0")
    found.user("b", "1.0.0", "2.0.0")
    return found


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "charts" / "web"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(json.dumps(metadata("web", "1.0.0", "a 1.0.0", "b 1.0.0")))
    return folder


def trial(chart: Chart, published: Published) -> Tried:
    repositories = published.repositories()
    return tried(chart, analyze(chart, repositories), repositories)


def test_a_package_kept_unpacked_with_another_copy_inside_is_rendered_and_proposed(
    published: Published, web: Path
) -> None:
    found = trial(load(web), published)
    ((fix,),) = (each.fixes for each in found.analysis.conflicts)
    assert [each.key for each in fix.vendored] == ["a"]
    assert (found.refused, found.untried) == ((), None)


def test_a_version_with_which_the_chart_does_not_render_is_no_way_out(
    published: Published, web: Path
) -> None:
    published.user("a", "2.0.0", "2.0.0", BROKEN)
    found = trial(load(web), published)
    ((fix, error),) = found.refused
    assert [(each.key, each.after) for each in fix.changes] == [("a", "2.0.0")]
    assert "the key x" in error.what
    assert found.analysis.conflicts[0].fixes == ()


def test_where_the_chart_does_not_render_as_it_is_nothing_is_tried(published: Published, web: Path) -> None:
    (web / "templates" / "y.yaml").write_text(BROKEN)
    found = trial(load(web), published)
    assert found.untried
    assert found.analysis.conflicts[0].fixes
