import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import SENSOR_NAME_TAG
from typer.testing import CliRunner

from deploy_orchestrator.cli import app
from deploy_orchestrator.cli.init import init
from deploy_orchestrator.definitions import project
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.defs.runs import ENVIRONMENT, TENANTS
from deploy_orchestrator.pipeline import GUARDS, Orchestrator, looked
from deploy_orchestrator.releases import Release
from deploy_orchestrator.settings import Settings
from tests.chat import listening
from tests.desk import Once, pack

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
SENSORS = (
    "fleet_commits",
    "failed_runs",
    "open_gates",
    "live_releases",
    "unhealthy_releases",
    "notifications",
    "traces",
)
STORAGES = ("run_storage", "event_log_storage")
CURSORS = "cursors.json"


@dataclass
class Laptop:
    """What `make run` gives, with the daemon's work done by hand: ticks, and the runs they ask for."""

    folder: Path
    instance: dg.DagsterInstance
    cursors: dict[str, str | None] = field(default_factory=dict)
    _project: tuple[Settings, dg.Definitions] | None = field(default=None, repr=False)

    @property
    def settings(self) -> Settings:
        return Settings(
            fleet=str(self.folder / "fleet"),
            deployments=str(self.folder / "deployments.git"),
            home=self.folder / "state",
        )

    def commit(self, path: str, edit: Callable[[str], str]) -> str:
        """Edit one file of the fleet as a person would, and commit it; the new commit."""
        fleet = self.folder / "fleet"
        before = (fleet / path).read_text() if (fleet / path).exists() else ""
        after = edit(before)
        assert after != before, f"nothing to edit in {path}"
        (fleet / path).write_text(after)
        for command in (["add", "--all"], ["commit", "--quiet", "--message", f"Edit {path}"]):
            subprocess.run(["git", *command], cwd=fleet, check=True)
        return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=fleet, text=True).strip()

    def command(self, *arguments: str, exits: int = 0) -> None:
        """What a person types after `deploy-orchestrator`."""
        answer = CliRunner().invoke(app, arguments, env=self.environment, catch_exceptions=False)
        assert answer.exit_code == exits, answer.output

    def sign(self, *arguments: str, person: str, counts: bool = True) -> None:
        """A decision of a person with their own key."""
        key = str(self.folder / "keys" / person)
        signer = ("--as", f"{person}@example.com", "--key", key)
        self.command(*arguments, *signer, "--yes", exits=0 if counts else 1)

    def stop(self, *arguments: str, person: str) -> None:
        """A person pauses or resumes with their own key."""
        key = str(self.folder / "keys" / person)
        self.command(*arguments, "--as", f"{person}@example.com", "--key", key)

    def released(self, environment: str, tenant: str) -> Release:
        with self.orchestrator() as orchestrator:
            release = orchestrator.deployments.release(environment, tenant)
        assert release is not None
        return release

    def live(self, environment: str, tenant: str) -> bool:
        """Whether exactly what is released is live and healthy."""
        release = self.released(environment, tenant)
        with self.orchestrator() as orchestrator:
            return orchestrator.engine.status(environment, tenant).live(release)

    def failures(self) -> list[str]:
        """What failed runs said, the last first."""
        runs = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        found: list[str] = []
        for run in runs:
            for record in self.instance.get_records_for_run(
                run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
            ).records:
                event = record.event_log_entry.dagster_event
                assert event
                data = event.step_failure_data.user_failure_data
                found.append((data.description if data else None) or event.message or "")
        return found

    @property
    def environment(self) -> dict[str, str]:
        settings = self.settings.model_dump(exclude_defaults=True)
        return {f"DEPLOY_ORCHESTRATOR_{name.upper()}": str(value) for name, value in settings.items()}

    def materialized(self, asset: str) -> set[str]:
        """The partitions of an asset that hold something, or the asset itself."""
        records = self.instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
        return {record.partition_key or asset for record in records}

    def orchestrator(self) -> AbstractContextManager[Orchestrator]:
        return Orchestrator.open(self.settings)

    @property
    def definitions(self) -> dg.Definitions:
        """The project, loaded once for the same settings, as the process that serves it does."""
        settings = self.settings
        if self._project is None or self._project[0] != settings:
            self._project = settings, project(Installation(settings))
        return self._project[1]

    def run(self, wanted: dg.RunRequest, sensor: str = "") -> str:
        """Run what a tick of a `sensor` asks for; the job and, if any, its tenants."""
        assert wanted.job_name
        self.definitions.resolve_job_def(wanted.job_name).execute_in_process(
            instance=self.instance,
            run_config=wanted.run_config,
            tags={**wanted.tags, **({SENSOR_NAME_TAG: sensor} if sensor else {})},
            raise_on_error=False,
        )
        about = (wanted.tags.get(tag) for tag in (ENVIRONMENT, TENANTS))
        return " ".join(filter(None, (wanted.job_name, *about)))

    def turn(self) -> list[str]:
        """Tick every sensor once and run what they ask for; the jobs that ran, with their tenants."""
        return [run for name in SENSORS for run in self.tick(name)]

    def tick(self, name: str) -> list[str]:
        """As `turn` for one sensor."""
        definitions = self.definitions
        sensor = definitions.resolve_sensor_def(name)
        assert definitions.resources
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            definitions=definitions,
            resources={"installation": definitions.resources["installation"]},
        )
        tick = sensor(context)
        assert isinstance(tick, dg.SensorResult)
        for wanted in tick.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(wanted.partitions_def_name, list(wanted.partition_keys))
        for event in tick.asset_events or []:
            self.instance.report_runless_asset_event(event)
        ran = [
            self.run(wanted.with_replaced_attrs(job_name=wanted.job_name or sensor.job_name), name)
            for wanted in tick.run_requests or []
        ]
        self.cursors[name] = tick.cursor or self.cursors.get(name)
        return ran

    def settle(self) -> list[str]:
        """Turn until nothing happens any more."""
        ran: list[str] = []
        for _ in range(20):
            more = self.turn()
            if not more:
                return ran
            ran += more
        raise AssertionError(f"it never settles: {ran}")


