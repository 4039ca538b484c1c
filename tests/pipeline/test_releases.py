"""A tenant of several releases goes its way as one: planned, approved, released, gone back from, removed."""

import pytest

from deploy_orchestrator.fleet import FleetError
from deploy_orchestrator.releases import Release
from tests.desk import CHART, FILES, NAMESPACE, Desk
from tests.steps import previewed, propose, released

TENANT = FILES["tenants/shop/tenant.yaml"]
ONE = "chart:\n  name: app\n  version: 0.1.0\n"
SEVERAL = """\
releases:
  - name: front
    chart: {name: app, version: 0.1.0}
    after: [store]
  - name: store
    chart: {name: store, version: ~0.1}
"""
STORE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-store
data:
  size: {{ .Values.size | quote }}
"""


def with_store(desk: Desk, releases: str = SEVERAL) -> None:
    """The tenant shop runs a store and its app, instead of the app alone."""
    for path, text in {
        "charts/store/Chart.yaml": CHART.format(name="store"),
        "charts/store/values.yaml": "size: 1\n",
        "charts/store/templates/store.yaml": STORE,
    }.items():
        (desk.fleet / path).parent.mkdir(parents=True, exist_ok=True)
        (desk.fleet / path).write_text(text)
    desk.commit("tenants/shop/tenant.yaml", TENANT.replace(ONE, releases))


def live(desk: Desk, environment: str) -> Release | None:
    with desk.orchestrator() as orchestrator:
        return orchestrator.deployments.release(environment, "shop")


def objects(desk: Desk, release: Release) -> list[str]:
    with desk.orchestrator() as orchestrator:
        return [each.name for each in orchestrator.deployments.released_manifests(release).objects]


def test_several_releases_go_out_go_back_and_are_removed_as_one(fresh: Desk) -> None:
    with_store(fresh)
    fresh.ship()
    first = live(fresh, "production")
    assert first
    assert str(first.chart) == "store 0.1.0, app 0.1.0"
    assert {"front", "front-legacy", "store-store"} <= {*objects(fresh, first)}

    fresh.commit("tenants/shop/store/values.yaml", "size: 2\n")
    fresh.commit("tenants/shop/front/values.yaml", "legacy: false\n")
    fresh.ship()
    assert live(fresh, "production") == first
    (waiting,) = fresh.json("pending")
    waits = waiting["plan"]
    assert waits["chart"]["releases"] == [
        {"release": "store", "name": "store", "version": "0.1.0"},
        {"release": "front", "name": "app", "version": "0.1.0"},
    ]
    assert (waits["summary"]["changed"], waits["summary"]["removed"]) == (1, 1)
    assert fresh.run("approve", "production", "shop", "-m", "agreed", *fresh.as_("bob")).code == 0
    fresh.ship()
    second = live(fresh, "production")
    assert second
    assert second.digest == waits["digest"]

    assert fresh.run("rollback", "production", "shop", "-m", "too small").code == 0
    back = live(fresh, "production")
    assert back
    assert back.content == first.content
    there = objects(fresh, back)

    fresh.commit("tenants/shop/tenant.yaml", TENANT.replace(ONE, SEVERAL).replace("dev, production", "dev"))
    (removal,) = fresh.json("tenant", "remove", "shop", "--yes")
    assert removal["plan"]["summary"] == {"added": 0, "changed": 0, "removed": len(there)}


def test_status_and_history_name_every_chart_with_its_version(fresh: Desk) -> None:
    with_store(fresh)
    fresh.ship()
    assert "store 0.1.0, app 0.1.0" in fresh.run("status", "dev", "shop").output
    assert "store 0.1.0, app 0.1.0" in fresh.run("history", "dev", "shop").output
    assert "dev/shop, release store" in fresh.run("values", "shop", "-e", "dev").output


def test_nobody_gets_a_namespace_that_one_of_the_releases_is_in(fresh: Desk) -> None:
    with_store(fresh, SEVERAL + "    namespace: 'stores-{environment}'\n")
    with fresh.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "shop")
    assert plan
    assert {each.rule for each in plan.reasons} >= {"takeover", "check-failed"}
    assert "no NetworkPolicy in stores-dev denies ingress" in str(plan.reasons)
    fresh.commit(
        "charts/store/templates/deny.yaml", NAMESPACE.partition("---\n")[2].replace("default", "store")
    )
    with fresh.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "shop")
        assert plan
        assert plan.destination.namespaces == ("shop-dev", "stores-dev")
        assert fresh.run("approve", "dev", "shop", "-m", "ours", *fresh.as_("bob")).code == 0
        released(orchestrator, plan)
    blog = FILES["tenants/blog/tenant.yaml"]
    fresh.commit("tenants/shop/tenant.yaml", TENANT.replace(ONE, SEVERAL))
    fresh.commit("tenants/blog/tenant.yaml", f"{blog}namespace: stores-dev\n")
    with fresh.orchestrator() as orchestrator:
        with pytest.raises(
            FleetError, match="to the namespace stores-dev of cluster here, where dev/shop is"
        ):
            previewed(orchestrator, "dev", "blog")
        moved = propose(orchestrator, "dev", "shop")
    assert moved
    assert {each.rule for each in moved.reasons} >= {"destination-changed"}
