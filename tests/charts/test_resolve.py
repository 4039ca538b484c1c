from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.charts import (
    Catalog,
    ChartIdentity,
    ChartNotFound,
    Closure,
    DependencyCycle,
    Problem,
    PublishedChart,
    Repositories,
    UnsafeChart,
    VersionError,
    VersionNotFound,
    load,
    load_package,
    locate,
    resolve,
)
from deploy_orchestrator.registries import RepositoryError

Publish = Callable[..., Repositories]
MakeChart = Callable[..., Path]
MakePackage = Callable[..., bytes]
URL = "https://main.example.com"


def names(closure: Closure) -> list[str]:
    return [str(node) for node in closure.graph]


def needs(closure: Closure) -> list[tuple[str, str, str]]:
    return [(str(need.parent), str(need.chart), need.constraint) for need in closure.needs]


def problems(closure: Closure) -> list[tuple[str, Problem]]:
    return [(missing.dependency.name, missing.problem) for missing in closure.unresolved]


def test_each_need_takes_the_highest_version_allowed(publish: Publish) -> None:
    repositories = publish(
        main={
            "web@1.0.0": ["redis 1.x.x", "common *"],
            "redis@1.2.0": ["common 1.x.x"],
            "redis@1.10.0": ["common 1.x.x"],
            "redis@2.0.0": [],
            "common@1.5.0": [],
            "common@1.6.0-rc.1": [],
            "common@2.0.0": [],
        }
    )
    closure = resolve(locate("web", repositories), repositories)
    assert needs(closure) == [
        ("web@1.0.0", "redis@1.10.0", "1.x.x"),
        ("web@1.0.0", "common@2.0.0", "*"),
        ("redis@1.10.0", "common@1.5.0", "1.x.x"),
    ]
    assert not closure.unresolved
    assert {node.repository for node in closure.graph} == {URL}


@pytest.mark.parametrize("wanted", ["1.0.0+b", "v1.0.0+b"])
def test_an_exact_version_is_the_one_spelled_so_or_else_one_that_is_equal(
    publish: Publish, wanted: str
) -> None:
    catalog = Catalog(publish(main={"web@1.0.0+a": [], "web@1.0.0+b": []}))
    found = catalog.exactly(catalog.identity(URL, "web"), wanted)
    assert found.version == ("1.0.0+b" if wanted == "1.0.0+b" else "1.0.0+a")


def test_charts_of_one_name_in_two_repositories_are_two_charts(publish: Publish) -> None:
    repositories = publish(
        main={"web@1.0.0": ["common *", "other * https://other.example.com"], "common@1.0.0": []},
        other={"other@1.0.0": ["common *"], "common@1.0.0": []},
    )
    closure = resolve(locate("web", repositories), repositories)
    commons = [node for node in closure.graph if node.name == "common"]
    assert {node.repository for node in commons} == {URL, "https://other.example.com"}


def test_a_published_chart_finds_what_it_carries_in_its_own_repository(publish: Publish) -> None:
    repositories = publish(
        main={
            "web@1.0.0": ["common 1.0.0 file://../common", "crds 1.0.0 "],
            "common@1.0.0": [],
            "crds@1.0.0": [],
        }
    )
    closure = resolve(locate("web", repositories), repositories)
    assert names(closure) == ["web@1.0.0", "common@1.0.0", "crds@1.0.0"]


def test_what_cannot_be_looked_up_is_told_with_its_reason(publish: Publish) -> None:
    repositories = publish(
        main={
            "web@1.0.0": [
                "none-allowed 2.x",
                "no-such-chart *",
                "bad-constraint n/a",
                "no-repository * ftp://nowhere.example.com",
                "not-local * file://../not-local",
            ],
            "none-allowed@1.0.0": [],
            "bad-constraint@1.0.0": [],
        }
    )
    closure = resolve(locate("web", repositories), repositories)
    assert problems(closure) == [
        ("none-allowed", Problem.NONE_ALLOWED),
        ("no-such-chart", Problem.NO_SUCH_CHART),
        ("bad-constraint", Problem.BAD_CONSTRAINT),
        ("no-repository", Problem.NO_REPOSITORY),
        ("not-local", Problem.NOT_LOCAL),
    ]
    assert all(missing.why for missing in closure.unresolved)


def test_a_circle_is_named(publish: Publish) -> None:
    repositories = publish(main={"a@1.0.0": ["b *"], "b@1.0.0": ["c *"], "c@1.0.0": ["b *"]})
    with pytest.raises(DependencyCycle) as error:
        resolve(locate("a", repositories), repositories)
    assert error.value.cycle == ("b@1.0.0", "c@1.0.0", "b@1.0.0")


def test_needs_without_end_are_refused(publish: Publish) -> None:
    repositories = publish(main={f"a{n}@1.0.0": [f"a{n + 1} *"] for n in range(200)})
    with pytest.raises(UnsafeChart):
        resolve(locate("a0", repositories), repositories)