After = Callable[[str, Callable[[Laptop], None]], Laptop]


@pytest.fixture(scope="session")
def _example(once: Once) -> Path:
    def fill(folder: Path) -> None:
        init(folder)
        with dg.DagsterInstance.ephemeral() as instance:
            at_once = Laptop(folder, instance)
            at_once.commit("fleet.yaml", lambda text: re.sub(r"soak: \d+s", "soak: 0s", text))
        pack(folder / "fleet")

    return once("example", fill)


@pytest.fixture
def laptop(_example: Path, tmp_path: Path) -> Iterator[Laptop]:
    """The example fleet, nothing shipped yet, where nobody has to wait for a soak time."""
    shutil.copytree(_example, tmp_path, dirs_exist_ok=True, symlinks=True)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Laptop(tmp_path, instance)


@pytest.fixture
def bare(laptop: Laptop) -> Laptop:
    """The laptop with one tenant in two environments, nothing shipped yet."""
    _reduce(laptop)
    return laptop


@pytest.fixture
def after(once: Once, _example: Path, tmp_path: Path) -> Iterator[After]:
    """A laptop to which something has happened, and Dagster remembers it. It happens once in a run."""
    with dg.DagsterInstance.ephemeral() as instance:

        def made(name: str, happens: Callable[[Laptop], None]) -> Laptop:
            def fill(folder: Path) -> None:
                shutil.copytree(_example, folder, dirs_exist_ok=True, symlinks=True)
                with dg.DagsterInstance.ephemeral() as first:
                    laptop = Laptop(folder, first)
                    happens(laptop)
                    _keep(laptop)
                for repository in ("fleet", "deployments.git"):
                    pack(folder / repository)

            kept = once(name, fill)
            ignored = shutil.ignore_patterns("clones", CURSORS, *STORAGES)
            shutil.copytree(kept, tmp_path, dirs_exist_ok=True, symlinks=True, ignore=ignored)
            return Laptop(tmp_path, instance, _remembered(kept, instance))

        yield made


@pytest.fixture
def bench(after: After) -> Laptop:
    """One tenant in two environments after the first pass: all is live, people were told of it, and Dagster
    remembers it.
    """
    laptop = after("first-pass", _first_pass)
    for guard in GUARDS:
        looked(laptop.settings.home, guard, datetime.now(UTC))
    return laptop


def _first_pass(laptop: Laptop) -> None:
    with listening() as service, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLOY_ORCHESTRATOR_NOTIFY_URLS", service.url)
        _reduce(laptop)
        laptop.settle()


def _reduce(laptop: Laptop) -> None:
    for tenant in ("catalog", "data", "ml", "scoring", "vision"):
        shutil.rmtree(laptop.folder / "fleet/tenants" / tenant)
    laptop.commit(
        "tenants/analytics/tenant.yaml",
        lambda text: re.sub(r"environments: .*", "environments: [dev, production]", text),
    )


def _keep(laptop: Laptop) -> None:
    """Writes what Dagster remembers into the laptop's folder."""
    for name in STORAGES:
        with closing(sqlite3.connect(laptop.folder / name)) as file:
            _in_memory(laptop.instance, name).backup(file)
    (laptop.folder / CURSORS).write_text(json.dumps(laptop.cursors))


def _remembered(folder: Path, instance: dg.DagsterInstance) -> dict[str, str | None]:
    """Has an instance remember what was kept in a folder; the cursors of the sensors."""
    for name in STORAGES:
        with closing(sqlite3.connect(folder / name)) as file:
            file.backup(_in_memory(instance, name))
    return json.loads((folder / CURSORS).read_text())


def _in_memory(instance: Any, storage: str) -> sqlite3.Connection:
    connection = getattr(instance, storage)._held_conn.connection.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection
