import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy_orchestrator.charts import Harm, Repositories
from deploy_orchestrator.fleet import Fleet, load
from deploy_orchestrator.foresight import conflict_names, first_seen, is_new, survey, upgrade_names
from deploy_orchestrator.git import Repository
from deploy_orchestrator.registries import Egress, Internet
from tests.hub import Hub, publishing

FLEET = """\
clusters: [{name: here, server: "https://kubernetes.default.svc"}]
environments:
  - {name: dev, cluster: here, kubernetes: "1.34"}
  - {name: live, cluster: here, kubernetes: "1.34"}
platform: {name: ground, version: 1.0.0}
"""
TENANT = """\
chart: {name: app, version: 1.0.0}
environments: [dev, live]
quota: {cpu: 1, memory: 1Gi, storage: 1Gi, pods: 5}
owners: [shop@example.com]
"""
NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with publishing() as hub:
        hub.publish(
            {
                "db@1.0.0": ["common 1.x"],
                "web@1.0.0": ["common 2.x"],
                "common@1.0.0": [],
                "common@2.0.0": [],
                "web@3.0.0": ["common 2.x"],
            }
        )
        yield hub


@pytest.fixture
def fleet(hub: Hub, tmp_path: Path) -> Callable[..., Fleet]:
    """A fleet of shop, which switches db on, and blog, which does not; more files by their path."""

    def make(**more: str) -> Fleet:
        chart = "apiVersion: v2\nversion: 1.0.0\nname: "
        needs = hub.needing("db 1.x", "web 1.x", db="db.enabled")
        files = {
            "fleet.yaml": FLEET,
            "allowed_signers": "",
            "charts/ground/Chart.yaml": f"{chart}ground\n",
            "charts/app/Chart.yaml": f"{chart}app\n{needs}",
            "charts/app/values.yaml": "db: {enabled: false}\n",
            "tenants/shop/tenant.yaml": TENANT,
            "tenants/shop/values-live.yaml": "db: {enabled: true}\n",
            "tenants/blog/tenant.yaml": TENANT,
            **more,
        }
        for path, text in files.items():
            (tmp_path / "fleet" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "fleet" / path).write_text(text)
        git = ["git", "-C", str(tmp_path / "fleet"), "-c", "user.name=A", "-c", "user.email=a@example.com"]
        subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True)
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--message", "Fleet"], check=True)
        return load(Repository.clone(str(tmp_path / "fleet"), tmp_path / "clone").branch())

    return make


def reaching(hub: Hub) -> Repositories:
    return Repositories(web=Internet(Egress().naming(hub.url)))


def test_a_link_out_of_one_chart_stops_no_other(
    fleet: Callable[..., Fleet], hub: Hub, tmp_path: Path
) -> None:
    (tmp_path / "fleet/charts/odd").mkdir(parents=True)
    (tmp_path / "fleet/charts/odd/values.yaml").symlink_to("/etc/passwd")
    chart = "apiVersion: v2\nname: odd\nversion: 1.0.0\n"
    tenant = TENANT.replace("app", "odd")
    found = survey(
        fleet(**{"charts/odd/Chart.yaml": chart, "tenants/odd/tenant.yaml": tenant}), reaching(hub)
    )
    ((chart, failure),) = found.failures.items()
    assert (chart, "leads out" in failure.what) == ("odd 1.0.0", True)
    assert {each.chart for each in found.charts} == {"ground 1.0.0", "app 1.0.0"}


def test_a_clash_is_found_only_where_values_switch_a_subchart_on(
    fleet: Callable[..., Fleet], hub: Hub
) -> None:
    found = survey(fleet(), reaching(hub))
    assert found.failures == {}
    ((surveyed, conflict),) = found.conflicts
    assert surveyed.deployments == ("live/shop",)
    assert (conflict.name, conflict.resolved, conflict.satisfiable) == ("common", ("1.0.0", "2.0.0"), False)
    assert conflict.harm is Harm.HARMFUL
    spared = [each.deployments for each in found.charts if not each.analysis.conflicts]
    assert spared == [
        ("dev/blog", "dev/shop", "live/blog", "live/shop"),
        ("dev/blog", "dev/shop", "live/blog"),
    ]


def test_outdated_dependencies_are_those_that_are_switched_on(fleet: Callable[..., Fleet], hub: Hub) -> None:
    found = survey(fleet(), reaching(hub))
    assert {(each.deployments, one.key, one.newest) for each, one in found.outdated} == {
        (("live/shop",), "web", "3.0.0"),
        (("dev/blog", "dev/shop", "live/blog"), "web", "3.0.0"),
    }


def test_a_chart_that_cannot_be_analysed_stops_no_other(fleet: Callable[..., Fleet], hub: Hub) -> None:
    tenant = TENANT.replace("name: app", "name: lost, repository: hub")
    more = 'repositories: [{name: hub, url: "https://127.0.0.1:9"}]\n'
    found = survey(fleet(**{"fleet.yaml": FLEET + more, "tenants/z/tenant.yaml": tenant}), reaching(hub))
    assert list(found.failures) == ["lost 1.0.0"]
    assert len(found.conflicts) == 1


def test_a_conflict_has_a_name_for_each_deployment_and_harm(fleet: Callable[..., Fleet], hub: Hub) -> None:
    ((surveyed, conflict),) = survey(fleet(), reaching(hub)).conflicts
    assert conflict_names(surveyed, conflict) == (
        f"live/shop app: common of {hub.url}, harmful, unsatisfiable",
    )


def test_an_upgrade_has_a_name_for_each_version(fleet: Callable[..., Fleet], hub: Hub) -> None:
    (surveyed, versions), *_ = survey(fleet(), reaching(hub)).outdated
    assert upgrade_names(surveyed, versions) == ("app: web 3.0.0",)


def test_nothing_is_new_in_the_first_audit() -> None:
    seen = first_seen(["a"], None, NOW)
    assert seen == {"a": None}
    assert not is_new(["a"], seen, NOW)


def test_what_an_audit_did_not_know_is_new_for_a_day_however_often_it_runs() -> None:
    seen = first_seen(["a", "b"], first_seen(["a"], None, NOW - DAY), NOW)
    assert seen == {"a": None, "b": NOW}
    later = first_seen(["a", "b"], seen, NOW + DAY / 2)
    assert later == seen
    assert is_new(["a", "b"], later, NOW + DAY / 2)
    assert not is_new(["a", "b"], later, NOW + DAY)


def test_what_went_away_is_new_when_it_comes_back() -> None:
    gone = first_seen([], {"a": None}, NOW)
    assert gone == {}
    assert first_seen(["a"], gone, NOW + DAY) == {"a": NOW + DAY}


def test_every_chart_of_a_tenant_of_several_releases_is_surveyed_with_its_values(
    fleet: Callable[..., Fleet], hub: Hub
) -> None:
    several = TENANT.replace(
        "chart: {name: app, version: 1.0.0}",
        "releases:\n"
        "  - {name: a, chart: {name: app, version: 1.0.0}}\n"
        "  - {name: b, chart: {name: app, version: 1.0.0}, after: [a]}\n"
        "  - {name: c, chart: {name: app, version: 1.0.0}, after: [a]}",
    )
    more = {"tenants/blog/tenant.yaml": several, "tenants/blog/b/values.yaml": "db: {enabled: true}\n"}
    found = survey(fleet(**more), reaching(hub))
    users = {each.deployments for each in found.charts if each.chart == "app 1.0.0"}
    assert users == {("dev/blog", "dev/shop", "live/blog"), ("dev/blog", "live/blog", "live/shop")}
