import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy_orchestrator.charts import (
    ChartInvalid,
    ChartNotFound,
    DependencyCycle,
    Repositories,
    UnsafeChart,
    assemble,
    load,
)
from deploy_orchestrator.registries import DigestMismatch, RepositoryError

MakeChart = Callable[..., Path]
MakePackage = Callable[..., bytes]
URL = "https://charts.example.com"


@pytest.fixture
def publish(tmp_path: Path, make_package: MakePackage) -> Callable[..., Repositories]:
    """A repository at `URL` with packages of these (name, version)s."""

    def make(*charts: tuple[str, str], digest: str | None = None) -> Repositories:
        folder = tmp_path / "repository"
        folder.mkdir()
        entries: dict[str, list[dict[str, object]]] = {}
        for name, version in charts:
            package = make_package({"name": name, "version": version})
            (folder / f"{name}-{version}.tgz").write_bytes(package)
            entries.setdefault(name, []).append(
                {
                    "name": name,
                    "version": version,
                    "urls": [f"{name}-{version}.tgz"],
                    "digest": digest or hashlib.sha256(package).hexdigest(),
                }
            )
        (folder / "index.yaml").write_text(json.dumps({"apiVersion": "v1", "entries": entries}))
        return Repositories({URL: str(folder)})

    return make


def needs(*dependencies: tuple[str, str, str]) -> dict[str, object]:
    return {
        "name": "web",
        "dependencies": [
            {"name": name, "version": version, "repository": repository}
            for name, version, repository in dependencies
        ],
    }


def subcharts(folder: Path) -> list[str]:
    return [str(chart) for chart in load(folder).subcharts]


def test_the_newest_allowed_version_is_downloaded(
    make_chart: MakeChart, publish: Callable[..., Repositories], tmp_path: Path
) -> None:
    repositories = publish(("redis", "1.2.0"), ("redis", "1.10.0"), ("redis", "2.0.0"))
    chart = make_chart(needs(("redis", "1.x.x", URL)), {"templates/a.yaml": "a"})
    into = assemble(chart, tmp_path / "out" / "web", repositories)
    assert into == tmp_path / "out" / "web"
    assert subcharts(into) == ["redis@1.10.0"]
    assert load(into).templates == {"templates/a.yaml": b"a"}
    assert [path.name for path in into.parent.iterdir()] == ["web"]


def test_the_locked_version_is_downloaded(
    make_chart: MakeChart, publish: Callable[..., Repositories], tmp_path: Path
) -> None:
    repositories = publish(("redis", "1.2.0"), ("redis", "1.10.0"))
    chart = make_chart(
        needs(("redis", "1.x.x", URL)), {"Chart.lock": "dependencies: [{name: redis, version: 1.2.0}]"}
    )
    assert subcharts(assemble(chart, tmp_path / "out", repositories)) == ["redis@1.2.0"]


@pytest.mark.parametrize("lock", ["dependencies: [{name: redis, version: 2.0.0}]", "dependencies: []"])
def test_a_lock_that_no_longer_fits_is_refused(
    make_chart: MakeChart, publish: Callable[..., Repositories], tmp_path: Path, lock: str
) -> None:
    repositories = publish(("redis", "1.2.0"), ("redis", "2.0.0"))
    chart = make_chart(needs(("redis", "1.x.x", URL)), {"Chart.lock": lock})
    with pytest.raises(ChartInvalid, match="lock"):
        assemble(chart, tmp_path / "out", repositories)


def test_a_copy_in_charts_that_is_allowed_is_not_downloaded_again(
    make_chart: MakeChart, tmp_path: Path
) -> None:
    chart = make_chart(
        needs(("redis", "1.x.x", URL)),
        {
            "charts/redis/Chart.yaml": "name: redis\nversion: 1.0.0",
            "charts/x/Chart.yaml": "name: x\nversion: 1.0.0",
        },
    )
    assert subcharts(assemble(chart, tmp_path / "out", Repositories())) == ["redis@1.0.0", "x@1.0.0"]


def test_a_copy_in_charts_that_is_not_allowed_is_replaced(
    make_chart: MakeChart, publish: Callable[..., Repositories], tmp_path: Path
) -> None:
    chart = make_chart(
        needs(("redis", "2.x.x", URL)), {"charts/redis/Chart.yaml": "name: redis\nversion: 1.0.0"}
    )
    assert subcharts(assemble(chart, tmp_path / "out", publish(("redis", "2.0.0")))) == ["redis@2.0.0"]


def test_two_versions_of_one_chart_under_aliases_are_both_there(
    make_chart: MakeChart, publish: Callable[..., Repositories], tmp_path: Path
) -> None:
    old = {"name": "redis", "version": "1.x.x", "repository": URL, "alias": "old"}
    new = {"name": "redis", "version": "2.x.x", "repository": URL, "alias": "new"}
    chart = make_chart({"name": "web", "dependencies": [old, new]})
    into = assemble(chart, tmp_path / "out", publish(("redis", "1.0.0"), ("redis", "2.0.0")))
    assert subcharts(into) == ["redis@1.0.0", "redis@2.0.0"]


