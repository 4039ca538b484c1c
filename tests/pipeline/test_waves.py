"""A commit that changes several tenants reaches a wave after those before it have it, live and healthy."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Gate, GatesClosed, GateState
from tests.desk import TENANT, Desk, copied, git, inside
from tests.pipeline.conftest import sandbox_of
from tests.steps import propose, released

WAVES = "waves: [{tenants: [blog], soak: 0s}, {tenants: [shop], soak: 0s}]"


def with_policy(desk: Desk, policy: str) -> None:
    """The policy of dev."""
    text = (desk.fleet / "fleet.yaml").read_text()
    dev = '  - name: dev\n    cluster: here\n    kubernetes: "1.34"\n'
    production = text[text.index("  - name: production") :]
    head = text[: text.index("  - name: dev")]
    desk.commit("fleet.yaml", f"{head}{dev}    policy: {{{policy}}}\n{production}")


def greet(desk: Desk, text: str, *tenants: str) -> None:
    """Change every tenant by the chart's values, or only these by their own."""
    paths = [f"tenants/{each}/values.yaml" for each in tenants] or ["charts/app/values.yaml"]
    legacy = "legacy: true\n"
    for path in paths:
        desk.commit(path, f"greeting: {text}\n{legacy}")


def plan(desk: Desk, *tenants: str) -> None:
    with desk.orchestrator() as orchestrator:
        for tenant in tenants:
            propose(orchestrator, "dev", tenant)


def go(desk: Desk, *tenants: str) -> None:
    with desk.orchestrator() as orchestrator:
        for tenant in tenants:
            pending = propose(orchestrator, "dev", tenant)
            assert pending is not None
            orchestrator.deliver(released(orchestrator, pending))


def wave(desk: Desk, tenant: str) -> Gate:
    with desk.orchestrator() as orchestrator:
        found = {pending.key: gates for pending, gates in orchestrator.pending()}
        gates = found[f"dev/{tenant}"]
        assert isinstance(gates, tuple)
        (gate,) = [each for each in gates if each.key == "wave"]
        alone = orchestrator.deployments.pending("dev", tenant)
        assert alone is not None
        (same,) = [each for each in orchestrator.gates(alone) if each.key == "wave"]
    # A second may have gone by, which the reason tells.
    assert (same.state, same.reason.split(" for ")[0]) == (gate.state, gate.reason.split(" for ")[0])
    return gate


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, shipped: Desk) -> Desk:
    desk = copied(shipped, tmp_path_factory.mktemp("live"))
    desk.commit("tenants/last/tenant.yaml", TENANT.format(environments="dev"))
    with_policy(desk, WAVES)
    with inside(desk.folder):
        desk.ship()
    return desk


