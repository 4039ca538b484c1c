"""Frequent commits starve no environment: what has soaked goes out while what is newer soaks."""

import pytest

from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import GatesClosed, Plan
from tests.desk import Desk
from tests.pipeline.conftest import sandbox_of
from tests.steps import propose, released

OLDER = "greeting: hello\nlegacy: false\n"
NEWER = "greeting: hi\nlegacy: false\n"


def values(desk: Desk, text: str) -> None:
    desk.commit("tenants/shop/values.yaml", text)


def pending(orchestrator: Orchestrator) -> Plan:
    plan = orchestrator.deployments.pending("production", "shop")
    assert plan is not None
    return plan


def closed(orchestrator: Orchestrator) -> dict[str, str]:
    return {each.key: each.reason for each in orchestrator.gates(pending(orchestrator)) if not each.passed}


def decide(desk: Desk, decision: str) -> None:
    assert desk.run(decision, "production", "shop", "-m", "x", *desk.as_("bob")).code == 0


def plan(desk: Desk) -> Plan:
    """What is pending in production after the newest commit was planned there, and nowhere else."""
    with desk.orchestrator() as orchestrator:
        found = propose(orchestrator, "production", "shop")
    assert found is not None
    return found


@pytest.fixture
def soaked(desk: Desk) -> Desk:
    """A change that is healthy in dev, and waits for an approval in production."""
    values(desk, OLDER)
    desk.ship()
    return desk


def test_what_has_soaked_stays_with_its_approvals_and_goes_out_before_what_is_newer(soaked: Desk) -> None:
    with soaked.orchestrator() as orchestrator:
        older = pending(orchestrator)
    decide(soaked, "approve")
    values(soaked, NEWER)
    kept = plan(soaked)
    assert kept.digest == older.digest
    assert kept.source.commit == older.source.commit
    with soaked.orchestrator() as orchestrator:
        assert closed(orchestrator) == {}
        assert released(orchestrator, kept).digest == older.digest
        assert [each.digest for each in orchestrator.overtaken()] == [older.digest]

    newer = plan(soaked)
    assert newer.digest != older.digest
    with soaked.orchestrator() as orchestrator:
        assert orchestrator.overtaken() == []
        assert "dev has not released the same change" in closed(orchestrator)["promotion"]


def test_what_is_newer_takes_its_place_when_it_has_soaked(soaked: Desk) -> None:
    values(soaked, NEWER)
    older = plan(soaked)
    with soaked.orchestrator() as orchestrator:
        change = propose(orchestrator, "dev", "shop")
        assert change is not None
        orchestrator.deliver(released(orchestrator, change))
        (gate,) = [each for each in orchestrator.gates(pending(orchestrator)) if each.outdated]
        assert gate.key == "fleet"
    assert plan(soaked).digest != older.digest


def test_it_stays_soaked_while_what_is_newer_soaks_where_it_was(soaked: Desk) -> None:
    values(soaked, NEWER)
    older = plan(soaked)
    with soaked.orchestrator() as orchestrator:
        change = propose(orchestrator, "dev", "shop")
        assert change is not None
        orchestrator.deliver(released(orchestrator, change))
        sandbox_of(orchestrator).degrade("dev", "shop", "the newer one does not start")
        assert set(closed(orchestrator)) == {"approval"}
    assert plan(soaked).digest == older.digest


def test_a_commit_that_takes_it_back_takes_its_place(soaked: Desk) -> None:
    with soaked.orchestrator() as orchestrator:
        older = pending(orchestrator)
    values(soaked, "greeting: hi\nlegacy: true\n")
    assert plan(soaked).digest != older.digest


def test_a_commit_that_was_not_planned_yet_holds_it(soaked: Desk) -> None:
    values(soaked, NEWER)
    kept = plan(soaked)
    decide(soaked, "approve")
    values(soaked, "greeting: hi\nlegacy: true\n")
    with soaked.orchestrator() as orchestrator:
        assert set(closed(orchestrator)) == {"fleet"}
        with pytest.raises(GatesClosed):
            released(orchestrator, kept)


def test_what_is_not_healthy_before_does_not_stay(soaked: Desk) -> None:
    with soaked.orchestrator() as orchestrator:
        older = pending(orchestrator)
        sandbox_of(orchestrator).degrade("dev", "shop", "it does not start")
    values(soaked, NEWER)
    assert plan(soaked).digest != older.digest


def test_what_was_rejected_does_not_stay(soaked: Desk) -> None:
    with soaked.orchestrator() as orchestrator:
        older = pending(orchestrator)
    decide(soaked, "reject")
    values(soaked, NEWER)
    assert plan(soaked).digest != older.digest


def test_what_was_reverted_where_it_soaked_is_held_and_does_not_stay(soaked: Desk) -> None:
    values(soaked, NEWER)
    older = plan(soaked)
    with soaked.orchestrator() as orchestrator:
        orchestrator.roll_back("dev", "shop", "it loses orders")
        assert {"fleet", "promotion"} <= set(closed(orchestrator))
    assert plan(soaked).digest != older.digest


def test_a_soak_time_that_was_raised_since_counts(soaked: Desk) -> None:
    values(soaked, NEWER)
    plan(soaked)
    text = (soaked.fleet / "fleet.yaml").read_text()
    soaked.commit("fleet.yaml", text.replace("      approval:", "      soak: 1h\n      approval:"))
    with soaked.orchestrator() as orchestrator:
        assert "promotion" in closed(orchestrator)
