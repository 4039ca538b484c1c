"""Dagster behind the door: who may do what there goes by who has signed in. Holds a seam of Dagster's own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy_orchestrator.web import LOCAL, NOBODY, Person, Role, dagster_ui, known_as

DAGSTER = """\
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: deploy_orchestrator.defs.coordinator, class: OncePerRunKey}
"""
WORKSPACE = "load_from:\n  - python_file: {relative_path: some.py, location_name: some}\n"
DEFINITIONS = """\
import dagster as dg

@dg.asset
def a(): ...

@dg.sensor(target=[a])
def looks(): ...

defs = dg.Definitions(assets=[a], jobs=[dg.define_asset_job("j")], sensors=[looks])
"""
VIEWER = Person("bob@example.com", "Bob", Role.SEES, "bob@example.com")
OPERATOR = Person("alice@example.com", "Alice", Role.OPERATES, "alice@example.com")
ADMIN = Person("root@example.com", "Root", Role.ADMINISTERS, "root@example.com")
LAUNCH = """mutation($e: ExecutionParams!) { launchRun(executionParams: $e) { __typename
  ... on LaunchRunSuccess { run { runId tags { key value } } } ... on UnauthorizedError { message } } }"""
SELECTOR = {"repositoryLocationName": "some", "repositoryName": "__repository__"}


@dataclass
class Dagster:
    """The web UI, as asked by `person`."""

    app: ASGIApp
    person: Person | None = None
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = TestClient(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(known_as(scope, self.person) if self.person else scope, receive, send)

    def asks(self, question: str, **variables: Any) -> Any:
        asked = {"query": question, "variables": variables}
        return self.client.post("/dagster/graphql", json=asked).json()["data"]

    def launches(self, tags: dict[str, str] | None = None) -> Any:
        named = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        execution = {
            "selector": SELECTOR | {"jobName": "j"},
            "runConfigData": {},
            "mode": "default",
            "executionMetadata": {"tags": named},
        }
        return self.asks(LAUNCH, e=execution)["launchRun"]

    def permitted(self) -> set[str]:
        own = self.asks("{ permissions { permission value } }")["permissions"]
        entries = "locationEntries { permissions { permission value } }"
        said = self.asks(f"{{ workspaceOrError {{ ... on Workspace {{ {entries} }} }} }}")
        there = said["workspaceOrError"]["locationEntries"][0]["permissions"]
        return {each["permission"] for each in (*own, *there) if each["value"]}


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ASGIApp]:
    home = tmp_path_factory.mktemp("dagster")
    for name, text in (("dagster.yaml", DAGSTER), ("workspace.yaml", WORKSPACE), ("some.py", DEFINITIONS)):
        (home / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        with dagster_ui(home / "workspace.yaml") as app:
            yield app


@pytest.fixture
def dagster(mounted: ASGIApp) -> Dagster:
    return Dagster(mounted)


@pytest.mark.parametrize("person", [None, NOBODY, VIEWER])
def test_whoever_only_sees_may_do_nothing(dagster, person):
    dagster.person = person
    assert dagster.permitted() == set()
    assert dagster.launches()["__typename"] == "UnauthorizedError"


def test_whoever_operates_may_start_and_end_runs_and_nothing_else(dagster):
    dagster.person = OPERATOR
    assert dagster.permitted() == {
        "launch_pipeline_execution",
        "launch_pipeline_reexecution",
        "terminate_pipeline_execution",
        "launch_partition_backfill",
        "cancel_partition_backfill",
    }


@pytest.mark.parametrize("person", [ADMIN, LOCAL])
def test_whoever_administers_may_do_what_dagster_can(dagster, person):
    dagster.person = person
    permitted = dagster.permitted()
    assert {"edit_sensor", "wipe_assets", "report_runless_asset_events"} <= permitted


def test_a_run_carries_who_launched_it_whatever_its_tags_say(dagster):
    dagster.person = OPERATOR
    run = dagster.launches({"user": "root@example.com"})["run"]
    assert _tags(run["runId"])["user"] == "alice@example.com"


def test_a_run_launched_at_this_machine_names_nobody(dagster):
    dagster.person = LOCAL
    run = dagster.launches()["run"]
    assert "user" not in _tags(run["runId"])


def test_a_viewer_neither_stops_a_sensor_nor_ends_a_run(dagster):
    dagster.person = OPERATOR
    run = dagster.launches()["run"]["runId"]
    dagster.person = VIEWER
    for mutation in (
        f'deletePipelineRun(runId: "{run}")',
        'setSensorCursor(sensorSelector: {repositoryLocationName: "some", repositoryName: "__repository__", '
        'sensorName: "looks"}, cursor: "x")',
        'startSensor(sensorSelector: {repositoryLocationName: "some", repositoryName: "__repository__", '
        'sensorName: "looks"})',
        'wipeAssets(assetPartitionRanges: [{assetKey: {path: "a"}}])',
        "reloadWorkspace",
    ):
        said = dagster.asks(f"mutation {{ {mutation} {{ __typename }} }}")
        assert next(iter(said.values()))["__typename"] == "UnauthorizedError", mutation
    end = f'mutation {{ terminateRun(runId: "{run}") {{ ... on TerminateRunFailure {{ message }} }} }}'
    assert "permission" in dagster.asks(end)["terminateRun"]["message"]


@pytest.mark.parametrize("kind", ["materialization", "check", "observation"])
def test_nobody_but_an_administrator_reports_what_happened(dagster, kind):
    before = len(_materializations())
    said = {"check_name": "x", "passed": True}
    for person in (None, VIEWER, OPERATOR):
        dagster.person = person
        path = "check" if kind == "check" else kind
        assert dagster.client.post(f"/dagster/report_asset_{path}/a", json=said).status_code in (401, 403)
    assert len(_materializations()) == before


def test_what_an_administrator_reports_is_kept(dagster):
    dagster.person = ADMIN
    assert dagster.client.post("/dagster/report_asset_materialization/a", json={}).status_code == 200
    assert _materializations()


def test_a_websocket_changes_nothing(dagster):
    dagster.person = ADMIN
    with dagster.client.websocket_connect("/dagster/graphql", subprotocols=["graphql-ws"]) as socket:
        socket.send_json({"type": "connection_init", "payload": {}})
        assert socket.receive_json()["type"] == "connection_ack"
        stop = "mutation { reloadWorkspace { __typename } }"
        socket.send_json({"id": "1", "type": "start", "payload": {"query": stop, "variables": {}}})
        assert "not defined" in str(socket.receive_json())


def _tags(run_id: str) -> Any:
    run = DagsterInstance.get().get_run_by_id(run_id)
    assert run is not None
    return run.tags


def _materializations() -> Any:
    return DagsterInstance.get().fetch_materializations(AssetKey("a"), limit=100).records
