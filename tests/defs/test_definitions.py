"""What stands in the project: nothing is missing, nothing is off by mistake."""

import dagster as dg
import pytest

from deploy_orchestrator.definitions import project
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.settings import Settings


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return project(Installation(Settings()))


def test_everything_loads(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_the_pipeline_is_live_as_soon_as_the_daemon_runs(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    sensors = {each.name: each.default_status for each in repository.sensor_defs}
    schedules = [each.default_status for each in repository.schedule_defs]

    assert set(sensors) == {
        "fleet_commits",
        "due_subscriptions",
        "failed_runs",
        "open_gates",
        "live_releases",
        "unhealthy_releases",
        "notifications",
        "traces",
    }
    assert set(sensors.values()) == {dg.DefaultSensorStatus.RUNNING}
    assert set(schedules) == {dg.DefaultScheduleStatus.RUNNING}


def test_every_asset_that_runs_make_leads_to_the_lines_that_make_it(definitions: dg.Definitions) -> None:
    made = [
        each for each in definitions.resolve_all_asset_specs() if each.key.to_user_string() != "fleet_status"
    ]
    for spec in made:
        (link,) = spec.metadata["dagster/code_references"].code_references
        assert link.url.startswith("https://github.com/deploy-orchestrator/deploy-orchestrator/tree/v0"), (
            spec.key
        )
        assert "/deploy_orchestrator/defs/" in link.url
        assert "#L" in link.url


def test_every_asset_says_what_it_is_and_belongs_to_a_stage(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.kinds, spec.key
        assert spec.owners == ["team:platform"], spec.key
        assert spec.metadata["board"].value == "/", spec.key
        assert spec.tags["stage"] == spec.group_name, spec.key
        assert spec.group_name in {"charts", "manifests", "images", "releases", "delivery"}, spec.key


def test_what_a_clock_makes_says_until_when_it_is_fresh_and_what_changes_make_does_not(
    definitions: dg.Definitions,
) -> None:
    for spec in definitions.resolve_all_asset_specs():
        assert bool(spec.freshness_policy) != bool(spec.partitions_def), spec.key


def test_the_instance_of_dagster_yaml_loads_with_everything_it_names(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path_factory.mktemp("home")
    (folder / "dagster.yaml").write_bytes((request.config.rootpath / "dagster.yaml").read_bytes())
    monkeypatch.chdir(folder)

    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert type(instance.run_coordinator).__name__ == "OncePerRunKey"
        assert instance.get_concurrency_config().run_queue_config
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
    assert (folder / ".local" / "dagster").is_dir()


def test_every_sensor_job_and_check_says_what_it_is_for(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    for each in (*repository.sensor_defs, *repository.get_all_jobs()):
        if not each.name.startswith("__"):
            assert each.description, each.name
    for node in definitions.resolve_asset_graph().asset_check_keys:
        assert definitions.resolve_asset_graph().get_check_spec(node).description, node


@pytest.mark.parametrize("name", ["ship", "promote", "sync", "roll_back"])
def test_a_launchpad_begins_with_an_example_that_holds_and_leads_nowhere_else(
    definitions: dg.Definitions, name: str
) -> None:
    job = definitions.resolve_job_def(name)
    assert job.run_config == {
        "ops": {f"{name}_tenants": {"config": {"environment": "dev", "tenants": {"analytics": "by hand"}}}}
    }
    assert dg.validate_run_config(job, job.run_config)
