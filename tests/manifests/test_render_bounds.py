import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.errors import Place
from deploy_orchestrator.git import UnsafeTree
from deploy_orchestrator.manifests import Limits, Manifests, RenderError, Workspace, diff, render, render_all

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {values: {{ .Values | toJson | quote }}}
"""


@pytest.mark.parametrize(
    ("template", "limits", "reason"),
    [
        ("{{ range until 100000000 }}x{{ end }}", Limits(60, 300), "took more than 300 MB of memory"),
        (
            "{{ range until 99999 }}{{ range until 99999 }}{{ end }}{{ end }}",
            Limits(3, 2000),
            "took longer than 3",
        ),
        ('{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}', Limits(), "template depth"),
    ],
)
def test_a_chart_that_eats_memory_or_time_fails_alone(
    on_disk: Any, tmp_path: Path, template: str, limits: Limits, reason: str
) -> None:
    on_disk.chart("bad", {"templates/a.yaml": template})
    on_disk.chart("good", {"templates/a.yaml": CONFIG_MAP})
    on_disk.tenant("bad", environments=["dev"])
    on_disk.tenant("good")
    fleet = on_disk.load()
    with closing(Workspace(tmp_path / "c", processes=1, limits=limits)) as workspace:
        results = {each.key: result for each, result in render_all(fleet.deployments(), fleet, workspace)}
    assert isinstance(results["dev/bad"], RenderError)
    assert reason in str(results["dev/bad"])
    assert isinstance(results["dev/good"], Manifests)
    assert isinstance(results["production/good"], Manifests)


ORPHAN = """
import sys
from pathlib import Path
from deploy_orchestrator.manifests import Limits
from deploy_orchestrator.manifests.workers import Workers
request = dict(chart=sys.argv[1], name="a", namespace="a", layers=[], times=1, binary=None, hookEvents=[])
workers = Workers(1, Limits(seconds=2))
workers.ask("about", {})
print("asking", flush=True)
workers.ask("template", {**request, "kubernetes": None, "apis": []})
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_a_render_that_nobody_waits_for_any_more_ends(on_disk: Any) -> None:
    on_disk.chart(
        "bad", {"templates/a.yaml": "{{ range until 99999 }}{{ range until 99999 }}{{ end }}{{ end }}"}
    )
    chart = str(on_disk.path / "charts/bad")
    with subprocess.Popen([sys.executable, "-c", ORPHAN, chart], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"asking\n"
        workers = children(parent.pid)
        assert workers
        parent.kill()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{worker}/cmdline").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def children(parent: int) -> list[str]:
    """The ids of the processes whose parent this is."""
    found: list[str] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if status.read_text().rpartition(")")[2].split()[1] == str(parent):
                found.append(status.parent.name)
    return found


def test_unchanged_tenants_are_never_rendered_again(on_disk: Any, tmp_path: Path) -> None:
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    first = Workspace(tmp_path / "c", processes=1)
    before = list(render_all(fleet.deployments(), fleet, first))
    first.close()
    unable = Workspace(tmp_path / "c", processes=1, limits=Limits(seconds=0))
    on_disk.write({"README.md": "another commit"})
    again = on_disk.load()
    after = list(render_all(again.deployments(), again, unable))
    assert after == before
    for (_, one), (_, other) in zip(after, before, strict=True):
        assert isinstance(one, Manifests)
        assert isinstance(other, Manifests)
        assert (one.chart, one.findings) == (other.chart, other.findings)


def test_only_what_can_change_the_output_is_rendered_again(on_disk: Any, tmp_path: Path) -> None:
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    first = Workspace(tmp_path / "c", processes=1)
    before = render(fleet.deployment("dev", "ml"), fleet, first)
    on_disk.tenant("ml", {"values-dev.yaml": "x: 1"})
    fleet = on_disk.load()
    after = render(fleet.deployment("dev", "ml"), fleet, first)
    assert [change.key.name for change in diff(before, after).changed] == ["ml"]
    first.close()


@pytest.mark.parametrize("damage", [b"", b"x", b"{}"])
def test_damaged_cache_entries_are_made_again(on_disk: Any, tmp_path: Path, damage: bytes) -> None:
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    deployment = fleet.deployment("dev", "ml")
    with closing(Workspace(tmp_path / "c", processes=1)) as workspace:
        before = render(deployment, fleet, workspace)
    for file in (tmp_path / "c").rglob("*"):
        if file.is_file():
            file.write_bytes(damage if damage else file.read_bytes()[:-1])
    with closing(Workspace(tmp_path / "c", processes=1)) as workspace:
        assert render(deployment, fleet, workspace) == before


def test_a_chart_that_others_make_again_meanwhile_is_waited_for(on_disk: Any, tmp_path: Path) -> None:
    on_disk.chart("ml", {f"templates/{number}.yaml": CONFIG_MAP for number in range(300)})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    chart = fleet.charts["ml"]

    def ask(_: int) -> str:
        with closing(Workspace(tmp_path / "c", processes=1)) as workspace:
            return workspace.charts.local(chart, fleet.tree, {}).digest

    before = ask(0)
    for _ in range(3):
        for file in (tmp_path / "c/charts").glob("*/chart/Chart.yaml"):
            file.write_bytes(b"damaged")
        with ThreadPoolExecutor(4) as threads:
            assert set(threads.map(ask, range(8))) == {before}


@pytest.mark.parametrize("oddity", ["link", "submodule"])
def test_what_no_chart_may_hold_stops_only_its_own_chart(
    on_disk: Any, workspace: Workspace, oddity: str
) -> None:
    for name in ("odd", "good"):
        on_disk.chart(name, {"templates/a.yaml": CONFIG_MAP})
        on_disk.tenant(name, environments=["dev"])
    inside = on_disk.path / "charts/odd/inside"
    if oddity == "link":
        inside.symlink_to("../../fleet.yaml")
    else:
        inside.mkdir()
        for command in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message", "x"]):
            subprocess.run(
                ["git", "-c", "user.name=t", "-c", "user.email=t@t", *command], cwd=inside, check=True
            )
    fleet = on_disk.load()
    results = {each.key: result for each, result in render_all(fleet.deployments(), fleet, workspace)}
    assert isinstance(results["dev/good"], Manifests)
    assert isinstance(results["dev/odd"], UnsafeTree)
    assert results["dev/odd"].place == Place("charts/odd/inside")


def test_a_cache_that_is_removed_meanwhile_is_made_again(on_disk: Any, tmp_path: Path) -> None:
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    deployment = fleet.deployment("dev", "ml")
    with closing(Workspace(tmp_path / "c", processes=1)) as workspace:
        before = render(deployment, fleet, workspace)
        shutil.rmtree(tmp_path / "c")
        assert render(deployment, fleet, workspace) == before


def test_the_cache_is_for_its_owner_only(on_disk: Any, tmp_path: Path) -> None:
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    workspace = Workspace(tmp_path / "c", processes=1)
    render(fleet.deployment("dev", "ml"), fleet, workspace)
    workspace.close()
    assert [each for each in (tmp_path / "c").iterdir() if each.stat().st_mode & 0o077] == []


def test_many_are_rendered_in_their_order_and_errors_stand_in_their_place(
    on_disk: Any, workspace: Workspace
) -> None:
    for number in range(6):
        on_disk.chart(f"t{number}", {"templates/a.yaml": CONFIG_MAP if number % 3 else "{{ fail `no` }}"})
        on_disk.tenant(f"t{number}")
    fleet = on_disk.load()
    results = list(render_all(fleet.deployments(), fleet, workspace))
    assert [each.key for each, _ in results] == [each.key for each in fleet.deployments()]
    assert [isinstance(result, RenderError) for _, result in results] == [True, False, False] * 4


def test_threads_may_share_a_workspace(on_disk: Any, workspace: Workspace) -> None:
    on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP, "values.yaml": "threads: 1"})
    on_disk.tenant("ml")
    fleet = on_disk.load()
    found: list[Manifests] = []
    deployment = fleet.deployment("dev", "ml")
    threads = [
        threading.Thread(target=lambda: found.append(render(deployment, fleet, workspace))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({each.content for each in found}) == 1


def test_what_nobody_asks_for_in_a_month_goes(on_disk: Any, tmp_path: Path) -> None:
    cache = tmp_path / "c"

    def rendered(image: str) -> list[Path]:
        on_disk.chart("ml", {"templates/a.yaml": CONFIG_MAP, "values.yaml": f"image: {image}"})
        on_disk.tenant("ml")
        fleet = on_disk.load()
        with closing(Workspace(cache, processes=1)) as workspace:
            render(fleet.deployment("dev", "ml"), fleet, workspace)
        return [file for file in cache.rglob("*") if file.is_file() and file.suffix != ".lock"]

    old = rendered("old")
    month_ago = time.time() - 31 * 24 * 3600
    for file in old:
        os.utime(file, (month_ago, month_ago))
    new = set(rendered("new")) - set(old)
    kept = rendered("new")
    assert new <= set(kept)
    gone = [file for file in old if not file.exists()]
    assert {file.relative_to(cache).parts[0] for file in gone} == {"charts", "manifests", "releases"}