def test_folders_are_assembled_to_the_bottom(
    make_chart: MakeChart, publish: Callable[..., Repositories], tmp_path: Path
) -> None:
    make_chart({"name": "middle", "dependencies": [{"name": "redis", "version": "*", "repository": URL}]})
    chart = make_chart(needs(("middle", "1.x", "file://../middle")))
    into = assemble(chart, tmp_path / "out", publish(("redis", "1.0.0")))
    (middle,) = load(into).subcharts
    assert (str(middle), [str(chart) for chart in middle.subcharts]) == ("middle@1.0.0", ["redis@1.0.0"])


def test_a_circle_of_folders_is_named(make_chart: MakeChart, tmp_path: Path) -> None:
    make_chart({"name": "a", "dependencies": [{"name": "b", "version": "*", "repository": "file://../b"}]})
    make_chart({"name": "b", "dependencies": [{"name": "a", "version": "*", "repository": "file://../a"}]})
    chart = make_chart(needs(("a", "*", "file://../a")))
    with pytest.raises(DependencyCycle, match="a > b > a") as error:
        assemble(chart, tmp_path / "out", Repositories())
    assert error.value.cycle == ("a", "b", "a")


def test_a_chart_that_needs_itself_is_a_circle(make_chart: MakeChart, tmp_path: Path) -> None:
    with pytest.raises(DependencyCycle, match="web > web"):
        assemble(make_chart(needs(("web", "*", "file://."))), tmp_path / "out", Repositories())


@pytest.mark.parametrize("repository", ["file://../../outside", "file:///etc", "file://../web/../../outside"])
def test_nothing_is_read_outside_the_given_folder(
    make_chart: MakeChart, tmp_path: Path, repository: str
) -> None:
    make_chart({"name": "outside"})
    chart = make_chart(needs(("outside", "*", repository)), at="inside/web")
    with pytest.raises(UnsafeChart):
        assemble(chart, tmp_path / "out", Repositories())


def test_a_wider_folder_may_be_given(make_chart: MakeChart, tmp_path: Path) -> None:
    make_chart({"name": "outside"})
    chart = make_chart(needs(("outside", "*", "file://../../outside")), at="inside/web")
    assert subcharts(assemble(chart, tmp_path / "out", Repositories(), within=tmp_path)) == ["outside@1.0.0"]


def test_a_folder_that_is_another_chart_is_refused(make_chart: MakeChart, tmp_path: Path) -> None:
    make_chart({"name": "other", "version": "2.0.0"})
    for name, version in (("redis", "*"), ("other", "1.x")):
        with pytest.raises(ChartInvalid, match=r"other@2\.0\.0"):
            assemble(make_chart(needs((name, version, "file://../other"))), tmp_path / "out", Repositories())


@pytest.mark.parametrize(
    ("dependency", "error"),
    [
        (("redis", "9.x", URL), ChartNotFound),
        (("radis", "1.x", URL), ChartNotFound),
        (("redis", "1.x", ""), ChartNotFound),
        (("redis", "1.x", "file://../redis"), ChartNotFound),
        (("redis", "not a version", URL), ChartInvalid),
        (("redis", "1.x", "ftp://example.com"), RepositoryError),
        (("redis", "1.x", "http://[broken"), RepositoryError),
    ],
)
def test_a_dependency_that_cannot_be_had_is_told_and_nothing_is_written(
    make_chart: MakeChart,
    publish: Callable[..., Repositories],
    tmp_path: Path,
    dependency: tuple[str, str, str],
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        assemble(make_chart(needs(dependency)), tmp_path / "out", publish(("redis", "1.0.0")))
    assert not (tmp_path / "out").exists()


def test_a_name_almost_right_brings_a_suggestion(
    make_chart: MakeChart, publish: Callable[..., Repositories], tmp_path: Path
) -> None:
    with pytest.raises(ChartNotFound, match="did you mean redis"):
        assemble(make_chart(needs(("radis", "1.x", URL))), tmp_path / "out", publish(("redis", "1.0.0")))


def test_bytes_that_were_not_promised_are_refused(
    make_chart: MakeChart, publish: Callable[..., Repositories], tmp_path: Path
) -> None:
    with pytest.raises(DigestMismatch):
        assemble(
            make_chart(needs(("redis", "*", URL))),
            tmp_path / "out",
            publish(("redis", "1.0.0"), digest="0" * 64),
        )


def test_what_stood_there_before_is_replaced(make_chart: MakeChart, tmp_path: Path) -> None:
    chart = make_chart({"name": "web"}, {"templates/a.yaml": "a"})
    assemble(chart, tmp_path / "out", Repositories())
    (chart / "templates/a.yaml").rename(chart / "templates/b.yaml")
    assert set(load(assemble(chart, tmp_path / "out", Repositories())).templates) == {"templates/b.yaml"}


def test_folders_that_multiply_are_refused(make_chart: MakeChart, tmp_path: Path) -> None:
    for level in range(20):
        below = [f"{side}{level + 1}" for side in "ab"]
        both = [{"name": name, "version": "*", "repository": f"file://../{name}"} for name in below]
        for side in "ab":
            make_chart({"name": f"{side}{level}", "dependencies": both if level < 19 else []})
    with pytest.raises(UnsafeChart, match="files"):
        assemble(tmp_path / "a0", tmp_path / "out", Repositories())
