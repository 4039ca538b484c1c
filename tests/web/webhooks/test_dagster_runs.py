"""With a real Dagster (web server, code server, storage, the daemon's own tick): one run for each purpose,
whoever asks first.
"""

import asyncio
import logging
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster_webserver.app import create_app_from_workspace_process_context

from deploy_orchestrator.cli.init import init
from deploy_orchestrator.defs.runs import ENVIRONMENT
from deploy_orchestrator.web import DagsterRuns, DagsterUnreachable
from tests.web.webhooks.conftest import served

PATIENCE = 120


@dataclass(frozen=True)
class Installation:
    folder: Path
    instance: dg.DagsterInstance
    workspace: WorkspaceProcessContext
    url: str

    def commit(self) -> str:
        """Edit a value of one tenant in dev, as a person would; the new commit."""
        fleet = self.folder / "fleet"
        with (fleet / "tenants/analytics/values-dev.yaml").open("a") as values:
            values.write("\n# edited\n")
        subprocess.run(["git", "commit", "--quiet", "--all", "--message", "Edit"], cwd=fleet, check=True)
        return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=fleet, text=True).strip()

    def push(self, sensor: str = "fleet_commits") -> int:
        return asyncio.run(DagsterRuns(self.url).start(sensor))

    def tick(self) -> None:
        """A tick of `fleet_commits` by the daemon's own code, as soon as its interval lets it be."""
        logger = logging.getLogger("tick")
        before = self._ticks()
        end = time.monotonic() + PATIENCE
        while self._ticks() == before:
            assert time.monotonic() < end
            for error in execute_sensor_iteration(self.workspace, logger, None, None):
                assert error is None, error.to_string()
            time.sleep(0.2)

    def _ticks(self) -> int:
        return sum(
            len(self.instance.get_ticks(state.instigator_origin_id, state.selector_id))
            for state in self.instance.all_instigator_state()
            if state.instigator_name == "fleet_commits"
        )

    def runs(self, head: str) -> Counter[tuple[str, str]]:
        """How many runs there are of each job and environment for a fleet commit, but for cancelled ones."""
        return Counter(
            (run.job_name, run.tags.get(ENVIRONMENT, ""))
            for run in self.instance.get_runs()
            if head in run.tags.get("dagster/run_key", "") and run.status is not dg.DagsterRunStatus.CANCELED
        )


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    init(folder)
    for tenant in ("data", "ml", "vision"):
        shutil.rmtree(folder / "fleet/tenants" / tenant)
    settings = (pytestconfig.rootpath / "dagster.yaml").read_text()
    (folder / "dagster.yaml").write_text(settings.replace(".local/dagster", str(folder / "dagster")))
    workspace = pytestconfig.rootpath / "workspace.yaml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLOY_ORCHESTRATOR_FLEET", str(folder / "fleet"))
        patch.setenv("DEPLOY_ORCHESTRATOR_DEPLOYMENTS", str(folder / "deployments.git"))
        patch.setenv("DEPLOY_ORCHESTRATOR_HOME", str(folder / "state"))
        patch.setenv("DAGSTER_HOME", str(folder))
        with (
            dg.DagsterInstance.get() as instance,
            WorkspaceProcessContext(instance, WorkspaceFileTarget([str(workspace)])) as context,
            served(create_app_from_workspace_process_context(context)) as server,
        ):
            yield Installation(folder, instance, context, str(server.base_url))


WANTED = {("survey", ""): 1, ("ship", "dev"): 1, ("ship", "staging"): 1}
"""What the sensor asks for: the plan of staging tells what must be healthy in dev."""


@pytest.fixture
def settled(installation: Installation) -> Installation:
    installation.tick()
    return installation


def test_a_push_starts_what_the_sensor_would_and_its_tick_starts_nothing_more(settled: Installation) -> None:
    head = settled.commit()

    assert settled.push() == 3
    pushed = {run.tags["dagster/run_key"]: run for run in settled.instance.get_runs(limit=3)}
    settled.tick()

    assert settled.runs(head) == WANTED
    again = settled.commit()
    settled.tick()
    ticked = {run.tags["dagster/run_key"]: run for run in settled.instance.get_runs(limit=3)}
    assert {key.replace(head, again): _request(run, head, again) for key, run in pushed.items()} == {
        key: _request(run) for key, run in ticked.items()
    }


def _request(run: dg.DagsterRun, head: str = "", again: str = "") -> tuple[object, ...]:
    tags = {
        name: value.replace(head, again) if head else value
        for name, value in run.tags.items()
        if name not in {"dagster/tick", "dagster/from_ui"}
    }
    config = repr(run.run_config).replace(head, again) if head else repr(run.run_config)
    return run.job_name, config, run.asset_selection, run.remote_job_origin, tags


def test_after_the_sensors_tick_a_push_starts_nothing_more(settled: Installation) -> None:
    head = settled.commit()
    settled.tick()

    assert settled.push() == 0
    assert settled.runs(head) == WANTED


def test_pushes_at_the_same_moment_start_everything_once(settled: Installation) -> None:
    head = settled.commit()

    async def together() -> list[int]:
        return await asyncio.gather(*(DagsterRuns(settled.url).start("fleet_commits") for _ in range(2)))

    assert sum(asyncio.run(together())) == 3
    settled.tick()
    assert settled.runs(head) == WANTED


def test_a_sensor_that_is_switched_off_is_not_started_by_a_push(settled: Installation) -> None:
    sensor = next(
        sensor
        for location in settled.workspace.create_request_context().code_locations
        for repository in location.get_repositories().values()
        for sensor in repository.get_sensors()
        if sensor.name == "fleet_commits"
    )
    head = settled.commit()
    settled.instance.stop_sensor(sensor.get_remote_origin_id(), sensor.selector_id, sensor)
    try:
        assert settled.push() == 0
        assert settled.runs(head) == {}
    finally:
        settled.instance.start_sensor(sensor)


def test_where_dagster_does_not_answer_that_is_said(installation: Installation) -> None:
    with pytest.raises(DagsterUnreachable, match="no sensor unknown"):
        installation.push("unknown")
    with pytest.raises(DagsterUnreachable, match="does not answer"):
        asyncio.run(DagsterRuns("http://127.0.0.1:1").start("fleet_commits"))
