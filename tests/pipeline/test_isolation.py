"""What keeps released tenants apart, on the small fleet."""

import pytest

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.manifests import ISOLATION_CHECKS, Manifests
from deploy_orchestrator.outcomes import values
from deploy_orchestrator.pipeline import Certificate, IsolationAudit
from tests.desk import FILES, TENANT, Desk

OPEN = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: open
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{}]
"""
EXCEPTIONS = """\
exceptions:
  - rule: network-open
    object: NetworkPolicy/open
    reason: closed with the next release
    expires: {year}-01-01T00:00:00Z
"""
POLICY = "    policy: {checks: {network-open: {severity: safe, reason: nobody else is there}}}\n"


def excepted(year: int) -> str:
    return TENANT.format(environments="dev") + EXCEPTIONS.format(year=year)


def certificates(desk: Desk) -> dict[str, Certificate]:
    with desk.orchestrator() as orchestrator:
        found = values(each for _, each in IsolationAudit(orchestrator).certificates())
    return {each.key: each for each in found}


def let(found: Certificate) -> list[tuple[str, str, str]]:
    return [(each.check, each.object, each.let_by) for each in found.lapses]


def test_what_was_released_keeps_all_that_keeps_tenants_apart(desk: Desk):
    found = certificates(desk)
    assert [*found] == ["dev/blog", "dev/shop", "production/shop"]
    assert {(each.kept, each.lapses) for each in found.values()} == {(len(ISOLATION_CHECKS), ())}
    answer = desk.run("isolation")
    assert answer.code == 0
    assert "3 of 3 releases are kept apart" in answer.output


def test_what_the_policy_lets_is_told_as_let_by_it(fresh: Desk):
    fleet = FILES["fleet.yaml"].replace("  - name: production", f"{POLICY}  - name: production")
    (fresh.fleet / "fleet.yaml").write_text(fleet)
    fresh.commit("charts/ground/templates/open.yaml", OPEN)
    fresh.ship()
    found = certificates(fresh)
    assert [*found] == ["dev/blog", "dev/shop"]
    assert let(found["dev/shop"]) == [("network-open", "NetworkPolicy shop-dev/open", "policy")]
    assert found["dev/shop"].kept == len(ISOLATION_CHECKS) - 1
    assert fresh.run("isolation").code == 0


def test_an_exception_that_ran_out_is_broken_though_nothing_was_released_since(fresh: Desk):
    (fresh.fleet / "tenants/blog/tenant.yaml").write_text(excepted(2999))
    fresh.commit("charts/ground/templates/open.yaml", OPEN)
    fresh.ship()
    assert let(certificates(fresh)["dev/blog"])[0][2] == "exception"
    fresh.commit("tenants/blog/tenant.yaml", excepted(2020))
    assert let(certificates(fresh)["dev/blog"])[0][2] == "nobody"
    answer = fresh.run("isolation", "--tenant", "blog")
    assert answer.code == 1
    assert "0 of 1 releases are kept apart" in answer.output
    assert "dev/blog: network-open: NetworkPolicy blog-dev/open" in answer.output
    (told,) = fresh.json("isolation", "--tenant", "blog")["releases"]
    assert [each["let_by"] for each in told["lapses"]] == ["nobody"]


def test_whoever_is_released_and_no_longer_in_the_fleet_is_told_beside_all_others(desk: Desk):
    desk.commit("tenants/blog/tenant.yaml", TENANT.format(environments="production"))
    with desk.orchestrator() as orchestrator:
        found = dict(IsolationAudit(orchestrator).certificates())
    assert isinstance(found["dev/blog"], OrchestratorError)
    assert isinstance(found["dev/shop"], Certificate)
    answer = desk.run("isolation")
    assert answer.code == 2
    assert "dev/blog" in answer.errors
    assert "dev/shop" in answer.output


def test_what_did_not_change_is_not_checked_again(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    with desk.orchestrator() as orchestrator:
        audit = IsolationAudit(orchestrator)
        before = values(each for _, each in audit.certificates())
        monkeypatch.setattr(Manifests, "objects", property(lambda _: pytest.fail("it was looked into")))
        after = values(each for _, each in audit.certificates())
    assert [(each.key, each.lapses) for each in before] == [(each.key, each.lapses) for each in after]
