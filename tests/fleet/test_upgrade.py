"""The fleet with another version of a chart, as people would edit it, and not committed."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deploy_orchestrator.charts import ChartNotFound, Repositories
from deploy_orchestrator.fleet import ChartUpgrade, Fleet, Wanted, changed, load, upgraded
from deploy_orchestrator.git import Tree

Files = dict[str, str | bytes]
Commit = Callable[[Mapping[str, str | bytes]], Tree]

URL = "https://charts.example.com/bitnami"


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    entries: dict[str, list[dict[str, object]]] = {}
    for name, version in (("redis", "17.0.0"), ("redis", "18.1.0"), ("common", "4.0.0")):
        package = tmp_path / f"{name}-{version}.tgz"
        with tarfile.open(package, "w:gz") as archive:
            text = f"apiVersion: v2\nname: {name}\nversion: {version}\n".encode()
            member = tarfile.TarInfo(f"{name}/Chart.yaml")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        entries.setdefault(name, []).append(
            {"name": name, "version": version, "urls": [package.name], "digest": digest}
        )
    (tmp_path / "index.json").write_text(json.dumps({"apiVersion": "v1", "entries": entries}))
    return Repositories({URL: str(tmp_path / "index.json")})


def text(fleet: Fleet, path: str) -> str:
    return fleet.tree.read(path).decode()


def test_a_dependency_goes_up_where_a_chart_of_the_fleet_names_it(
    files: Files, commit: Commit, repositories: Repositories
) -> None:
    fleet = load(commit(files))
    then = upgraded(fleet, ChartUpgrade(Wanted("redis"), "18.1.0"), repositories)
    (edit,) = then.edits
    assert (edit.place.file, edit.place.line, edit.before, edit.after) == (
        "charts/web/Chart.yaml",
        9,
        "17.0.0",
        "18.1.0",
    )
    assert "version: 18.1.0" in text(then.fleet, "charts/web/Chart.yaml")
    assert {each.key for each in changed(fleet, then.fleet)} == {each.key for each in fleet.deployments()}
    assert then.fleet.revision == fleet.revision


def test_a_chart_in_a_folder_becomes_the_published_one_and_keeps_the_value_layers_beside_it(
    files: Files, commit: Commit, repositories: Repositories
) -> None:
    files["charts/common/values-production.yaml"] = "a: 1\n"
    fleet = load(commit(files))
    then = upgraded(fleet, ChartUpgrade(Wanted("common"), "4.0.0"), repositories)
    assert [(str(each.place), each.after) for each in then.edits] == [
        ("charts/web/Chart.yaml:6: dependencies[0].version", "4.0.0")
    ]
    assert then.fleet.tree.names("charts/common") == ["Chart.yaml", "values-production.yaml"]
    assert "version: 4.0.0" in text(then.fleet, "charts/common/Chart.yaml")


def test_a_lock_goes_along_with_its_chart(files: Files, commit: Commit, repositories: Repositories) -> None:
    lock = "dependencies:\n  - {name: common, version: 3.0.0}\n  - {name: redis, version: 17.0.0}\n"
    files["charts/web/Chart.lock"] = lock
    then = upgraded(load(commit(files)), ChartUpgrade(Wanted("redis"), "18.1.0"), repositories)
    held = text(then.fleet, "charts/web/Chart.lock")
    assert "18.1.0" in held
    assert "3.0.0" in held


def test_a_chart_that_nothing_names_leaves_the_fleet_as_it_is(
    files: Files, commit: Commit, repositories: Repositories
) -> None:
    fleet = load(commit(files))
    then = upgraded(fleet, ChartUpgrade(Wanted("mysql"), "1.0.0"), repositories)
    assert (then.edits, then.fleet.tree.root) == ((), fleet.tree.root)


def test_only_the_named_parent_is_edited(files: Files, commit: Commit, repositories: Repositories) -> None:
    fleet = load(commit(files))
    elsewhere = ChartUpgrade(Wanted("redis"), "18.1.0", within=Wanted("tenant-platform"))
    assert upgraded(fleet, elsewhere, repositories).edits == ()
    there = ChartUpgrade(Wanted("redis"), "18.1.0", within=Wanted("web"))
    assert len(upgraded(fleet, there, repositories).edits) == 1


def test_a_version_that_is_not_published_is_refused(
    files: Files, commit: Commit, repositories: Repositories
) -> None:
    with pytest.raises(ChartNotFound, match="has no redis in version"):
        upgraded(load(commit(files)), ChartUpgrade(Wanted("redis"), "99.0.0"), repositories)


def test_a_chart_goes_up_in_the_release_that_names_it(
    files: Files, commit: Commit, repositories: Repositories
) -> None:
    releases = (
        "releases:\n"
        "  - {name: front, chart: {name: web, version: ~1.2.0}, after: [store]}\n"
        "  - {name: store, chart: {name: redis, version: 17.0.0, repository: bitnami}}\n"
    )
    text_of_one = str(files["tenants/blog/tenant.yaml"])
    files["tenants/blog/tenant.yaml"] = text_of_one.replace(
        "chart:\n  name: web\n  version: ~1.2.0\n", releases
    )
    fleet = load(commit(files))
    then = upgraded(fleet, ChartUpgrade(Wanted("redis", URL), "18.1.0"), repositories)
    edits = {(each.place.file, str(each.place.field), each.before, each.after) for each in then.edits}
    assert ("tenants/blog/tenant.yaml", "releases[1].chart.version", "17.0.0", "18.1.0") in edits
    assert [each.version for each in then.fleet.tenants["blog"].charts] == ["~1.2.0", "18.1.0"]
