from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.storage.tags import SENSOR_NAME_TAG

from deploy_orchestrator.defs import runs
from deploy_orchestrator.defs.resources import LEFT
from deploy_orchestrator.defs.runs import TENANTS, Batch, Intent, again, requests, run_of, wanted_by
from deploy_orchestrator.web import LAUNCHED_BY

SHOP, DESK = (Intent("dev", tenant, "sha256:1") for tenant in ("shop", "desk"))


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def ship_tenants(context: dg.OpExecutionContext, config: Batch) -> None:
    kind = context.run.tags.get("test")
    if kind:
        left = {LEFT: dg.JsonMetadataValue(["shop"])} if kind == "one tenant" else {}
        raise dg.Failure("no", metadata=left, allow_retries=kind != "input")


@dg.job
def ship() -> None:
    ship_tenants()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run(instance: dg.DagsterInstance, wanted: dg.RunRequest, fails: str = "") -> None:
    tags = {SENSOR_NAME_TAG: "s", **wanted.tags, **({"test": fails} if fails else {})}
    ship.execute_in_process(instance=instance, tags=tags, run_config=wanted.run_config, raise_on_error=False)


def ask(instance: dg.DagsterInstance, *wanted: Intent) -> Sequence[dg.RunRequest]:
    """Ask for runs, and run them."""
    found = requests(instance, "ship", wanted, print)
    for each in found:
        run(instance, each)
    return found


def tenants(found: Sequence[dg.RunRequest]) -> list[str]:
    return [each.tags[TENANTS] for each in found]


@pytest.mark.parametrize(
    "config",
    [
        None,
        5,
        "tenants",
        ["tenants"],
        {"tenants": 1},
        {"tenants": {"shop": "x"}, "environment": "dev", "self": 1},
        {"tenants": {"shop": 1}, "environment": "dev"},
        {"tenants": {"shop": "x"}, "environment": "../dev"},
    ],
)
def test_a_run_whose_config_somebody_made_up_is_about_nobody_and_blinds_no_sensor(instance, config):
    """Dagster takes any config for an op that asks for none, and sensors read that of all runs."""
    made_up = {"ops": {"charts": {"config": config}}}
    instance.create_run_for_job(ship, run_config=run_of("ship", "dev", {"shop": "x"}, "").run_config)
    (made,) = instance.get_runs()
    instance.add_run(dg.DagsterRun("survey", run_config=made_up, status=dg.DagsterRunStatus.STARTED))
    assert wanted_by(made) == [Intent("dev", "shop", "x")]
    assert runs.under_way(instance) == [Intent("dev", "shop", "x")]


@pytest.mark.parametrize("config", [None, {"ops": None}, {"ops": {"charts": None}}, {"ops": ["charts"]}])
def test_what_is_no_config_at_all_is_about_nobody(config):
    assert wanted_by(dg.DagsterRun("survey", run_config=config)) == []


def test_tenants_of_one_environment_share_a_run_and_a_run_knows_what_it_is_for(
    instance: dg.DagsterInstance,
) -> None:
    elsewhere = Intent("staging", "shop", "sha256:2")

    assert tenants(ask(instance, SHOP, DESK, elsewhere)) == ["desk, shop", "shop"]

    made = [wanted_by(each) for each in instance.get_runs()]
    assert made == [[elsewhere], [DESK, SHOP]]
    many = run_of("ship", "dev", dict.fromkeys("abcdefg", ""), "key")
    assert many.tags[TENANTS] == "a, b, c, d, e and 2 more"


def test_nobody_is_asked_for_while_a_run_for_the_same_is_under_way(instance: dg.DagsterInstance) -> None:
    wanted = run_of("ship", "dev", {"shop": "sha256:1"}, "key")
    instance.create_run_for_job(ship, run_config=wanted.run_config, status=dg.DagsterRunStatus.STARTED)

    assert tenants(requests(instance, "ship", [SHOP, DESK], print)) == ["desk"]
    assert tenants(requests(instance, "ship", [Intent("dev", "shop", "sha256:2")], print)) == ["shop"]
    assert requests(instance, "ship", [], print) == []


def test_what_people_launch_is_no_attempt_of_a_sensor(instance: dg.DagsterInstance) -> None:
    asked = run_of("ship", "dev", {"shop": "sha256:1"}, "key")
    for tags in ({}, {LAUNCHED_BY: "alice@example.com", SENSOR_NAME_TAG: "open_gates"}):
        for _ in range(3):
            ship.execute_in_process(
                instance=instance, tags={**asked.tags, **tags}, run_config=asked.run_config
            )
    assert tenants(requests(instance, "ship", [SHOP], pytest.fail)) == ["shop"]


def test_what_three_runs_did_not_bring_about_is_let_alone_and_stops_nobody_else(
    instance: dg.DagsterInstance,
) -> None:
    assert all(ask(instance, SHOP) for _ in range(3))
    assert ask(instance, SHOP) == []
    assert tenants(ask(instance, SHOP, DESK)) == ["desk"]


def test_it_is_tried_again_after_a_pause_each_time_as_another_run(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {ask(instance, SHOP)[0].run_key for _ in range(3)}
    monkeypatch.setattr(runs, "PAUSE", timedelta(microseconds=1))
    keys |= {ask(instance, SHOP)[0].run_key for _ in range(2)}
    assert len(keys) == 5


def test_what_failed_in_an_outage_is_tried_again_once_for_each_failure_and_then_after_a_pause(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert again(instance, "ship") == []
    wanted = run_of("ship", "dev", {"shop": "", "desk": ""}, "key")
    keys: set[str | None] = set()
    for _ in range(2):
        run(instance, wanted, fails="outage")
        for _ in range(2):
            (asked,) = again(instance, "ship")
            assert asked.tags[TENANTS] == "desk, shop"
            keys.add(asked.run_key)
    assert len(keys) == 2
    run(instance, wanted, fails="outage")
    assert again(instance, "ship") == []
    monkeypatch.setattr(runs, "PAUSE", timedelta(0))
    assert tenants(again(instance, "ship")) == ["desk, shop"]


def test_only_those_that_the_outage_concerned_are_tried_again(instance: dg.DagsterInstance) -> None:
    run(instance, run_of("ship", "dev", {"shop": "", "desk": ""}, "key"), fails="one tenant")
    assert tenants(again(instance, "ship")) == ["shop"]


def test_whoever_a_later_run_took_along_is_not_tried_again(instance: dg.DagsterInstance) -> None:
    run(instance, run_of("ship", "dev", {"shop": "", "desk": ""}, "key"), fails="outage")
    run(instance, run_of("ship", "dev", {"shop": ""}, "later"))
    assert tenants(again(instance, "ship")) == ["desk"]


def test_what_failed_for_its_input_is_let_alone(instance: dg.DagsterInstance) -> None:
    run(instance, run_of("ship", "dev", {"shop": ""}, "key"), fails="input")
    assert again(instance, "ship") == []


def test_everybody_is_tried_again_when_the_process_of_a_run_died(instance: dg.DagsterInstance) -> None:
    wanted = run_of("ship", "dev", {"shop": "", "desk": ""}, "key")
    made = instance.create_run_for_job(ship, run_config=wanted.run_config, status=dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(made)
    assert tenants(again(instance, "ship")) == ["desk, shop"]
