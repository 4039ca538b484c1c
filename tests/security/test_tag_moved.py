"""What runs is what was planned and approved, also where images are named by tags."""

from collections.abc import Iterator

import dagster as dg
import pytest
import stamina

from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.defs.shipment import shipment
from deploy_orchestrator.releases import GatesClosed, Release
from deploy_orchestrator.settings import Settings
from tests.cli.test_images import lay_out
from tests.desk import Desk
from tests.images.conftest import Hub
from tests.registry import serving
from tests.steps import propose, released

WHERE = ("production", "shop")
ASKS = "      images: {}\n"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as registry, stamina.set_testing(True, attempts=1):
        yield Hub(registry)


@pytest.fixture
def shipped(fresh: Desk, hub: Hub) -> Desk:
    """A tag that is live in dev and production."""
    hub.variant("acme/web", "1")
    lay_out(fresh, hub, str(hub.name("acme/web:1")), ASKS)
    fresh.ship()
    fresh.commit("tenants/shop/values.yaml", "legacy: false\n")
    fresh.ship()
    return fresh


def release(desk: Desk) -> Release:
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending(*WHERE)
        assert plan
        return released(orchestrator, plan)


def closed(desk: Desk) -> str:
    with pytest.raises(GatesClosed) as found:
        release(desk)
    return str(found.value)


def test_a_tag_that_moves_after_the_approval_is_planned_and_approved_again(shipped: Desk, hub: Hub) -> None:
    assert shipped.run("approve", *WHERE, *shipped.as_("bob")).code == 0
    hub.variant("acme/web", "1", layers=[b"other"])
    assert "when it was planned: plan again" in closed(shipped)
    with shipped.orchestrator() as orchestrator:
        assert propose(orchestrator, *WHERE)
    assert "more was found in it" in closed(shipped)
    assert shipped.run("approve", *WHERE, *shipped.as_("bob")).code == 0
    assert release(shipped)


def test_nothing_is_released_while_nobody_can_tell_and_all_that_is_stays(shipped: Desk, hub: Hub) -> None:
    assert shipped.run("approve", *WHERE, *shipped.as_("bob")).code == 0
    with shipped.orchestrator() as orchestrator:
        before = orchestrator.deployments.release(*WHERE)
    hub.registry.refuses = ("HEAD /v2/acme/web",)
    assert "nobody can tell whether its images are those of the plan" in closed(shipped)
    with shipped.orchestrator() as orchestrator:
        assert orchestrator.deployments.release(*WHERE) == before
    hub.registry.refuses = ()
    assert release(shipped)


def test_the_run_that_finds_it_plans_anew(shipped: Desk, hub: Hub) -> None:
    assert shipped.run("approve", *WHERE, *shipped.as_("bob")).code == 0
    now = hub.variant("acme/web", "1", layers=[b"other"])["digest"]
    environment, tenant = WHERE
    log = dg.build_op_context().log
    with shipment(log, Installation(Settings()), environment, [tenant]) as under_way:
        told = [*under_way.release(), *under_way.plan_again()]
    assert told
    with shipped.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending(*WHERE)
        assert plan
        assert plan.images == {str(hub.name("acme/web:1")): now}
        assert plan.widened
