"""Dagster itself reads what the chart writes for it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import process_config
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.instance.config import dagster_instance_config
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.workspace.config_schema import process_workspace_config
from dagster._serdes import ConfigurableClassData, class_from_code_pointer
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import construct_dagster_k8s_job
from dagster_postgres.utils import pg_url_from_config
from kubernetes.client import ApiClient
from sqlalchemy import create_engine

Object = dict[str, Any]
Render = Callable[..., list[Object]]

ETL = {
    "dagster-user-code": {
        "codeLocations": {
            "etl": {
                "image": {"repository": "registry/etl", "tag": "1"},
                "args": ["--module-name", "etl"],
                "env": {"MODE": "full"},
                "envSecrets": ["warehouse"],
            }
        }
    }
}

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: none, user: {}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
current-context: none
"""


def written(objects: list[Object], config_map: str, key: str) -> str:
    [found] = [
        body["data"][key]
        for body in objects
        if body["kind"] == "ConfigMap" and body["metadata"]["name"] == config_map
    ]
    return found


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"postgresql": {"enabled": False}, "global": {"database": {"host": "db", "sslMode": "require"}}},
        {"instance": {"runRetries": 3, "runMaxRuntimeSeconds": 60, "maxConcurrentRuns": -1}},
        {"instance": {"extraConfig": {"concurrency": {"pools": {"default_limit": 2}}}}},
        {"runs": {"placement": {"nodeSelector": {"pool": "runs"}, "priorityClassName": "low"}}},
    ],
    ids=["defaults", "external database", "instance", "extra", "placed runs"],
)
def test_dagster_takes_the_instance(render: Render, tmp_path: Path, values: Object) -> None:
    text = written(render("dagster-tenant", values), "analytics-instance", "dagster.yaml")
    (tmp_path / "dagster.yaml").write_text(text)
    config, _ = dagster_instance_config(str(tmp_path))
    for section in ("run_launcher", "run_coordinator", "compute_logs", "local_artifact_storage"):
        named = config[section]
        configurable: Any = class_from_code_pointer(named["module"], named["class"])
        assert process_config(configurable.config_type(), named["config"]).success


def test_the_url_of_the_database_names_the_driver_that_dagster_brings(render: Render) -> None:
    config = yaml.safe_load(written(render("dagster-tenant"), "analytics-instance", "dagster.yaml"))
    database = config["storage"]["postgres"]["postgres_db"] | {"password": "secret"}
    engine = create_engine(pg_url_from_config({"postgres_db": database}))
    assert engine.driver == "psycopg2"
    assert engine.url.host == "analytics-postgresql"


def test_extra_configuration_wins_over_the_charts_own(render: Render) -> None:
    s3 = {"module": "dagster_aws.s3", "class": "S3ComputeLogManager", "config": {"bucket": "logs"}}
    objects = render("dagster-tenant", {"instance": {"extraConfig": {"compute_logs": s3}}})
    config = yaml.safe_load(written(objects, "analytics-instance", "dagster.yaml"))
    assert config["compute_logs"] == s3
    assert config["storage"]["postgres"]["postgres_db"]["hostname"] == "analytics-postgresql"


def test_the_migration_opens_the_database_of_the_instance(render: Render, tmp_path: Path) -> None:
    objects = render("dagster-tenant")
    hook = yaml.safe_load(written(objects, "analytics-hooks", "dagster.yaml"))
    instance = yaml.safe_load(written(objects, "analytics-instance", "dagster.yaml"))
    assert hook["storage"] == instance["storage"]
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(hook))
    dagster_instance_config(str(tmp_path))


def test_dagster_takes_the_workspace_and_finds_every_code_server_in_it(render: Render) -> None:
    objects = render("dagster-tenant", ETL)
    workspace = yaml.safe_load(written(objects, "analytics-workspace", "workspace.yaml"))
    assert process_workspace_config(workspace).success
    [location] = workspace["load_from"]
    [service] = [
        body for body in objects if body["kind"] == "Service" and "user-code" in body["metadata"]["name"]
    ]
    assert location["grpc_server"] == {
        "location_name": "etl",
        "host": service["metadata"]["name"],
        "port": service["spec"]["ports"][0]["port"],
    }


