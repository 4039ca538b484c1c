"""What Prometheus reads, by its own parser, over a small fleet of which one change waits for an approval."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from deploy_orchestrator.pipeline import GUARDS, Orchestrator, last_looks, look, looked
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.telemetry import METRICS, Past, Seen, exposition
from deploy_orchestrator.web import LOOPBACK, Measured, Queue, Watch, metrics_app, site
from tests.desk import Desk
from tests.pipeline.conftest import sandbox_of

TOKEN = "0123456789abcdef0123456789abcdef"
MOMENT = datetime(2026, 3, 2, tzinfo=UTC)
QUEUE = Queue({"queued": 3, "started": 1}, MOMENT, 2)
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """Each sample by its name, without what all begin with, and its labels."""
    return {
        (sample.name.removeprefix("deploy_orchestrator_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def one(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


@pytest.fixture
def orchestrator(waiting: Desk) -> Iterator[Orchestrator]:
    with waiting.orchestrator() as opened:
        yield opened


@pytest.fixture
def measured(orchestrator: Orchestrator) -> Measured:
    home = Settings().home
    return Measured(
        Watch(lambda: look(orchestrator, home), seconds=0.05),
        Past(orchestrator.fleet_repository, orchestrator.deployments),
        partial(last_looks, home),
        orchestrator.deployments.planned,
        lambda: QUEUE,
    )


@pytest.fixture
def client(measured: Measured, orchestrator: Orchestrator) -> Iterator[TestClient]:
    with TestClient(site(measured.watch, orchestrator, None, LOOPBACK), base_url="http://localhost"):
        yield TestClient(metrics_app(measured, TOKEN), headers={"authorization": f"Bearer {TOKEN}"})


def test_what_waits_is_told_with_the_gates_and_since_when(client, orchestrator):
    said = read(client.get("/metrics").text)
    assert one(said, "waiting", environment="production", verdict="needs-approval") == 1
    assert one(said, "waiting_gates", environment="production", gate="approval") == 1
    planned = orchestrator.deployments.planned("production", "shop").timestamp()
    assert one(said, "waiting_since_timestamp_seconds", environment="production", gate="approval") == planned


def test_releases_deliveries_and_stages_come_from_git(client):
    said = read(client.get("/metrics").text)
    assert one(said, "releases_total", environment="dev", kind="release") == 3
    assert one(said, "deliveries_total", environment="dev", kind="release", outcome="healthy") == 3
    stage = {"environment": "dev", "stage": "commit_to_healthy"}
    assert one(said, "stage_duration_seconds_count", **stage) == 3
    assert one(said, "stage_duration_seconds_bucket", le="+Inf", **stage) == 3
    assert one(said, "dora_deployments_per_day", environment="dev") == 0.1
    assert one(said, "dora_change_failure_ratio", environment="dev") == 0


def test_how_everything_stands_is_counted(client, orchestrator, measured):
    said = read(client.get("/metrics").text)
    assert one(said, "deployments", environment="dev", state="live") == 2
    version = measured.watch.version
    sandbox_of(orchestrator).degrade("dev", "blog", "it is on fire")
    _until(lambda: measured.watch.version != version)
    said = read(client.get("/metrics").text)
    assert one(said, "deployments", environment="dev", state="live") == 1
    assert one(said, "deployments", environment="dev", state="degraded") == 1


def test_guards_and_dagsters_queue_are_told(client):
    looked(Settings().home, "open_gates", MOMENT)
    said = read(client.get("/metrics").text)
    assert one(said, "guard_last_look_timestamp_seconds", guard="open_gates") == MOMENT.timestamp()
    assert one(said, "runs", status="queued") == 3
    assert one(said, "queued_since_timestamp_seconds") == MOMENT.timestamp()
    assert one(said, "version_conflicts") == 2


def test_a_broken_fleet_is_told_by_the_kind_of_its_error(client, waiting, measured):
    waiting.commit("fleet.yaml", "environments: no\n")
    _until(lambda: measured.watch.overview.troubles)
    assert one(read(client.get("/metrics").text), "troubles", kind="FleetError") == 1


def test_looks_that_fail_are_counted(client, measured, orchestrator):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(orchestrator), "live", lambda _: 1 / 0)
        _until(lambda: measured.watch.trouble)
    assert one(read(client.get("/metrics").text), "failed_looks_total", kind="ZeroDivisionError")


def test_a_new_process_says_the_same(client, measured, orchestrator):
    fresh = Measured(
        Watch(measured.watch.look),
        Past(orchestrator.fleet_repository, orchestrator.deployments),
        measured.guards,
        measured.planned,
        measured.queue,
    )
    fresh.watch.overview = measured.watch.overview
    volatile = ("look_duration_seconds",)

    def lines(text: str) -> list[str]:
        return [each for each in text.splitlines() if not any(name in each for name in volatile)]

    assert lines(fresh.exposition().decode()) == lines(measured.exposition().decode())


def test_only_who_shows_the_token_reads_them(measured, client):
    stranger = TestClient(metrics_app(measured, TOKEN))
    for said in (None, "", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x"):
        answer = stranger.get("/metrics", headers={} if said is None else {"authorization": said})
        assert answer.status_code == 401
        assert "deploy_orchestrator" not in answer.text
    assert client.get("/metrics").status_code == 200


def test_without_a_token_no_page_of_another_name_or_site_reads_them(measured, client):
    near = TestClient(metrics_app(measured, None), base_url="http://127.0.0.1:9464")
    assert near.get("/metrics").status_code == 200
    assert near.get("/metrics", headers={"host": "evil.example"}).status_code == 421
    assert near.get("/metrics", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_before_the_first_look_there_is_nothing_to_tell(measured):
    answer = TestClient(metrics_app(measured, TOKEN)).get(
        "/metrics", headers={"authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == 503


def test_the_door_that_people_come_through_has_no_metrics(measured, orchestrator):
    with TestClient(site(measured.watch, orchestrator, None, LOOPBACK), base_url="http://localhost") as door:
        assert door.get("/metrics").status_code == 404


def test_every_metric_has_a_name_and_words_that_prometheus_takes():
    names = [each.full_name for each in METRICS]
    assert len(set(names)) == len(names)
    for each in METRICS:
        assert each.help.endswith(".")
        assert each.name.endswith("_total") == (each.kind == "counter")
        assert "tenant" not in each.labels


def test_an_empty_installation_has_an_exposition():
    said = read(exposition(Seen(at=MOMENT, version="1", took=timedelta(seconds=2)), ()).decode())
    assert one(said, "build_info", version="1") == 1
    assert one(said, "look_duration_seconds") == 2


def test_guards_are_those_that_are_told(client):
    said = read(client.get("/metrics").text)
    assert {dict(labels)["guard"] for name, labels in said if name.startswith("guard_")} == set(GUARDS)


def _until(true):
    async def soon() -> None:
        while not true():
            await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(soon(), 60))
