import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import helm_python
import pytest

from deploy_orchestrator.charts import (
    Chart,
    ChartInvalid,
    ChartMetadata,
    ChartNotFound,
    Lock,
    LockProblem,
    Repositories,
    UnsafeChart,
    check_lock,
    load,
    lock_as_yaml,
    update_lock,
    write_lock,
)
from deploy_orchestrator.documents import dump
from deploy_orchestrator.registries import Egress, Internet

MakeChart = Callable[..., Path]
MakePackage = Callable[..., bytes]

LOCKS = Path(__file__).parents[1] / "data" / "locks.jsonl.gz"
NOW = datetime(2026, 3, 1, 12, 30, 5, 120000, UTC)
COMMON = {"name": "common", "version": "1.x.x", "repository": "https://charts.example"}
LOCKED = {"name": "common", "version": "1.17.1", "repository": "https://charts.example"}


def chart(dependencies: list[dict[str, Any]], lock: Lock | None, api_version: str = "v2") -> Chart:
    metadata = {"name": "web", "version": "1.0.0", "apiVersion": api_version, "dependencies": dependencies}
    return Chart(ChartMetadata.model_validate(metadata), {}, None, {}, {}, {}, lock, (), "sha256:0")


def locked(*dependencies: dict[str, str], digest: str = "sha256:0") -> Lock:
    return Lock.model_validate({"dependencies": dependencies, "digest": digest})


def problems(chart: Chart) -> list[tuple[LockProblem, str | None]]:
    return [(finding.problem, finding.dependency) for finding in check_lock(chart)]


@pytest.fixture
def charts(tmp_path: Path) -> Repositories:
    """A repository with common in versions 1.9.0, 1.17.1, 2.0.0-rc.1 and 2.0.0."""
    entries = [
        {"apiVersion": "v2", "name": "common", "version": version, "urls": [f"common-{version}.tgz"]}
        for version in ("1.9.0", "2.0.0", "1.17.1", "2.0.0-rc.1")
    ]
    index = tmp_path / "index.yaml"
    index.write_bytes(dump({"apiVersion": "v1", "entries": {"common": entries}}))
    return Repositories({COMMON["repository"]: str(index)})