@pytest.fixture
def train(live: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """dev/blog goes first, then dev/shop, then dev/last; all are live."""
    monkeypatch.chdir(tmp_path)
    return copied(live, tmp_path)


def test_a_shared_change_goes_wave_by_wave(train: Desk) -> None:
    greet(train, "hi")
    plan(train, "last", "shop", "blog")

    assert "wave 1 goes first: blog waits since" in wave(train, "shop").reason
    with train.orchestrator() as orchestrator:
        shop = orchestrator.deployments.pending("dev", "shop")
        assert shop is not None
        with pytest.raises(GatesClosed, match="dev/shop"):
            released(orchestrator, shop)

    go(train, "blog")
    assert wave(train, "shop").passed
    assert "wave 2 goes first: shop waits since" in wave(train, "last").reason
    go(train, "shop")
    assert wave(train, "last").passed


def test_whoever_is_planned_first_waits_all_the_same(train: Desk) -> None:
    greet(train, "hi")
    plan(train, "shop")
    assert "blog has no plan for it yet" in wave(train, "shop").reason


def test_the_soak_time_of_a_wave_counts_from_when_it_was_healthy(train: Desk) -> None:
    with_policy(train, "waves: [{tenants: [blog], soak: 1h}]")
    greet(train, "hi")
    go(train, "blog")
    plan(train, "last")
    assert "blog has it, healthy for" in wave(train, "last").reason


def test_a_tenants_own_change_waits_for_nobody_and_holds_nobody(train: Desk) -> None:
    greet(train, "mine", "blog")
    greet(train, "mine too", "last")
    plan(train, "blog")
    go(train, "last")


def test_a_commit_that_changes_no_manifest_of_a_canary_is_not_held_by_it(train: Desk) -> None:
    train.commit("charts/app/values-tenant-blog.yaml", "greeting: pinned\n")
    go(train, "blog")
    with train.orchestrator() as orchestrator:
        sandbox_of(orchestrator).degrade("dev", "blog", "down for reasons of its own")

    greet(train, "hi")
    go(train, "shop")


def test_a_first_release_waits_for_no_wave(train: Desk) -> None:
    greet(train, "hi")
    train.commit("tenants/new/tenant.yaml", TENANT.format(environments="dev"))
    go(train, "new")


def fail(orchestrator: Orchestrator) -> None:
    release = orchestrator.deployments.release("dev", "blog")
    assert release is not None
    sandbox_of(orchestrator).degrade("dev", "blog", "it does not start")


def reject(orchestrator: Orchestrator) -> None:
    fail(orchestrator)
    orchestrator.roll_back("dev", "blog", "it does not start")


@pytest.mark.parametrize(
    ("failure", "state", "said"),
    [
        (fail, GateState.WAITING, "blog has it, and is not live and healthy since"),
        (reject, GateState.CLOSED, "(quarantine: it brings back the bytes, reverted at"),
    ],
)
def test_a_failure_stops_the_train(
    train: Desk, failure: Callable[[Orchestrator], None], state: GateState, said: str
) -> None:
    greet(train, "hi")
    go(train, "blog")
    with train.orchestrator() as orchestrator:
        failure(orchestrator)
    plan(train, "shop")
    assert wave(train, "shop").state is state
    assert said in wave(train, "shop").reason


def test_a_commit_that_mends_the_canary_moves_the_train_on(train: Desk) -> None:
    greet(train, "hi")
    go(train, "blog")
    with train.orchestrator() as orchestrator:
        reject(orchestrator)
    plan(train, "shop")
    assert not wave(train, "shop").passed

    greet(train, "hello again", "blog")
    go(train, "blog")
    assert wave(train, "shop").passed


def test_a_change_that_breaks_a_canarys_files_stops_the_train(train: Desk) -> None:
    train.commit("tenants/blog/tenant.yaml", TENANT.format(environments="dev").replace("0.1.0", "~0.1.0"))
    train.ship()
    (train.fleet / "tenants/shop/tenant.yaml").write_text(
        TENANT.format(environments="dev, production").replace("0.1.0", "0.2.0")
    )
    (train.fleet / "charts/app/values.yaml").write_text("greeting: hi\nlegacy: true\n")
    train.commit("charts/app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.2.0\n")

    plan(train, "shop")
    found = wave(train, "shop")
    assert found.state is GateState.WAITING
    assert "deploy-orchestrator plan -t blog" in found.reason


def test_a_change_that_the_fleet_took_back_for_the_canary_holds_nobody(train: Desk) -> None:
    greet(train, "hi")
    plan(train, "shop")
    with train.orchestrator() as orchestrator:
        shop = orchestrator.deployments.pending("dev", "shop")
    assert shop is not None
    assert shop.ahead
    git(train.fleet, "revert", "--no-edit", "HEAD")
    greet(train, "only shop", "shop")
    go(train, "shop")


def test_a_canary_that_opted_out_after_it_was_rolled_back_holds_nobody(train: Desk) -> None:
    greet(train, "hi")
    go(train, "blog")
    with train.orchestrator() as orchestrator:
        reject(orchestrator)
    plan(train, "shop")
    assert not wave(train, "shop").passed

    greet(train, "hello", "blog")
    plan(train, "blog", "shop")
    assert wave(train, "shop").passed
    go(train, "shop")


def test_a_canary_that_opted_out_before_it_was_ever_planned_holds_nobody(train: Desk) -> None:
    greet(train, "hi")
    greet(train, "hello", "blog")
    plan(train, "shop")
    assert "blog has no plan for it yet" in wave(train, "shop").reason
    plan(train, "blog")
    assert wave(train, "shop").passed


def test_a_canary_that_opted_out_holds_nobody_while_a_change_of_its_own_waits(train: Desk) -> None:
    train.commit("tenants/blog/values.yaml", "legacy: false\n")
    plan(train, "blog")
    greet(train, "hi")
    plan(train, "shop")
    assert not wave(train, "shop").passed

    train.commit("tenants/blog/values.yaml", "legacy: false\ngreeting: hello\n")
    plan(train, "blog")
    assert wave(train, "shop").passed


def test_a_canary_that_has_the_change_goes_first_whatever_else_was_planned_for_it_since(train: Desk) -> None:
    with_policy(train, "waves: [{tenants: [blog], soak: 1h}]")
    greet(train, "hi")
    go(train, "blog")
    train.commit("charts/app/README", "nothing that is rendered\n")
    plan(train, "blog", "shop")
    assert "blog has it, healthy for" in wave(train, "shop").reason


def test_a_canary_that_takes_the_change_after_all_goes_first_again(train: Desk) -> None:
    greet(train, "hi")
    greet(train, "hello", "blog")
    plan(train, "blog", "shop")
    assert wave(train, "shop").passed

    (train.fleet / "tenants/blog/values.yaml").unlink()
    train.commit("README", "it takes part again\n")
    assert "blog has no plan for it yet" in wave(train, "shop").reason
    plan(train, "blog")
    assert "wave 1 goes first: blog waits since" in wave(train, "shop").reason


def test_a_canary_that_left_the_fleet_or_the_wave_holds_nobody(train: Desk) -> None:
    greet(train, "hi")
    plan(train, "shop")
    assert not wave(train, "shop").passed
    with_policy(train, "waves: [{tenants: [last]}, {tenants: [blog, shop]}]")
    assert wave(train, "shop").passed


def test_a_commit_that_breaks_fleet_yaml_hides_no_change(train: Desk) -> None:
    good = (train.fleet / "fleet.yaml").read_text()
    (train.fleet / "charts/app/values.yaml").write_text("greeting: hi\nlegacy: true\n")
    train.commit("fleet.yaml", "broken")
    train.commit("fleet.yaml", good)
    plan(train, "shop")
    assert not wave(train, "shop").passed
