"""What a release depends on, as of the moment of the write."""

import pytest

from deploy_orchestrator.releases import GatesClosed
from deploy_orchestrator.terms import Verdict
from tests.desk import FILES, Desk
from tests.steps import propose, released


def approved(waiting: Desk) -> None:
    assert waiting.run("approve", "production", "shop", *waiting.as_("bob")).code == 0


def without(text: str, person: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(person))


def test_a_key_that_is_revoked_during_a_run_counts_no_more(waiting: Desk) -> None:
    approved(waiting)
    with waiting.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        assert all(gate.passed for gate in orchestrator.gates(plan))
        signers = (waiting.fleet / "allowed_signers").read_text()
        (waiting.fleet / "allowed_signers").write_text(without(signers, "bob"))
        waiting.commit("fleet.yaml", FILES["fleet.yaml"].replace(", bob@example.com", ""))

        with pytest.raises(GatesClosed, match="approvals"):
            released(orchestrator, plan)


def test_what_its_author_took_back_is_not_released_though_it_is_not_planned_yet(waiting: Desk) -> None:
    approved(waiting)
    with waiting.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        waiting.commit("tenants/shop/values.yaml", "greeting: I take it back\n")
        with pytest.raises(GatesClosed, match="the fleet has changed"):
            released(orchestrator, plan)

        (gate,) = [each for each in orchestrator.gates(plan) if not each.passed]
        assert (gate.key, gate.outdated) == ("fleet", True)


def test_an_environment_that_was_put_before_has_it_planned_anew(waiting: Desk) -> None:
    approved(waiting)
    staging = '  - name: staging\n    cluster: here\n    kubernetes: "1.34"\n  - name: production\n'
    waiting.commit("fleet.yaml", FILES["fleet.yaml"].replace("  - name: production\n", staging))
    tenant = (waiting.fleet / "tenants/shop/tenant.yaml").read_text()
    waiting.commit("tenants/shop/tenant.yaml", tenant.replace("dev, production", "dev, staging, production"))
    with waiting.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        assert [each.key for each in orchestrator.gates(plan) if not each.passed] == ["fleet", "rules"]
        anew = propose(orchestrator, "production", "shop")
        assert anew is not None
        assert (anew.digest, [each.environment for each in anew.after]) == (plan.digest, ["staging"])


def test_an_unrelated_commit_leaves_a_plan_and_its_approvals_alone(waiting: Desk) -> None:
    approved(waiting)
    waiting.commit("tenants/blog/values.yaml", "greeting: something else\n")
    with waiting.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        assert released(orchestrator, plan).digest == plan.digest


def test_whether_the_source_is_signed_is_judged_by_the_keys_of_now(waiting: Desk) -> None:
    with waiting.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        before = next(each.reason for each in orchestrator.gates(plan) if each.key == "approval")
        assert "0 of 1" in before
        assert plan.source.signed
    signers = (waiting.fleet / "allowed_signers").read_text()
    (waiting.fleet / "allowed_signers").write_text(without(signers, "alice"))
    waiting.commit("fleet.yaml", FILES["fleet.yaml"].replace("alice@example.com, ", ""))
    with waiting.orchestrator() as orchestrator:
        after = next(each.reason for each in orchestrator.gates(plan) if each.key == "approval")
    assert "0 of 2 approvals (one more than usual, for the source change is not signed)" in after


def test_a_cluster_that_alone_is_another_one_is_planned_shown_and_waits(waiting: Desk) -> None:
    approved(waiting)
    waiting.ship()
    text = FILES["fleet.yaml"].replace(
        "environments:", "  - name: there\n    server: https://there\nenvironments:"
    )
    head, production = text.split("  - name: production\n")
    waiting.commit("fleet.yaml", head + "  - name: production\n" + production.replace("here", "there", 1))

    shown = waiting.run("plan", "--environment", "production")
    assert "1 of 1 deployments would change" in shown.output
    assert "+server: https://there" in shown.output
    compared = waiting.json("plan", "--from", "HEAD~1", "--environment", "production")
    assert [each["verdict"] for each in compared["plans"]] == ["needs-approval"]
    with waiting.orchestrator() as orchestrator:
        plan = propose(orchestrator, "production", "shop")
        assert plan is not None
        with pytest.raises(GatesClosed, match="approvals"):
            released(orchestrator, plan)
        release = orchestrator.deployments.release("production", "shop")
        assert release is not None
        assert release.cluster == "here"


def test_a_tenant_that_leaves_the_environment_before_waits_for_a_person(waiting: Desk) -> None:
    """Its own file takes away no wait that the policy asks for."""
    tenant = (waiting.fleet / "tenants/shop/tenant.yaml").read_text()
    waiting.commit("tenants/shop/tenant.yaml", tenant.replace("dev, production", "production"))
    with waiting.orchestrator() as orchestrator:
        plan = propose(orchestrator, "production", "shop")
        assert plan
        (reason,) = [each for each in plan.reasons if each.rule == "promotion-shortened"]
        assert (reason.severity, reason.saw.partition(",")[0]) == (Verdict.NEEDS_APPROVAL, "dev")
