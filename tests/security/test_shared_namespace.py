"""Tenants share a namespace only where the policy that counts says so, and never an object."""

import shutil

import pytest

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import FleetError
from deploy_orchestrator.outcomes import raised
from tests.desk import Desk
from tests.steps import previewed, propose, released

SHARED = "namespace: {name: apps, shared: true}\n"
KEEPER = "namespace: {name: apps, shared: true, keeper: true}\n"
TENANT = """\
chart: {name: app, version: 0.1.0}
environments: [dev]
quota: {cpu: 1, memory: 1Gi, storage: 1Gi, pods: 5}
owners: [shop@example.com]
"""
FIXED = """\
{{- if .Values.fixed }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: same
data: {}
{{- end }}
"""
"""Of a chart that names an object by itself, whatever its release."""
DEV = '  - name: dev\n    cluster: here\n    kubernetes: "1.34"\n'


AWAY = "  - name: away\n    server: https://away.example.com\n"


def sharing(desk: Desk, **tenants: str) -> None:
    """dev, in a cluster of its own, lets tenants share `apps`, and these are its only tenants, with what they
    say beside.
    """
    text = (desk.fleet / "fleet.yaml").read_text()
    for each in ("shop", "blog"):
        shutil.rmtree(desk.fleet / "tenants" / each)
    for name, lines in tenants.items():
        (desk.fleet / "tenants" / name).mkdir()
        (desk.fleet / "tenants" / name / "tenant.yaml").write_text(TENANT + lines)
    own = DEV.replace("here", "away") + "    policy: {sharedNamespaces: [apps]}\n"
    desk.commit("charts/app/templates/fixed.yaml", FIXED)
    desk.commit("fleet.yaml", text.replace(DEV, own).replace("clusters:\n", f"clusters:\n{AWAY}", 1))


def closed(desk: Desk, tenant: str) -> str:
    """Why the pending plan of a tenant in dev is not released."""
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", tenant)
        assert plan
        with pytest.raises(OrchestratorError) as refused:
            released(orchestrator, plan)
        return str(refused.value)


def test_each_has_its_own_plan_and_release_in_a_namespace_that_they_share(
    fresh: Desk,
) -> None:
    sharing(fresh, one=KEEPER, two=SHARED)
    with fresh.orchestrator() as orchestrator:
        for tenant in ("one", "two"):
            plan = propose(orchestrator, "dev", tenant)
            assert plan
            assert plan.namespace == "apps"
            assert any("shares the namespace apps" in each.saw for each in plan.reasons)
            release = released(orchestrator, plan)
            orchestrator.deliver(release)
        assert {each.key for each in orchestrator.deployments.holders(release.destination)} == {
            "dev/one",
            "dev/two",
        }


def test_an_object_that_two_would_make_is_released_for_neither_and_both_are_named(
    fresh: Desk,
) -> None:
    """Both are planned in one commit, before either is released."""
    sharing(fresh, one=KEEPER, two=SHARED)
    for tenant in ("one", "two"):
        fresh.commit(f"tenants/{tenant}/values.yaml", "fixed: true\n")
    with fresh.orchestrator() as orchestrator:
        fleet = orchestrator.fleet()
        previews = [raised(each) for _, each in orchestrator.previews(fleet.deployments(), fleet)]
        assert len([raised(each) for each in orchestrator.propose(previews)]) == 2
    for tenant, other in (("one", "two"), ("two", "one")):
        assert f"dev/{tenant} and dev/{other} would both make ConfigMap.apps.same" in closed(fresh, tenant)


def test_who_has_an_object_keeps_it_and_goes_on_whoever_else_asks_for_it(
    fresh: Desk,
) -> None:
    sharing(fresh, one=KEEPER, two=SHARED)
    fresh.commit("tenants/one/values.yaml", "fixed: true\n")
    with fresh.orchestrator() as orchestrator:
        for tenant in ("one", "two"):
            plan = propose(orchestrator, "dev", tenant)
            assert plan
            released(orchestrator, plan)
    fresh.commit("tenants/two/values.yaml", "fixed: true\n")
    fresh.commit("tenants/one/values.yaml", "fixed: true\ngreeting: newer\n")
    with fresh.orchestrator() as orchestrator:
        with pytest.raises(FleetError, match="dev/two and dev/one would both make"):
            previewed(orchestrator, "dev", "two")
        plan = propose(orchestrator, "dev", "one")
        assert plan
        assert released(orchestrator, plan).content == plan.content


def test_who_keeps_a_namespace_goes_on_whoever_else_would_keep_it(fresh: Desk) -> None:
    sharing(fresh, two=KEEPER)
    with fresh.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "two")
        assert plan
        released(orchestrator, plan)
    fresh.commit("tenants/one/tenant.yaml", TENANT + KEEPER)
    fresh.commit("tenants/two/values.yaml", "greeting: newer\n")
    with fresh.orchestrator() as orchestrator:
        with pytest.raises(FleetError, match=r"dev/one and dev/two would both make .*Namespace\.apps"):
            previewed(orchestrator, "dev", "one")
        plan = propose(orchestrator, "dev", "two")
        assert plan
        released(orchestrator, plan)


def test_a_commit_alone_lets_nobody_into_a_shared_namespace(desk: Desk) -> None:
    """The policy of production is a right that it gives: it counts when it was approved."""
    text = (desk.fleet / "fleet.yaml").read_text()
    assert "        required: 1\n" in text
    desk.commit(
        "fleet.yaml",
        text.replace("        required: 1\n", "        required: 1\n      sharedNamespaces: [kube-system]\n"),
    )
    desk.commit(
        "tenants/evil/tenant.yaml",
        TENANT.replace("dev", "production")
        + "namespace: {name: kube-system, shared: true, existing: true}\n",
    )
    with desk.orchestrator() as orchestrator, pytest.raises(FleetError, match="the policy that counts"):
        previewed(orchestrator, "production", "evil")


def test_a_tenant_that_is_released_alone_is_joined_by_nobody(desk: Desk) -> None:
    """Whoever names its namespace, and whatever the policy shares."""
    desk.commit("tenants/evil/tenant.yaml", f"{TENANT}namespace: blog-dev\n")
    with desk.orchestrator() as orchestrator:
        assert "is that of the tenant blog" in str(orchestrator.fleet().broken["evil"])
        assert "blog" in orchestrator.fleet().tenants


def test_a_first_release_into_a_namespace_of_the_tenants_choice_waits_for_a_person(
    desk: Desk,
) -> None:
    """Nobody of the fleet has it, and the tenant does not say that it exists."""
    desk.commit("tenants/evil/tenant.yaml", TENANT.replace("dev", "production") + "namespace: cert-manager\n")
    with desk.orchestrator() as orchestrator:
        plan = propose(orchestrator, "production", "evil")
        assert plan
        assert "takeover" in {each.rule for each in plan.reasons}
        with pytest.raises(OrchestratorError, match="approv"):
            released(orchestrator, plan)
