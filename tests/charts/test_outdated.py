import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from deploy_orchestrator.charts import (
    ChartIdentity,
    DependencyVersions,
    PublishedChart,
    Repositories,
    load,
    outdated,
)

Publish = Callable[..., Repositories]
MakeChart = Callable[..., Path]

URL = "https://hub.example.com"


def of(repositories: Repositories, name: str = "app") -> PublishedChart:
    return repositories.find(URL, name)[0]


def versions(found: DependencyVersions) -> tuple[str, str, str, str | None]:
    return found.current, found.allowed, found.newest, found.safe


def test_a_dependency_has_a_current_an_allowed_a_newest_and_a_safe_version(publish: Publish) -> None:
    hub = publish(
        hub={
            "app@1.0.0": ["db ~1.1.0", "web ^2.0.0"],
            "db@1.1.0": ["common 1.x"],
            "db@1.1.3": ["common 1.x"],
            "db@1.2.0": ["common 1.x"],
            "db@2.0.0": ["common 2.x"],
            "web@2.0.0": ["common 1.x"],
            "common@1.0.0": [],
            "common@2.0.0": [],
        }
    )
    db, web = outdated(of(hub), hub).dependencies
    assert (db.key, db.identity, db.constraint) == ("db", ChartIdentity(URL, "db"), "~1.1.0")
    assert versions(db) == ("1.1.3", "1.1.3", "2.0.0", "1.2.0")
    assert db.is_outdated
    assert versions(web) == ("2.0.0", "2.0.0", "2.0.0", None)
    assert not web.is_outdated


def test_a_locked_dependency_may_have_newer_allowed_versions(publish: Publish, make_chart: MakeChart) -> None:
    hub = publish(hub={"db@1.0.0": [], "db@1.5.0": [], "db@2.0.0": []})
    dependency = {"name": "db", "version": "1.x", "repository": URL, "alias": "store"}
    lock = f"dependencies: [{{name: db, version: 1.0.0, repository: {URL}}}]\ndigest: sha256:0\n"
    app = load(make_chart({"name": "app", "dependencies": [dependency]}, {"Chart.lock": lock}))
    (db,) = outdated(app, hub).dependencies
    assert db.key == "store"
    assert versions(db) == ("1.0.0", "1.5.0", "2.0.0", "2.0.0")


def test_an_upgrade_that_needs_a_chart_which_is_nowhere_is_not_safe(publish: Publish) -> None:
    hub = publish(hub={"app@1.0.0": ["db 1.x"], "db@1.0.0": [], "db@2.0.0": ["lost 1.x"]})
    (db,) = outdated(of(hub), hub).dependencies
    assert versions(db) == ("1.0.0", "1.0.0", "2.0.0", None)


def test_a_conflict_that_is_there_already_keeps_no_upgrade_from_being_safe(publish: Publish) -> None:
    hub = publish(
        hub={
            "app@1.0.0": ["db 1.x", "web 1.x"],
            "db@1.0.0": ["common 1.x"],
            "db@2.0.0": ["common 1.x"],
            "web@1.0.0": ["common 2.x"],
            "common@1.0.0": [],
            "common@2.0.0": [],
        }
    )
    assert [found.safe for found in outdated(of(hub), hub).dependencies] == ["2.0.0", None]


def test_prereleases_count_only_where_the_current_version_is_one(publish: Publish) -> None:
    hub = publish(
        hub={
            "app@1.0.0": ["db 1.x", "web 1.0.0-rc.1"],
            "db@1.0.0": [],
            "db@2.0.0-rc.1": [],
            "web@1.0.0-rc.1": [],
            "web@1.0.0-rc.2": [],
        }
    )
    assert [found.newest for found in outdated(of(hub), hub).dependencies] == ["1.0.0", "1.0.0-rc.2"]


def test_what_no_repository_has_or_is_switched_off_is_left_out(
    publish: Publish, make_chart: MakeChart
) -> None:
    hub = publish(hub={"db@1.0.0": [], "db@2.0.0": []})
    make_chart({"name": "lib"})
    dependencies = [
        {"name": "db", "version": "1.x", "repository": URL, "condition": "db.on"},
        {"name": "lib", "version": "1.x", "repository": "file://../lib"},
        {"name": "lost", "version": "1.x", "repository": URL},
    ]
    app = load(make_chart({"name": "app", "dependencies": dependencies}))
    found = outdated(app, hub)
    assert [versions.key for versions in found.dependencies] == ["db"]
    assert list(found.unknown) == ["lost"]
    assert outdated(app, hub, values={"db": {"on": False}}).dependencies == ()


def test_a_carried_chart_whose_repository_is_out_of_reach_is_unknown(
    publish: Publish, make_chart: MakeChart, make_package: Callable[..., bytes]
) -> None:
    dependency = {"name": "db", "version": "1.x", "repository": "ftp://example.com"}
    carried = {"charts/db.tgz": make_package({"name": "db"})}
    app = load(make_chart({"name": "app", "dependencies": [dependency]}, carried))
    found = outdated(app, publish())
    assert found.dependencies == ()
    assert "ftp://example.com" in found.unknown["db"]


def test_as_of_a_day_only_what_was_published_by_then_counts(published: Repositories) -> None:
    url = "https://charts.bitnami.com/bitnami"
    redis = next(one for one in published.find(url, "redis") if one.version == "12.7.4")
    (common,) = outdated(redis, published, as_of=datetime(2021, 2, 6, tzinfo=UTC)).dependencies
    assert common.newest.startswith("1.")
    (common,) = outdated(redis, published).dependencies
    assert common.newest.startswith("2.")


def test_deprecated_and_abandoned_charts_are_named(tmp_path: Path, make_chart: MakeChart) -> None:
    version = {"name": "db", "version": "1.0.0", "urls": ["db.tgz"], "created": "2023-01-01T00:00:00Z"}
    entries = {
        "db": [{**version, "deprecated": True}],
        "web": [{**version, "name": "web", "created": "2026-01-01"}],
    }
    (tmp_path / "index.json").write_text(json.dumps({"entries": entries}))
    needs = [{"name": name, "version": "*", "repository": URL} for name in ("db", "web")]
    hub = Repositories({URL: str(tmp_path / "index.json")})
    db, web = outdated(load(make_chart({"name": "app", "dependencies": needs})), hub).dependencies
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert (db.deprecated, db.is_abandoned(now)) == (True, True)
    assert (web.deprecated, web.is_abandoned(now)) == (False, False)