def test_diamonds_cost_no_more_than_their_edges(publish: Publish) -> None:
    charts = {f"{side}{n}@1.0.0": [f"a{n + 1} *", f"b{n + 1} *"] for n in range(60) for side in "ab"}
    repositories = publish(main={**charts, "a60@1.0.0": [], "b60@1.0.0": []})
    closure = resolve(locate("a0", repositories), repositories)
    assert (len(closure.graph), len([*closure.needs])) == (121, 238)


def test_a_day_in_the_past_sees_what_was_published_then(tmp_path: Path) -> None:
    index = {
        "web": [{"version": "1.0.0", "dependencies": [{"name": "redis", "version": "*", "repository": URL}]}],
        "redis": [
            {"version": "1.0.0", "created": "2022-08-20T00:00:00Z"},
            {"version": "2.0.0", "created": "2022-08-22T12:00:00+02:00"},
        ],
    }
    entries = {
        name: [{"name": name, "urls": ["x.tgz"], **version} for version in versions]
        for name, versions in index.items()
    }
    (tmp_path / "index.yaml").write_text(str({"entries": entries}))
    repositories = Repositories({URL: str(tmp_path)})
    for hour, version in ((9, "1.0.0"), (10, "2.0.0")):
        closure = resolve(
            locate("web", repositories), repositories, as_of=datetime(2022, 8, 22, hour, tzinfo=UTC)
        )
        assert names(closure) == ["web@1.0.0", f"redis@{version}"]
    closure = resolve(locate("web", repositories), repositories, as_of=datetime(2022, 1, 1, tzinfo=UTC))
    assert problems(closure) == [("redis", Problem.NONE_ALLOWED)]
    assert "by 2022-01-01" in closure.unresolved[0].why


def test_who_is_hit_by_a_change_of_a_chart(publish: Publish) -> None:
    repositories = publish(
        main={
            "web@1.0.0": ["redis *", "solo *"],
            "redis@1.0.0": ["common *"],
            "common@1.0.0": [],
            "solo@1.0.0": [],
        }
    )
    closure = resolve(locate("web", repositories), repositories)
    assert set(map(str, closure.dependents(ChartIdentity(URL, "common")))) == {"web@1.0.0", "redis@1.0.0"}
    assert set(map(str, closure.dependents(ChartIdentity(URL, "solo")))) == {"web@1.0.0"}


def test_a_folder_takes_folders_copies_and_locked_versions_first(
    make_chart: MakeChart, publish: Publish
) -> None:
    make_chart({"name": "local"})
    folder = make_chart(
        {
            "name": "web",
            "dependencies": [
                {"name": "local", "version": "*", "repository": "file://../local"},
                {"name": "copied", "version": "1.x", "repository": URL},
                {"name": "locked", "version": "1.x", "repository": URL},
                {"name": "newest", "version": "1.x", "repository": URL},
            ],
        },
        {
            "charts/copied/Chart.yaml": "name: copied\nversion: 1.0.0",
            "charts/undeclared/Chart.yaml": "name: undeclared\nversion: 3.0.0",
            "Chart.lock": "dependencies: [{name: locked, version: 1.0.0}, {name: newest, version: 0.1.0}]",
        },
    )
    repositories = publish(
        main={
            f"{name}@{version}": []
            for name in ("copied", "locked", "newest")
            for version in ("1.0.0", "1.5.0")
        }
    )
    closure = resolve(load(folder), repositories)
    assert names(closure) == [
        "web@1.0.0",
        "undeclared@3.0.0",
        "local@1.0.0",
        "copied@1.0.0",
        "locked@1.0.0",
        "newest@1.5.0",
    ]
    assert [node.repository for node in closure.graph] == [
        "file://web",
        "file://web",
        "file://local",
        URL,
        URL,
        URL,
    ]


def test_a_folder_outside_is_not_read(make_chart: MakeChart) -> None:
    make_chart({"name": "outside"})
    folder = make_chart(
        {
            "name": "web",
            "dependencies": [{"name": "outside", "version": "*", "repository": "file://../../outside"}],
        },
        at="inside/web",
    )
    assert problems(resolve(load(folder), Repositories())) == [("outside", Problem.NOT_LOCAL)]


def test_folders_in_a_circle_are_named(make_chart: MakeChart) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        make_chart(
            {
                "name": name,
                "dependencies": [{"name": other, "version": "*", "repository": f"file://../{other}"}],
            }
        )
    with pytest.raises(DependencyCycle, match="a@1.0.0 > b@1.0.0 > a@1.0.0".replace(".", r"\.")):
        resolve(load(make_chart({"name": "c"}, at="c").parent / "a"), Repositories())