def test_a_workspace_without_code_locations_is_one_too(render: Render) -> None:
    workspace = yaml.safe_load(written(render("dagster-tenant"), "analytics-workspace", "workspace.yaml"))
    assert process_workspace_config(workspace).success


@pytest.fixture
def run_job(render: Render, tmp_path: Path) -> Object:
    """The Job that Dagster's run launcher makes for a run of the code location `etl`."""
    values = {
        "global": {"imagePullSecrets": [{"name": "registry"}]},
        "runs": {"env": {"LEVEL": "info"}, "placement": {"nodeSelector": {"pool": "runs"}}},
    }
    objects = render("dagster-tenant", ETL, values)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)
    config = yaml.safe_load(written(objects, "analytics-instance", "dagster.yaml"))["run_launcher"]["config"]
    config |= {"load_incluster_config": False, "kubeconfig_file": str(kubeconfig)}
    data = ConfigurableClassData("dagster_k8s", "K8sRunLauncher", yaml.safe_dump(config))
    launcher = data.rehydrate(as_type=K8sRunLauncher)
    assert launcher is not None
    server = code_server(objects)
    repository = RepositoryPythonOrigin(
        executable_path="python",
        code_pointer=ModuleCodePointer("etl", "defs"),
        container_image=server["image"],
        container_context=json.loads(value(server, "DAGSTER_CONTAINER_CONTEXT")),
    )
    run = DagsterRun("nightly", run_id="1", job_code_origin=JobPythonOrigin("nightly", repository))
    context = launcher.get_container_context_for_run(run)
    job = construct_dagster_k8s_job(
        context.get_k8s_job_config(server["image"], launcher),
        args=["dagster", "api", "execute_run"],
        job_name="dagster-run-1",
        component="run_worker",
        user_defined_k8s_config=context.run_k8s_config,
    )
    return ApiClient().sanitize_for_serialization(job)


def code_server(objects: list[Object]) -> Object:
    [server] = [
        container
        for body in objects
        if body["kind"] == "Deployment"
        for container in body["spec"]["template"]["spec"]["containers"]
        if container["name"] == "user-code"
    ]
    return server


def value(container: Object, variable: str) -> str:
    return next(env["value"] for env in container["env"] if env["name"] == variable)


def test_a_run_is_restricted_like_every_other_pod(run_job: Object) -> None:
    pod = run_job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert (
        pod["securityContext"].items()
        >= {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }.items()
    )
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == "analytics-run"
    assert container["resources"]["limits"] == {"memory": "1Gi"}


def test_a_run_gets_its_environment_and_that_of_its_code_location(run_job: Object) -> None:
    [container] = run_job["spec"]["template"]["spec"]["containers"]
    env = {entry["name"]: entry.get("value") or entry["valueFrom"] for entry in container["env"]}
    assert env["LEVEL"] == "info"
    assert env["MODE"] == "full"
    assert env["DAGSTER_HOME"] == "/opt/dagster/home"
    assert env["DAGSTER_PG_PASSWORD"] == {"secretKeyRef": {"name": "dagster-database", "key": "password"}}
    assert container["envFrom"] == [{"secretRef": {"name": "warehouse"}}]
    assert container["image"] == "registry/etl:1"


def test_a_run_is_placed_pulled_and_cleaned_up_as_told(run_job: Object) -> None:
    pod = run_job["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"pool": "runs"}
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert {spread["topologyKey"] for spread in pod["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    assert run_job["spec"]["ttlSecondsAfterFinished"] == 86400


def test_a_run_is_let_in_by_the_network_policies(render: Render, run_job: Object) -> None:
    labels = run_job["spec"]["template"]["metadata"]["labels"]
    [clients] = [
        body
        for body in render("dagster-tenant")
        if body["kind"] == "NetworkPolicy" and body["metadata"]["name"] == "analytics-database-clients"
    ]
    assert clients["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert labels["app.kubernetes.io/instance"] == "analytics"
    assert labels["app.kubernetes.io/component"] == "run"
