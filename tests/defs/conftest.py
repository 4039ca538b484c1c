import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest

from deploy_orchestrator.cli.init import init
from deploy_orchestrator.definitions import project
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.orchestrator import Orchestrator
from deploy_orchestrator.settings import Settings

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
SENSORS = ("fleet_commits", "open_gates", "live_releases", "unhealthy_releases")


@dataclass
class Laptop:
    """What `make run` gives, with the daemon's work done by hand: ticks, and the runs they ask for."""

    folder: Path
    instance: dg.DagsterInstance
    cursors: dict[str, str | None] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings(
            fleet=str(self.folder / "fleet"),
            deployments=str(self.folder / "deployments.git"),
            home=self.folder / "state",
        )

    def orchestrator(self) -> AbstractContextManager[Orchestrator]:
        return Orchestrator.open(self.settings)

    @property
    def definitions(self) -> dg.Definitions:
        settings = self.settings
        return project(
            Installation(fleet=settings.fleet, deployments=settings.deployments, home=str(settings.home))
        )

    def run(self, job: str, partition_key: str | None, tags: Mapping[str, str]) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=partition_key, tags=dict(tags), raise_on_error=False
        )

    def turn(self) -> list[str]:
        """Tick every sensor once and run what they ask for; the jobs that ran, with their partition."""
        definitions = self.definitions
        ran: list[str] = []
        for name in SENSORS:
            sensor = definitions.resolve_sensor_def(name)
            context = dg.build_sensor_context(
                instance=self.instance,
                cursor=self.cursors.get(name),
                definitions=definitions,
                resources={"installation": definitions.resources["installation"]},
            )
            tick = sensor(context)
            for wanted in tick.dynamic_partitions_requests or []:
                self.instance.add_dynamic_partitions(wanted.partitions_def_name, list(wanted.partition_keys))
            for wanted in tick.run_requests or []:
                job = wanted.job_name or sensor.job_name
                self.run(job, wanted.partition_key, wanted.tags)
                ran.append(f"{job} {wanted.partition_key or ''}".strip())
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


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    init(tmp_path)
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield Laptop(tmp_path, instance)
