from collections.abc import Iterator, Mapping
from unittest.mock import create_autospec

import dagster as dg
import pytest
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.workspace.context import BaseWorkspaceRequestContext

from deploy_orchestrator.defs.coordinator import OncePerRunKey

ORIGIN = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("deploy-orchestrator"), "__repository__")
ASKED = {"dagster/sensor_name": "fleet_commits", "dagster/run_key": "ship:dev/shop:1"}


@dg.op
def _nothing() -> None:
    pass


@dg.job
def ship() -> None:
    _nothing()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def coordinator(instance: dg.DagsterInstance) -> OncePerRunKey:
    coordinator = OncePerRunKey()
    coordinator.register_instance(instance)
    return coordinator


def made(instance: dg.DagsterInstance, tags: dict[str, str], parent: DagsterRun | None = None) -> DagsterRun:
    family = parent.run_id if parent else None
    origin = RemoteJobOrigin(ORIGIN, "ship")
    return instance.create_run_for_job(
        ship, tags=tags, remote_job_origin=origin, parent_run_id=family, root_run_id=family
    )


def submit(coordinator: OncePerRunKey, run: DagsterRun, who: Mapping[str, str] = {}) -> DagsterRunStatus:
    workspace = create_autospec(BaseWorkspaceRequestContext, instance=True)
    workspace.get_viewer_tags.return_value = who
    return coordinator.submit_run(SubmitRunContext(run, workspace=workspace)).status


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_runs_made_for_one_key_the_first_is_queued_whoever_submits_first(
    instance: dg.DagsterInstance, coordinator: OncePerRunKey, order: tuple[int, int]
) -> None:
    runs = [made(instance, ASKED), made(instance, ASKED)]

    found = {number: submit(coordinator, runs[number]) for number in order}

    assert found == {0: DagsterRunStatus.QUEUED, 1: DagsterRunStatus.CANCELED}


@pytest.mark.parametrize(
    "other",
    [
        {**ASKED, "dagster/run_key": "ship:dev/shop:2"},
        {**ASKED, "dagster/sensor_name": "open_gates"},
        {"dagster/run_key": ASKED["dagster/run_key"]},
        {},
    ],
)
def test_runs_for_other_keys_are_all_queued(
    instance: dg.DagsterInstance, coordinator: OncePerRunKey, other: dict[str, str]
) -> None:
    for tags in (ASKED, other):
        assert submit(coordinator, made(instance, tags)) is DagsterRunStatus.QUEUED


def test_a_run_is_executed_again_under_its_key(
    instance: dg.DagsterInstance, coordinator: OncePerRunKey
) -> None:
    first = made(instance, ASKED)
    submit(coordinator, first)

    assert submit(coordinator, made(instance, ASKED, parent=first)) is DagsterRunStatus.QUEUED


def test_a_run_that_was_submitted_before_stays_as_it_is(
    instance: dg.DagsterInstance, coordinator: OncePerRunKey
) -> None:
    run = made(instance, ASKED)
    submit(coordinator, run)
    queued = instance.get_run_by_id(run.run_id)
    assert queued

    assert submit(coordinator, queued) is DagsterRunStatus.QUEUED


def test_a_run_says_who_launched_it_whatever_its_tags_said(
    instance: dg.DagsterInstance, coordinator: OncePerRunKey
) -> None:
    run = made(instance, {"user": "mallory@example.com"})
    submit(coordinator, run, {"user": "alice@example.com"})

    stored = instance.get_run_by_id(run.run_id)
    assert stored
    assert stored.tags["user"] == "alice@example.com"


@pytest.mark.parametrize("tag", ["dagster-k8s/config", "dagster-celery/queue", "ecs/task_overrides"])
def test_no_tag_of_a_run_says_what_is_started_for_it(
    instance: dg.DagsterInstance, coordinator: OncePerRunKey, tag: str
) -> None:
    """It runs with the login and the key of the orchestrator."""
    run = made(instance, {tag: '{"container_config": {"image": "registry/mallory"}}'})
    assert submit(coordinator, run) is DagsterRunStatus.CANCELED


@pytest.mark.parametrize(
    ("tags", "who"),
    [
        ({}, {"user": "alice@example.com"}),
        ({"user": "alice@example.com"}, {}),
        ({"dagster/backfill": "of somebody"}, {}),
    ],
    ids=["launched", "submitted later", "of a backfill"],
)
def test_a_run_that_a_person_launches_takes_no_sensors_place(
    instance: dg.DagsterInstance, coordinator: OncePerRunKey, tags: dict[str, str], who: dict[str, str]
) -> None:
    theirs = made(instance, {**ASKED, **tags})
    assert submit(coordinator, theirs, who) is DagsterRunStatus.QUEUED
    kept = instance.get_run_by_id(theirs.run_id)
    assert kept is not None
    assert [kept.tags[each] for each in ASKED] == ["", ""]
    assert kept.tags.items() >= who.items()
    assert submit(coordinator, made(instance, ASKED)) is DagsterRunStatus.QUEUED


@pytest.mark.parametrize(("job", "lane"), [("ship", "forward"), ("roll_back", "back"), ("survey", "beside")])
def test_which_lane_a_run_is_in_goes_by_its_job_and_not_by_its_tags(
    instance: dg.DagsterInstance, coordinator: OncePerRunKey, job: str, lane: str
) -> None:
    @dg.job(name=job)
    def made_here() -> None:
        _nothing()

    origin = RemoteJobOrigin(ORIGIN, job)
    run = instance.create_run_for_job(made_here, tags={"lane": "back"}, remote_job_origin=origin)
    assert submit(coordinator, run) is DagsterRunStatus.QUEUED
    kept = instance.get_run_by_id(run.run_id)
    assert kept is not None
    assert kept.tags["lane"] == lane
