"""A tenant that left the fleet, as people and sensors remove it."""

import shutil

from tests.defs.conftest import Laptop
from tests.steps import released


def test_a_removal_goes_out_when_it_is_approved_and_clears_up_after_itself(bench: Laptop) -> None:
    shutil.rmtree(bench.folder / "fleet/tenants/analytics")
    bench.commit("README.md", lambda text: f"{text}\nWithout analytics.\n")
    assert bench.settle() == ["survey"]

    bench.command("tenant", "remove", "analytics", "--yes")
    assert bench.settle() == ["promote dev analytics"]
    bench.sign("approve", "production", "analytics", person="bob")
    assert bench.settle() == ["promote production analytics"]

    with bench.orchestrator() as orchestrator:
        assert orchestrator.deployments.releases() == []
        assert orchestrator.deployments.pending_plans() == []
        assert orchestrator.deployments.manifests("production", "analytics") is None


def test_a_removal_that_was_interrupted_is_finished(bench: Laptop) -> None:
    shutil.rmtree(bench.folder / "fleet/tenants/analytics")
    bench.commit("README.md", lambda text: f"{text}\nWithout analytics.\n")
    bench.settle()
    bench.command("tenant", "remove", "analytics", "--environment", "dev", "--yes")
    with bench.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "analytics")
        assert plan is not None
        orchestrator.engine.sync(released(orchestrator, plan))

    assert bench.settle() == ["sync dev analytics"]

    with bench.orchestrator() as orchestrator:
        assert orchestrator.deployments.release("dev", "analytics") is None
