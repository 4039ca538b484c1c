"""The assets of one partition, materialised by hand."""

import dagster as dg
import pytest

from deploy_orchestrator.defs.partitions import partition_key
from tests.defs.conftest import Laptop

WAY = ("rendered_manifests", "container_images", "change_plan", "release", "sync_status")


@pytest.fixture
def bare(bare: Laptop) -> Laptop:
    """With the partitions that the sensor would have made."""
    bare.instance.add_dynamic_partitions("environment", ["dev", "production"])
    bare.instance.add_dynamic_partitions("tenant", ["analytics", "nobody"])
    return bare


def by_hand(bare: Laptop, environment: str, tenant: str) -> dg.ExecuteInProcessResult:
    definitions = bare.definitions
    return dg.materialize(
        [each for each in definitions.assets or () if isinstance(each, dg.AssetsDefinition)],
        selection=list(WAY),
        partition_key=partition_key(environment, tenant),
        instance=bare.instance,
        resources=definitions.resources,
        raise_on_error=False,
    )


def test_one_goes_from_its_commit_to_live_and_what_waits_is_observed(bare: Laptop) -> None:
    assert by_hand(bare, "dev", "analytics").success
    for asset in WAY:
        assert bare.materialized(asset) == {partition_key("dev", "analytics")}
    assert bare.live("dev", "analytics")

    bare.command("sandbox", "degrade", "dev", "analytics", "-m", "told to")
    waiting = by_hand(bare, "production", "analytics")
    made = {
        event.asset_key.to_user_string()
        for event in waiting.get_asset_materialization_events()
        if event.asset_key
    }
    assert "release" not in made
    (observed,) = waiting.get_asset_observation_events()
    assert observed.asset_key == dg.AssetKey("release")


def test_whom_the_fleet_does_not_have_there_fails_with_what_the_command_line_would_say(bare: Laptop) -> None:
    assert not by_hand(bare, "dev", "nobody").success
    assert any("nobody" in said for said in bare.failures())
