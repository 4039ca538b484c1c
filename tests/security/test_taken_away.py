"""What a commit takes away lets nothing through."""

import pytest

from deploy_orchestrator.web.board.details import details
from tests.desk import FILES, Desk
from tests.steps import propose

WITHOUT_BOB = FILES["fleet.yaml"].replace("[alice@example.com, bob@example.com]", "[alice@example.com]")


def closed(desk: Desk) -> list[str]:
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan
        return [gate.key for gate in orchestrator.gates(plan) if not gate.passed]


def test_a_pause_stands_though_a_commit_takes_away_who_paused(desk: Desk) -> None:
    desk.commit("charts/app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\ndescription: more\n")
    desk.commit("tenants/shop/values.yaml", "greeting: Good morning\n")
    assert desk.run("pause", "production", "--reason", "an attack", *desk.as_("bob")[:-1]).code == 0
    desk.ship()
    assert "paused" in closed(desk)
    desk.commit("fleet.yaml", WITHOUT_BOB)
    with desk.orchestrator() as orchestrator:
        propose(orchestrator, "production", "shop")
    assert "paused" in closed(desk)


@pytest.mark.parametrize("key", ["stays", "goes as well"])
def test_a_rejection_stands_though_a_commit_takes_away_who_rejected(waiting: Desk, key: str) -> None:
    assert waiting.run("reject", "production", "shop", "--reason", "no", *waiting.as_("bob")).code == 0
    with waiting.orchestrator() as orchestrator:
        assert orchestrator.deployments.pending("production", "shop")
    if key == "goes as well":
        signers = (waiting.fleet / "allowed_signers").read_text()
        left = "".join(each for each in signers.splitlines(keepends=True) if "bob" not in each)
        (waiting.fleet / "allowed_signers").write_text(left)
    waiting.commit("fleet.yaml", WITHOUT_BOB)
    with waiting.orchestrator() as orchestrator:
        propose(orchestrator, "production", "shop")
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan
        after = [(gate.key, gate.reason) for gate in orchestrator.gates(plan) if not gate.passed]
    assert any("rejected by bob" in reason for _, reason in after)


def test_the_rules_that_hold_still_are_written_down_until_others_are_approved(waiting: Desk) -> None:
    assert waiting.run("reject", "production", "shop", "--reason", "no", *waiting.as_("bob")).code == 0
    waiting.commit("fleet.yaml", WITHOUT_BOB)
    waiting.commit("tenants/blog/values.yaml", "greeting: hello again\n")
    waiting.ship()
    with waiting.orchestrator() as orchestrator:
        written = orchestrator.deployments.rules()["production"]
        assert written.rules.policy.approval
        assert written.rules.policy.approval.approvers == ("alice@example.com",)
        assert written.holding
        assert written.holding.policy.approval
        assert "bob@example.com" in written.holding.policy.approval.approvers
    assert "approval" in closed(waiting)
    with waiting.orchestrator() as orchestrator:
        (rejection,) = details(orchestrator, "production", "shop").decisions
    assert (rejection.who, rejection.void) == ("bob@example.com", "")