def real_locks() -> Iterator[dict[str, Any]]:
    with gzip.open(LOCKS, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def test_the_digests_of_real_locks_are_right() -> None:
    wrong = {
        row["chart"]: check_lock(
            chart(row["dependencies"], Lock.model_validate(row["lock"]), row["apiVersion"])
        )
        for row in real_locks()
    }
    assert len(wrong) == 329
    assert {name: findings for name, findings in wrong.items() if findings} == {}


def test_a_change_after_locking_makes_the_digest_wrong() -> None:
    for row in real_locks():
        if row["dependencies"]:
            changed = [{**row["dependencies"][0], "condition": "another.enabled"}, *row["dependencies"][1:]]
            lock = Lock.model_validate(row["lock"])
            assert problems(chart(changed, lock, row["apiVersion"])) == [(LockProblem.DIGEST_WRONG, None)]


def test_dependencies_without_a_lock_miss_one() -> None:
    assert problems(chart([COMMON], None)) == [(LockProblem.MISSING, None)]
    assert problems(chart([], None)) == []


def test_a_dependency_that_is_not_locked_or_no_longer_one_makes_the_lock_stale() -> None:
    other = {**LOCKED, "name": "redis"}
    assert problems(chart([COMMON], locked(other))) == [
        (LockProblem.STALE, "common"),
        (LockProblem.STALE, "redis"),
    ]


def test_a_locked_version_outside_the_constraint_has_drifted() -> None:
    (finding,) = check_lock(chart([COMMON], locked({**LOCKED, "version": "2.0.0"})))
    assert (finding.problem, finding.dependency) == (LockProblem.DRIFTED, "common")
    assert finding.message == "common is locked at 2.0.0, which 1.x.x does not allow"
    assert "lock update" in finding.fix


@pytest.mark.parametrize(("constraint", "version"), [("latest", "1.0.0"), ("1.x", "one"), ("", "1.0.0")])
def test_what_cannot_be_compared_has_drifted(constraint: str, version: str) -> None:
    lock = locked({**LOCKED, "version": version})
    assert problems(chart([{**COMMON, "version": constraint}], lock)) == [(LockProblem.DRIFTED, "common")]


def test_a_chart_in_the_charts_folder_is_locked_by_its_constraint() -> None:
    inside = {"name": "crds", "version": "0.0.*", "repository": ""}
    assert (LockProblem.DRIFTED, "crds") not in problems(chart([inside], locked(inside)))


def test_another_repository_than_the_locked_one_is_told() -> None:
    moved = {**COMMON, "repository": "oci://registry.example/charts"}
    (finding,) = check_lock(chart([moved], locked(LOCKED)))
    assert finding.problem == LockProblem.REPOSITORY_CHANGED
    assert "from https://charts.example but comes from oci://registry.example/charts now" in finding.message


def test_a_repository_named_by_alias_may_be_locked_by_its_url(charts: Repositories) -> None:
    lock = update_lock(chart([COMMON], None), charts, NOW)
    assert problems(chart([COMMON], lock)) == []
    assert problems(chart([{**COMMON, "repository": "@stable"}], lock)) == []


def test_two_aliases_of_one_chart_are_told_apart() -> None:
    one, two = {**COMMON, "alias": "one"}, {**COMMON, "version": "2.x.x", "alias": "two"}
    swapped = locked({**LOCKED, "version": "2.1.0"}, LOCKED)
    assert problems(chart([one, two], swapped)) == [(LockProblem.DIGEST_WRONG, None)]
    assert problems(chart([one, two], locked(LOCKED))) == [(LockProblem.STALE, "two")]


def test_the_newest_allowed_version_is_locked(charts: Repositories) -> None:
    lock = update_lock(chart([{**COMMON, "condition": "common.enabled"}], None), charts, NOW)
    assert lock_as_yaml(lock).decode() == (
        "dependencies:\n"
        "- name: common\n"
        "  repository: https://charts.example\n"
        "  version: 1.17.1\n"
        f"digest: {lock.digest}\n"
        'generated: "2026-03-01T12:30:05.12Z"\n'
    )


@pytest.mark.parametrize(
    ("dependency", "message"),
    [
        ({**COMMON, "version": "3.x"}, "no version of common of .* is allowed by '3.x'"),
        ({**COMMON, "name": "comon"}, "has no chart comon"),
        ({**COMMON, "repository": ""}, "common is not in charts/"),
    ],
)
def test_what_cannot_be_locked_is_told(
    charts: Repositories, dependency: dict[str, str], message: str
) -> None:
    with pytest.raises(ChartNotFound, match=message):
        update_lock(chart([dependency], None), charts, NOW)


def test_a_constraint_that_is_none_is_told_with_its_field(charts: Repositories) -> None:
    with pytest.raises(
        ChartInvalid, match=r"Chart.yaml: dependencies: common: constraint 'latest', column 1"
    ):
        update_lock(chart([{**COMMON, "version": "latest"}], None), charts, NOW)


def test_a_chart_beside_is_locked_only_inside_the_boundary(
    make_chart: MakeChart, charts: Repositories, tmp_path: Path
) -> None:
    make_chart({"name": "lib", "version": "1.2.0"}, at="fleet/lib")
    make_chart({"name": "far", "version": "1.0.0"})
    beside = {"name": "lib", "version": "^1.0.0", "repository": "file://../lib"}
    outside = {"name": "far", "version": "1.0.0", "repository": "file://../../far"}
    web = load(make_chart({"name": "web", "dependencies": [beside]}, at="fleet/web"))
    assert update_lock(web, charts, NOW).dependencies[0].version == "1.2.0"
    api = load(make_chart({"name": "api", "dependencies": [outside]}, at="fleet/api"))
    with pytest.raises(UnsafeChart):
        update_lock(api, charts, NOW)
    assert update_lock(api, charts, NOW, within=tmp_path).dependencies[0].version == "1.0.0"


def test_a_lock_is_written_only_when_it_changes(make_chart: MakeChart, charts: Repositories) -> None:
    folder = make_chart({"name": "web", "dependencies": [COMMON]})
    web = load(folder)
    assert write_lock(folder, web, update_lock(web, charts, NOW)) == folder / "Chart.lock"
    web = load(folder)
    assert problems(web) == []
    assert write_lock(folder, web, update_lock(web, charts, datetime.now(UTC))) is None
    assert sorted(file.name for file in folder.iterdir()) == ["Chart.lock", "Chart.yaml"]


def test_a_lock_is_never_written_through_a_link(make_chart: MakeChart, charts: Repositories) -> None:
    folder = make_chart({"name": "web", "dependencies": [COMMON]})
    (folder / "Chart.lock").symlink_to(folder / "elsewhere")
    web = chart([COMMON], None)
    with pytest.raises(UnsafeChart):
        write_lock(folder, web, update_lock(web, charts, NOW))
    assert not (folder / "elsewhere").exists()


@pytest.fixture
def served(tmp_path: Path, make_package: MakePackage) -> Iterator[str]:
    """The URL of a repository over HTTP."""
    folder = tmp_path / "served"
    folder.mkdir()
    for version in ("1.9.0", "1.17.1", "1.18.0-rc.1", "2.0.0"):
        (folder / f"common-{version}.tgz").write_bytes(make_package({"name": "common", "version": version}))
    helm_python.repo_index_generate(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("api_version", ["v1", "v2"])
def test_a_lock_has_the_bytes_that_helm_writes(served: str, make_chart: MakeChart, api_version: str) -> None:
    make_chart({"name": "lib", "version": "0.3.0"})
    dependencies = [
        {"name": "common", "version": "1.x.x", "repository": served, "tags": ["a<b"], "alias": "first"},
        {"name": "common", "version": ">=1.9, <1.10", "repository": served, "import-values": ["data"]},
        {"name": "lib", "version": "0.3", "repository": "file://../lib", "condition": "lib.on"},
        {"name": "any", "version": "*", "repository": ""},
        {"name": "number", "version": "1.10", "repository": ""},
        {"name": "wild", "version": "~1.2.x", "repository": ""},
    ]
    inside = {
        f"charts/{name}/Chart.yaml": dump({"apiVersion": "v2", "name": name, "version": version})
        for name, version in (("any", "4.0.0"), ("number", "1.10.7"), ("wild", "1.2.9"))
    }
    if api_version == "v1":
        inside["requirements.yaml"] = dump({"dependencies": dependencies})
        metadata = {"name": "web", "apiVersion": "v1"}
    else:
        metadata = {"name": "web", "apiVersion": "v2", "dependencies": dependencies}
    folder = make_chart(metadata, inside)
    ours = update_lock(load(folder), Repositories(web=Internet(Egress().naming(served))), NOW)
    helm_python.dependency_update(folder)
    updated = load(folder)
    assert updated.lock is not None
    lock_file = folder / ("requirements.lock" if api_version == "v1" else "Chart.lock")
    assert lock_file.read_bytes() == lock_as_yaml(
        ours.model_copy(update={"generated": updated.lock.generated})
    )
    assert check_lock(updated) == ()
