"""Canary waves as sensors drive them."""

import re
import shutil

import dagster as dg
import pytest

from deploy_orchestrator.defs.partitions import partition_key
from tests.defs.conftest import After, Laptop


@pytest.fixture
def pair(after: After) -> Laptop:
    """Analytics and ml in dev, where ml goes first; a change that is unhealthy is reverted at once."""
    return after("pair", ship_pair)


def ship_pair(laptop: Laptop) -> None:
    for tenant in ("catalog", "data", "scoring", "vision"):
        shutil.rmtree(laptop.folder / "fleet/tenants" / tenant)
    for tenant in ("analytics", "ml"):
        laptop.commit(
            f"tenants/{tenant}/tenant.yaml",
            lambda text: re.sub(r"environments: .*", "environments: [dev]", text),
        )
    waves(laptop, "0s")
    laptop.settle()


def waves(laptop: Laptop, soak: str) -> None:
    line = f"      waves: [{{tenants: [ml], soak: {soak}}}]\n      rollbackAfter: 0s\n"
    pattern = r"(      waves: .*\n)?      rollbackAfter: \d+s\n"
    laptop.commit("fleet.yaml", lambda text: re.sub(pattern, line, text, count=1))


def shared_change(laptop: Laptop) -> None:
    template = "charts/tenant-platform/templates/wave.yaml"
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: wave\n"
    laptop.commit(template, lambda _: text)


def test_the_next_wave_starts_when_the_one_before_is_healthy(pair: Laptop) -> None:
    shared_change(pair)

    ran = pair.settle()

    assert ran == ["ship dev analytics, ml", "survey", "promote dev analytics"]
    assert pair.live("dev", "analytics")
    observed = pair.instance.fetch_observations(
        dg.AssetRecordsFilter(
            dg.AssetKey("release"), asset_partitions=[str(partition_key("dev", "analytics"))]
        ),
        limit=1,
    )
    observation = observed.records[0].asset_observation
    assert observation
    metadata = observation.metadata
    assert "wave 1 goes first: ml" in str(metadata["waits for"].value)


def test_a_canary_that_is_reverted_stops_the_train(pair: Laptop) -> None:
    waves(pair, "1h")
    pair.settle()
    shared_change(pair)
    assert pair.settle() == ["ship dev analytics, ml", "survey"]

    pair.command("sandbox", "degrade", "dev", "ml")

    assert pair.settle() == ["roll_back dev ml", "ship dev ml"]
    with pair.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "analytics")
        assert plan is not None
        assert [gate.key for gate in orchestrator.gates(plan) if not gate.passed] == ["wave"]
