"""What is used of Dagster that its makers promise to nobody: an update that breaks it fails here."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import dagster as dg
import yaml
from dagster import DagsterInstance, QueuedRunCoordinator
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage

import deploy_orchestrator
from deploy_orchestrator.defs.coordinator import OncePerRunKey

PACKAGE = Path(deploy_orchestrator.__file__).parent
USED = {
    "defs/coordinator.py": {
        "dagster._core.run_coordinator.SubmitRunContext",
        "dagster._core.storage.tags.BACKFILL_ID_TAG",
        "dagster._core.storage.tags.RUN_KEY_TAG",
        "dagster._core.storage.tags.SENSOR_NAME_TAG",
    },
    "web/mounted.py": {
        "dagster._core.workspace.context.WorkspaceProcessContext",
        "dagster._core.workspace.context.WorkspaceRequestContext",
        "dagster._core.workspace.load_target.WorkspaceFileTarget",
        "dagster._core.workspace.permissions.EDITOR_PERMISSIONS",
        "dagster._core.workspace.permissions.LOCATION_SCOPED_PERMISSIONS",
        "dagster._core.workspace.permissions.PermissionResult",
        "dagster._core.workspace.permissions.Permissions",
        "dagster_webserver.version.__version__",
    },
}


def private(file: Path) -> Iterator[str]:
    text = file.read_text()
    for node in ast.walk(ast.parse(text)) if "._" in text else ():
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{each.name}" for each in node.names]
        else:
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in names if name.startswith("dagster") and "._" in name)


def test_one_file_uses_what_dagster_keeps_to_itself() -> None:
    found = {str(file.relative_to(PACKAGE)): set(private(file)) for file in PACKAGE.rglob("*.py")}
    assert {file: names for file, names in found.items() if names} == USED


def test_what_is_used_is_there_and_means_what_it_did() -> None:
    module = {name: getattr(import_module(path), name) for path, _, name in _parts()}
    tags = {module[name] for name in ("BACKFILL_ID_TAG", "RUN_KEY_TAG", "SENSOR_NAME_TAG")}
    assert tags == {"dagster/backfill", "dagster/run_key", "dagster/sensor_name"}
    assert {"dagster_run", "workspace"} <= set(module["SubmitRunContext"].__annotations__)
    assert list(inspect.signature(QueuedRunCoordinator.submit_run).parameters) == ["self", "context"]


def test_the_instance_is_what_dagster_yaml_says(tmp_path: Path) -> None:
    text = (PACKAGE.parent / "dagster.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(text.replace(": .local", f": {tmp_path}"))
    said = yaml.safe_load(text)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_coordinator, OncePerRunKey)
        assert instance.run_coordinator.dequeue_interval_seconds == 1
        assert isinstance(instance.compute_log_manager, LocalComputeLogManager)
        assert isinstance(instance._local_artifact_storage, LocalArtifactStorage)
        assert Path(instance.storage_directory()).is_relative_to(tmp_path)
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_retries_max_retries == said["run_retries"]["max_retries"]


def test_the_console_of_a_laptop_tells_what_runs_tell_and_not_each_of_their_steps(
    tmp_path: Path, capfd
) -> None:
    @dg.asset
    def told(context: dg.AssetExecutionContext) -> None:
        context.log.info("34 objects are live")

    text = (PACKAGE.parent / "dagster.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(text.replace(": .local", f": {tmp_path}"))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        done = dg.materialize([told], instance=instance)
        kept = {each.dagster_event_type for each in instance.all_logs(done.run_id)}
    said = capfd.readouterr().err
    assert "34 objects are live" in said
    assert " DEBUG " not in said
    assert {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.STEP_SUCCESS} <= kept


def _parts() -> Iterator[tuple[str, str, str]]:
    for names in USED.values():
        for name in names:
            yield name.rpartition(".")
