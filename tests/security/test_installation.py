"""Whoever launches a run says which tenants of which environment, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from deploy_orchestrator.cli.init import init
from deploy_orchestrator.definitions import project
from deploy_orchestrator.defs.resources import Installation
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.settings import Settings
from tests.defs.conftest import Laptop

PASSWORD = "hunter2-s3cret"
SHIP = {"ops": {"ship_tenants": {"config": {"environment": "dev", "tenants": {"analytics": "x"}}}}}


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """Nothing is ever shipped here."""
    folder = tmp_path_factory.mktemp("laptop")
    init(folder)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Laptop(folder, instance)


def test_a_launch_cannot_replace_the_installation(laptop: Laptop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mallory"
    init(elsewhere)
    settings = {
        "fleet": str(elsewhere / "fleet"),
        "home": str(elsewhere / "state"),
        "engine": "argocd",
        "kubeconfig": str(elsewhere / "kubeconfig"),
    }

    with pytest.raises(dg.DagsterInvalidConfigError):
        laptop.definitions.resolve_job_def("ship").execute_in_process(
            instance=laptop.instance,
            run_config={**SHIP, "resources": {"installation": {"config": settings}}},
        )

    assert not (elsewhere / "state").exists()


@pytest.mark.parametrize(
    "batch",
    [
        {"environment": "../dev", "tenants": {"analytics": "x"}},
        {"environment": "dev", "tenants": {"-o=x": "x"}},
        {"environment": "dev", "tenants": {"a/../../b": "x"}},
        {"environment": "dev", "tenants": {"analytics": "x" * 5000}},
        {"environment": "dev", "tenants": {f"t{number}": "x" for number in range(20_001)}},
        {"environment": "dev", "tenants": {}},
    ],
    ids=["environment", "option", "path", "long purpose", "too many", "nobody"],
)
@pytest.mark.parametrize("job", ["ship", "promote", "sync", "roll_back"])
def test_a_launch_that_names_no_tenants_of_an_environment_is_refused(
    laptop: Laptop, job: str, batch: dict[str, object]
) -> None:
    with pytest.raises((dg.DagsterInvalidConfigError, dg.DagsterInvalidInvocationError, ValueError)):
        laptop.definitions.resolve_job_def(job).execute_in_process(
            instance=laptop.instance, run_config={"ops": {f"{job}_tenants": {"config": batch}}}
        )


def test_the_password_of_a_repository_is_nowhere_in_what_dagster_keeps(tmp_path: Path) -> None:
    init(tmp_path)
    url = f"https://robot:{PASSWORD}@127.0.0.1:9/deployments.git"
    settings = Settings(fleet=str(tmp_path / "fleet"), deployments=url, home=tmp_path / "state")
    definitions = project(Installation(settings))

    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        result = definitions.resolve_job_def("ship").execute_in_process(
            instance=instance, run_config=SHIP, raise_on_error=False
        )
        assert not result.success

    assert PASSWORD not in repr(settings)
    kept = [file for file in (tmp_path / "dagster").rglob("*") if file.is_file()]
    assert any(file.suffix == ".db" for file in kept)
    for file in kept:
        assert PASSWORD.encode() not in file.read_bytes(), file


def test_the_installation_comes_from_the_environment_of_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    init(tmp_path)
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FLEET", str(tmp_path / "fleet"))
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_DEPLOYMENTS", str(tmp_path / "deployments.git"))
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_HOME", str(tmp_path / "state"))

    with Installation(Settings()).open() as orchestrator:
        assert isinstance(orchestrator, Orchestrator)
        assert orchestrator.fleet().tenants