def test_a_folder_that_is_no_chart_is_told(make_chart: MakeChart, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    folder = make_chart(
        {
            "name": "web",
            "dependencies": [{"name": "broken", "version": "*", "repository": "file://../broken"}],
        }
    )
    assert problems(resolve(load(folder), Repositories())) == [("broken", Problem.BAD_CHART)]


def test_a_package_keeps_what_it_carries(make_package: MakePackage, publish: Publish) -> None:
    common = make_package({"name": "common", "version": "1.0.0"})
    package = make_package(
        {"name": "web", "dependencies": [{"name": "common", "version": "1.x", "repository": URL}]},
        {"charts/common-1.0.0.tgz": common},
    )
    repositories = publish(main={"common@1.0.0": [], "common@1.9.0": []})
    assert names(resolve(load_package(package, "web.tgz"), repositories)) == ["web@1.0.0", "common@1.0.0"]


def test_one_chart_under_two_aliases_is_needed_twice(publish: Publish, make_chart: MakeChart) -> None:
    twice = [
        {"name": "redis", "version": version, "repository": URL, "alias": alias}
        for alias, version in (("cache", "1.x"), ("queue", "*"))
    ]
    repositories = publish(main={"redis@1.0.0": []})
    closure = resolve(load(make_chart({"name": "web", "dependencies": twice})), repositories)
    assert [(need.key, need.alias, need.constraint) for need in closure.needs] == [
        ("cache", "cache", "1.x"),
        ("queue", "queue", "*"),
    ]
    assert names(closure) == ["web@1.0.0", "redis@1.0.0"]


def switched_on(closure: Closure) -> list[str]:
    return [str(need.chart) for need in closure.needs if need.enabled]


@pytest.mark.parametrize(
    ("values", "on"),
    [
        (None, ["redis@1.0.0", "metrics@1.0.0"]),
        ({}, ["redis@1.0.0", "metrics@1.0.0"]),
        ({"redis": {"enabled": False}}, []),
        ({"redis": {"metrics": {"enabled": False}}}, ["redis@1.0.0"]),
        ({"tags": {"extra": False}}, ["redis@1.0.0"]),
    ],
)
def test_values_switch_needs_off(
    publish: Publish, values: dict[str, Any] | None, on: list[str], tmp_path: Path
) -> None:
    entries = {
        "web": [{"dependencies": [{"name": "redis", "version": "*", "condition": "redis.enabled"}]}],
        "redis": [
            {
                "dependencies": [
                    {"name": "metrics", "version": "*", "condition": "metrics.enabled", "tags": ["extra"]}
                ]
            }
        ],
        "metrics": [{}],
    }
    index = {
        name: [{"name": name, "version": "1.0.0", "urls": ["x.tgz"], **one} for one in all_]
        for name, all_ in entries.items()
    }
    (tmp_path / "index.yaml").write_text(str({"entries": index}))
    repositories = Repositories({URL: str(tmp_path)})
    assert switched_on(resolve(locate("web", repositories), repositories, values=values)) == on


def test_defaults_of_charts_that_were_read_count(make_chart: MakeChart) -> None:
    make_chart({"name": "metrics"})
    make_chart(
        {
            "name": "redis",
            "dependencies": [
                {
                    "name": "metrics",
                    "version": "*",
                    "repository": "file://../metrics",
                    "condition": "metrics.enabled",
                }
            ],
        },
        {"values.yaml": "metrics: {enabled: false}"},
    )
    folder = make_chart(
        {
            "name": "web",
            "dependencies": [
                {"name": "redis", "version": "*", "repository": "file://../redis", "alias": "cache"}
            ],
        }
    )
    chart = load(folder)
    assert switched_on(resolve(chart, Repositories(), values={})) == ["redis@1.0.0"]
    on = {"cache": {"metrics": {"enabled": True}}}
    assert switched_on(resolve(chart, Repositories(), values=on)) == ["redis@1.0.0", "metrics@1.0.0"]


def test_a_chart_is_located_by_name_in_the_order_of_the_repositories(publish: Publish) -> None:
    repositories = publish(
        first={"web@1.0.0": [], "web@1.2.0": []}, second={"web@9.0.0": [], "only@1.0.0": []}
    )
    assert str(locate("web", repositories)) == "web@1.2.0"
    assert str(locate("web@1.0.0", repositories)) == "web@1.0.0"
    assert str(locate("web@9.0", repositories)) == "web@9.0.0"
    only = locate("only", repositories)
    assert isinstance(only, PublishedChart)
    assert only.repository == "https://second.example.com"


def test_a_chart_is_located_by_path(make_chart: MakeChart) -> None:
    folder = make_chart({"name": "web"})
    assert str(locate(str(folder), Repositories())) == "web@1.0.0"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("web@3.0.0", VersionNotFound),
        ("absent", ChartNotFound),
        ("./absent", ChartNotFound),
        ("absent.tgz", ChartNotFound),
        ("@", ChartNotFound),
        ("", ChartNotFound),
        ("web@one", VersionError),
    ],
)
def test_a_chart_that_is_nowhere_is_told(publish: Publish, text: str, error: type[Exception]) -> None:
    repositories = publish(main={"web@1.0.0": []})
    with pytest.raises(error):
        locate(text, repositories)


def test_a_repository_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError):
        locate("web", Repositories({URL: str(tmp_path / "absent.yaml")}))
