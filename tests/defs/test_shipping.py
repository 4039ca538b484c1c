"""Many tenants in one run."""

import re
import shutil

import dagster as dg
import pytest

from deploy_orchestrator.defs.partitions import partition_key
from deploy_orchestrator.defs.runs import run_of
from tests.defs.conftest import After, Laptop
from tests.defs.test_pipeline import yaml_line

TENANTS = ("analytics", "data", "ml")


@pytest.fixture
def dev(laptop: Laptop) -> Laptop:
    """The laptop with three tenants in dev alone."""
    reduce(laptop)
    return laptop


@pytest.fixture
def live(after: After) -> Laptop:
    """All three are live."""

    def ship(laptop: Laptop) -> None:
        reduce(laptop)
        laptop.settle()

    return after("three-in-dev", ship)


def reduce(laptop: Laptop) -> None:
    for tenant in ("catalog", "scoring", "vision"):
        shutil.rmtree(laptop.folder / "fleet/tenants" / tenant)
    for tenant in TENANTS:
        laptop.commit(
            f"tenants/{tenant}/tenant.yaml",
            lambda text: re.sub(r"environments: .*", "environments: [dev]", text),
        )


def pushes(laptop: Laptop) -> list[str]:
    """What the orchestrator committed to the deployments repository, the last first."""
    with laptop.orchestrator() as orchestrator:
        return [commit.subject for commit in orchestrator.deployments.repository.log("main")]


def evaluated(laptop: Laptop, asset: str, check: str) -> list[tuple[str | None, bool]]:
    """How a check went for which partition, the last evaluation first."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    records = laptop.instance.event_log_storage.get_asset_check_execution_history(key, limit=20)
    ended = [record.evaluation for record in records]
    return [(each.partition, each.passed) for each in ended if isinstance(each, dg.AssetCheckEvaluation)]


def test_one_commit_has_the_candidates_of_an_environment_and_each_release_has_its_own(dev: Laptop) -> None:
    assert dev.settle() == ["ship dev analytics, data, ml", "survey"]

    releases = [f"Release dev/{tenant}" for tenant in reversed(TENANTS)]
    assert [subject.partition(":")[0] for subject in pushes(dev)] == [
        *releases,
        "Trust the first rules of dev, staging, production, edge",
        "Propose dev/analytics, and 2 more",
    ]
    for asset in ("rendered_manifests", "container_images", "change_plan", "release", "sync_status"):
        assert dev.materialized(asset) == {partition_key("dev", tenant) for tenant in TENANTS}
    assert all(dev.live("dev", tenant) for tenant in TENANTS)


def test_whoever_fails_on_the_way_is_named_and_stops_nobody_else(live: Laptop) -> None:
    before = {tenant: live.released("dev", tenant) for tenant in TENANTS}
    live.commit("tenants/data/values.yaml", yaml_line("webserver: {replicas: none}"))
    live.commit("tenants/ml/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 999}}"))
    live.commit("tenants/analytics/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 998}}"))

    assert live.settle()[0] == "ship dev analytics, data, ml"

    (said,) = live.failures()
    assert said.startswith("dev/data: ")
    assert "replicas" in said
    assert live.released("dev", "data") == before["data"]
    assert all(live.released("dev", tenant) != before[tenant] for tenant in ("analytics", "ml"))
    assert all(live.live("dev", tenant) for tenant in TENANTS)


def test_a_failed_check_is_not_hidden_by_others_of_the_same_run(live: Laptop) -> None:
    live.commit("tenants/analytics/values.yaml", yaml_line("image: {tag: latest}"))
    live.commit("tenants/ml/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 999}}"))
    live.settle()

    images = evaluated(live, "container_images", "images_are_pinned")

    assert images[:2] == [(partition_key("dev", "analytics"), False), (partition_key("dev", "ml"), True)]


def test_a_rollback_of_many_is_one_run_that_says_who_cannot_go_back(live: Laptop) -> None:
    live.commit("fleet.yaml", lambda text: text.replace("rollbackAfter: 30s", "rollbackAfter: 0s"))
    good = {tenant: live.released("dev", tenant).content for tenant in TENANTS}
    for tenant in ("analytics", "ml"):
        live.commit(f"tenants/{tenant}/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 999}}"))
    live.settle()
    for tenant in TENANTS:
        live.command("sandbox", "degrade", "dev", tenant)

    (ran,) = live.tick("unhealthy_releases")

    assert ran == "roll_back dev analytics, data, ml"
    assert {tenant: live.released("dev", tenant).content for tenant in TENANTS} == good
    assert [live.live("dev", tenant) for tenant in TENANTS] == [True, False, True]
    (said,) = live.failures()
    assert said.startswith("dev/data: nothing was released before")


def test_what_is_asked_for_by_hand_runs_too(dev: Laptop) -> None:
    dev.turn()
    dev.run(run_of("sync", "dev", {"analytics": "by hand", "nobody": "by hand"}, "hand"))
    assert dev.failures() == []
