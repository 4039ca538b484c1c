"""The chart of the orchestrator itself: held by our own checks, by Dagster, and by what its code says."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DefaultRunLauncher
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.workspace.config_schema import process_workspace_config
from dagster._serdes import ConfigurableClassData, class_from_code_pointer
from dagster_k8s import K8sRunLauncher

from deploy_orchestrator.fleet import load
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import Workspace, check, render
from deploy_orchestrator.settings import (
    LogSettings,
    MetricsSettings,
    NotificationSettings,
    Settings,
    SignInSettings,
)
from deploy_orchestrator.telemetry import METRICS
from tests.shipped.conftest import ROOT, Object, Render
from tests.shipped.test_dagster_configuration import KUBECONFIG
from tests.shipped.test_through_the_rooms import commit, know, run

CHART = ROOT / "charts/deploy-orchestrator"
SIGN_IN: Object = {
    "door": {
        "signIn": {
            "config": {
                "url": "https://deploy.example.com",
                "issuers": [{"name": "a", "issuer": "https://a.example.com", "client": "c"}],
            },
            "existingSecret": "sign-in",
        }
    }
}
WITH_METRICS: Object = {
    "metrics": {
        "enabled": True,
        "serviceMonitor": {"enabled": True},
        "rules": {"enabled": True},
        "dashboard": {"enabled": True},
    }
}
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


@pytest.fixture(scope="module")
def made(render: Render) -> Callable[..., list[Object]]:
    def made(*layers: Object) -> list[Object]:
        return render("deploy-orchestrator", *layers, name="do", namespace="deploy")

    return made


@pytest.fixture(scope="module")
def production(made: Callable[..., list[Object]], read: Callable[[Path], Any]) -> list[Object]:
    return made(read(CHART / "values-production.yaml"))


def one(objects: list[Object], kind: str, name: str) -> Object:
    [found] = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def pods(objects: list[Object]) -> dict[str, Object]:
    """The spec of each workload's pods, by its name."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in objects
        if each["kind"] in ("Deployment", "StatefulSet")
    }


def container(pod: Object) -> Object:
    [found] = pod["containers"]
    return found


def environment(each: Object) -> Mapping[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in each["env"]}


def instance(objects: list[Object]) -> Object:
    return yaml.safe_load(one(objects, "ConfigMap", "do-instance")["data"]["dagster.yaml"])


def test_each_process_is_one_and_gives_way_before_the_next_one_comes(production):
    deployments = [each for each in production if each["kind"] == "Deployment"]
    assert {each["metadata"]["name"] for each in deployments} == {"do-door", "do-daemon", "do-code-location"}
    for each in deployments:
        assert each["spec"]["replicas"] == 1
        assert each["spec"]["strategy"] == {"type": "Recreate"}


def test_dagster_takes_the_instance_and_the_workspace(made, tmp_path):
    text = one(made(), "ConfigMap", "do-instance")["data"]
    (tmp_path / "dagster.yaml").write_text(text["dagster.yaml"])
    config, _ = dagster_instance_config(str(tmp_path))
    for section in ("run_launcher", "run_coordinator", "compute_logs", "local_artifact_storage"):
        named = config[section]
        configurable: Any = class_from_code_pointer(named["module"], named["class"])
        assert process_config(configurable.config_type(), named["config"]).success
    workspace = yaml.safe_load(text["workspace.yaml"])
    assert process_workspace_config(workspace).success
    server = workspace["load_from"][0]["grpc_server"]
    service = one(made(), "Service", server["host"])
    assert service["spec"]["ports"][0]["port"] == server["port"]


def test_the_instance_is_that_of_a_laptop_but_for_where_things_are(made):
    ours, laptop = instance(made()), yaml.safe_load((ROOT / "dagster.yaml").read_text())
    for section in ("run_coordinator", "concurrency", "telemetry", "nux"):
        assert ours[section] == laptop[section], section
    assert ours["run_retries"] == laptop["run_retries"]
    assert ours["run_monitoring"].items() >= laptop["run_monitoring"].items()


@pytest.mark.parametrize(
    ("concurrent", "releasing", "beside"),
    [(3, 1, 1), (4, 2, 1), (8, 3, 4), (3, 2, None), (2, 1, None), (1, 4, None)],
)
def test_one_run_is_left_for_a_rollback_or_the_values_are_refused(made, concurrent, releasing, beside):
    runs: Object = {"runs": {"maxConcurrent": concurrent, "maxReleasing": releasing}}
    if beside is None:
        with pytest.raises(Exception, match=f"runs.maxReleasing {releasing} set {releasing + 2} or more"):
            made(runs)
        return
    found = instance(made(runs))["concurrency"]["runs"]
    limits = [each["limit"] for each in found["tag_concurrency_limits"]]
    assert limits == [releasing, beside]
    assert sum(limits) < found["max_concurrent_runs"]


def test_a_run_is_restricted_knows_the_installation_and_is_cleaned_up(made):
    launcher = instance(made())["run_launcher"]["config"]
    pod = launcher["run_k8s_config"]["pod_spec_config"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert launcher["security_context"]["readOnlyRootFilesystem"] is True
    assert launcher["run_k8s_config"]["job_spec_config"]["ttlSecondsAfterFinished"] == 3600
    assert {each["name"] for each in launcher["volumes"]} >= {"tmp", "state", "argocd"}
    told = {each["name"] for each in launcher["run_k8s_config"]["container_config"]["env"]}
    for field in ("fleet", "deployments", "home", "engine", "kubeconfig"):
        assert field in Settings.model_fields
        assert f"DEPLOY_ORCHESTRATOR_{field.upper()}" in told
    assert "DAGSTER_PG_PASSWORD" in told


def test_runs_are_processes_of_the_code_location_where_that_is_asked_for(made, tmp_path):
    found = instance(made({"runs": {"launcher": "code-location"}}))
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(found))
    config, _ = dagster_instance_config(str(tmp_path))
    named = config["run_launcher"]
    assert class_from_code_pointer(named["module"], named["class"]) is DefaultRunLauncher
    assert found["run_monitoring"]["max_runtime_seconds"] == 7200
    assert "max_runtime_seconds" not in instance(made())["run_monitoring"]


def test_nobody_who_launches_a_run_says_which_image_and_command_get_its_secrets(made, tmp_path):
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    config = instance(made())["run_launcher"]["config"]
    config |= {"load_incluster_config": False, "kubeconfig_file": str(tmp_path / "kubeconfig")}
    data = ConfigurableClassData("dagster_k8s", "K8sRunLauncher", yaml.safe_dump(config))
    launcher = data.rehydrate(as_type=K8sRunLauncher)
    assert launcher is not None
    pod = {"container_config": {"image": "registry/mallory", "command": ["sh", "-c", "env"]}}
    run = DagsterRun("ship", run_id="1", tags={"dagster-k8s/config": json.dumps(pod)})
    with pytest.raises(Exception, match="violated the allowed list"):
        launcher.get_container_context_for_run(run)
    assert launcher.get_container_context_for_run(DagsterRun("ship", run_id="2")).run_k8s_config


def test_every_variable_that_the_chart_sets_is_one_that_somebody_reads(production, made):
    read = {
        f"{kind.model_config.get('env_prefix', '')}{field}".upper()
        for kind in (Settings, LogSettings, MetricsSettings, NotificationSettings, SignInSettings)
        for field in kind.model_fields
    }
    more: Object = {"argocd": {"contexts": {"a": "b"}}, "notifications": {"existingSecret": "n"}}
    for objects in (production, made(more)):
        for pod in pods(objects).values():
            told = {name for name in environment(container(pod)) if name.startswith("DEPLOY_ORCHESTRATOR_")}
            assert told <= read


def test_no_secret_is_made_and_no_value_holds_one(production, made):
    for objects in (production, made(SIGN_IN, WITH_METRICS)):
        assert "Secret" not in {each["kind"] for each in objects}
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert not re.search(r'"(password|token|secret)":', json.dumps(schema["properties"]))


def test_only_who_starts_or_ends_runs_has_a_token(production):
    accounts = {
        each["metadata"]["name"]: each["automountServiceAccountToken"]
        for each in production
        if each["kind"] == "ServiceAccount"
    }
    assert {name for name, mounted in accounts.items() if mounted} == {"do-daemon", "do-door"}
    roles = {each["metadata"]["name"]: each["rules"] for each in production if each["kind"] == "Role"}
    jobs = {name: rules[0]["verbs"] for name, rules in roles.items()}
    assert jobs == {
        "do-run-launcher": ["create", "delete", "get", "list"],
        "do-run-terminator": ["delete", "get", "list"],
    }
    assert not {each["kind"] for each in production} & {"ClusterRole", "ClusterRoleBinding"}
    for rules in roles.values():
        assert not {verb for rule in rules for verb in rule["verbs"]} & {
            "*",
            "patch",
            "update",
            "escalate",
            "bind",
        }
        assert not {name for rule in rules for name in rule["resources"]} & {"*", "secrets", "pods/exec"}


def test_every_pod_is_restricted(made):
    for name, pod in pods(made(SIGN_IN, WITH_METRICS)).items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for each in (*pod["containers"], *pod.get("initContainers", ())):
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }, name
            assert each["resources"]["limits"]["memory"], name


def test_without_sign_in_nobody_reaches_the_door_from_outside_its_pod(made):
    objects = made()
    assert "--host=127.0.0.1" in container(pods(objects)["do-door"])["args"]
    assert "do-door" not in {
        each["metadata"]["name"] for each in objects if each["kind"] in ("Service", "Ingress")
    }


def test_an_ingress_without_sign_in_or_without_tls_is_refused(made):
    ingress: Object = {
        "door": {"ingress": {"enabled": True, "host": "deploy.example.com", "tlsSecretName": "tls"}}
    }
    with pytest.raises(Exception, match=r"signIn|config"):
        made(ingress)
    with pytest.raises(Exception, match="tlsSecretName"):
        made(SIGN_IN, ingress, {"door": {"ingress": {"tlsSecretName": ""}}})
    found = one(made(SIGN_IN, ingress), "Ingress", "do-door")
    assert found["spec"]["tls"] == [{"hosts": ["deploy.example.com"], "secretName": "tls"}]


def test_with_sign_in_the_door_has_its_file_and_its_secrets(made):
    objects = made(SIGN_IN)
    told = environment(container(pods(objects)["do-door"]))
    file = one(objects, "ConfigMap", "do-sign-in")["data"]["sign-in.yaml"]
    assert yaml.safe_load(file) == SIGN_IN["door"]["signIn"]["config"]
    mounted = {each["mountPath"] for each in container(pods(objects)["do-door"])["volumeMounts"]}
    for variable in ("FILE", "SECRETS_FOLDER", "KEY_FILE"):
        path = Path(told[f"DEPLOY_ORCHESTRATOR_SIGN_IN_{variable}"])
        assert str(path) in mounted or str(path.parent) in mounted


def test_everything_that_is_mounted_has_a_volume_and_writes_where_it_may(production):
    for name, pod in pods(production).items():
        volumes = {each["name"] for each in pod["volumes"]}
        for each in (*pod["containers"], *pod.get("initContainers", ())):
            assert {mount["name"] for mount in each["volumeMounts"]} <= volumes, name
            writable = {mount["mountPath"] for mount in each["volumeMounts"] if not mount.get("readOnly")}
            assert writable <= {"/tmp", "/var/lib/deploy-orchestrator"}, name


def test_a_volume_of_one_node_keeps_its_users_together(made):
    objects = made({"state": {"accessMode": "ReadWriteOnce"}})
    [term] = pods(objects)["do-door"]["affinity"]["podAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    labels = one(objects, "Deployment", "do-code-location")["spec"]["template"]["metadata"]["labels"]
    assert term["labelSelector"]["matchLabels"].items() <= labels.items()
    run = instance(objects)["run_launcher"]["config"]["run_k8s_config"]["pod_spec_config"]
    assert run["affinity"] == pods(objects)["do-door"]["affinity"]
    assert "affinity" not in pods(objects)["do-daemon"]
    assert "affinity" not in pods(made())["do-door"]


def test_what_no_policy_opens_is_closed_for_every_pod_and_run(production):
    [default] = [
        each
        for each in production
        if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == "do-default"
    ]
    assert set(default["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    [chosen] = default["spec"]["podSelector"]["matchExpressions"]
    assert set(chosen["values"]) == {"code-location", "daemon", "door", "run", "test"}
    labels = instance(production)["run_launcher"]["config"]["labels"]
    assert labels["app.kubernetes.io/component"] == "run"
    assert default["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    reached = [
        peer
        for each in production
        if each["kind"] == "NetworkPolicy"
        for rule in each["spec"].get("egress", ())
        for peer in rule.get("to", ())
        if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    ]
    assert reached
    assert all("169.254.0.0/16" in peer["ipBlock"]["except"] for peer in reached)


def test_metrics_are_let_in_from_prometheus_alone_and_by_a_token(made):
    objects = made(WITH_METRICS)
    door = container(pods(objects)["do-door"])
    assert {"--metrics-host=0.0.0.0", "--metrics-port=9464"} <= set(door["args"])
    assert (
        environment(door)["DEPLOY_ORCHESTRATOR_METRICS_TOKEN_FILE"]
        == "/etc/deploy-orchestrator/metrics/token"
    )
    [rule] = one(objects, "NetworkPolicy", "do-door")["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == [9464]
    [peer] = rule["from"]
    assert peer == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    monitor = one(objects, "ServiceMonitor", "do-metrics")["spec"]
    service = one(objects, "Service", "do-metrics")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert not {"Service", "ServiceMonitor"} & {
        each["kind"] for each in made() if each["metadata"]["name"].startswith("do-metrics")
    }


def test_every_process_and_run_logs_as_asked_and_as_json_by_itself(made):
    for asked, ours, dagsters in (({}, "json", "json"), ({"logFormat": "text"}, "text", "colored")):
        objects = made(asked)
        found = pods(objects)
        told = {
            name: environment(container(pod)).get("DEPLOY_ORCHESTRATOR_LOG_FORMAT")
            for name, pod in found.items()
        }
        assert (told["do-door"], told["do-code-location"]) == (ours, ours)
        run = instance(objects)["run_launcher"]["config"]["run_k8s_config"]["container_config"]
        assert environment(run)["DEPLOY_ORCHESTRATOR_LOG_FORMAT"] == ours
        for name in ("do-daemon", "do-code-location"):
            assert f"--log-format={dagsters}" in container(found[name])["args"]


def test_traces_go_to_the_collector_alone_and_by_a_secrets_headers(made):
    assert not any("OTEL" in name for pod in pods(made()).values() for name in environment(container(pod)))
    collector: Object = {"traces": {"endpoint": "http://collector.watch:4318"}}
    objects = made(collector, {"traces": {"headers": {"existingSecret": "h"}, "collectorNamespace": "watch"}})
    told = {
        name: {each for each in environment(container(pod)) if each.startswith("OTEL_")}
        for name, pod in pods(objects).items()
    }
    assert told["do-code-location"] == {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"}
    assert not any(names for name, names in told.items() if name != "do-code-location")
    spec = one(objects, "NetworkPolicy", "do-traces")["spec"]
    assert spec["podSelector"]["matchExpressions"][0]["values"] == ["code-location"]
    (rule,) = spec["egress"]
    assert [each["port"] for each in rule["ports"]] == [4318]
    assert rule["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watch"}}}]
    outside = made(collector, {"traces": {"collectorNamespace": ""}})
    assert not [each for each in outside if each["metadata"]["name"] == "do-traces"]
    with pytest.raises(Exception, match="endpoint"):
        made({"traces": {"endpoint": "http://user:secret@collector:4318"}})


def expressions(objects: list[Object]) -> list[str]:
    rules = one(objects, "PrometheusRule", "do-rules")["spec"]["groups"]
    dashboard = json.loads(one(objects, "ConfigMap", "do-dashboard")["data"]["deploy-orchestrator.json"])
    return [
        *(rule["expr"] for group in rules for rule in group["rules"]),
        *(target["expr"] for panel in dashboard["panels"] for target in panel["targets"]),
    ]


def test_every_metric_and_label_that_alerts_and_dashboard_name_is_there(made):
    known = {each.full_name: {*each.labels} for each in METRICS if each.kind != "histogram"}
    known |= {
        f"{each.full_name}{part}": {*each.labels, "le"}
        for each in METRICS
        if each.kind == "histogram"
        for part in HISTOGRAM_PARTS
    }
    asked: set[str] = set()
    for expression in expressions(made(WITH_METRICS)):
        named = re.findall(r"(deploy_orchestrator_\w+)(?:\{([^}]*)\})?", expression)
        for name, matchers in named:
            assert name in known, expression
            assert set(re.findall(r"(\w+)\s*[=!]~?", matchers)) <= known[name], expression
        labels = set[str]().union(*(known[name] for name, _ in named))
        for by in re.findall(r"by \(([^)]*)\)", expression):
            assert {each.strip() for each in by.split(",")} <= labels, expression
        asked |= {name for name, _ in named}
    assert len(asked) > 20


def test_its_test_asks_the_database_and_the_daemon(made):
    [pod] = [each for each in made() if each["kind"] == "Pod"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert container(pod["spec"])["command"] == ["dagster-daemon", "liveness-check"]
    assert "DAGSTER_PG_PASSWORD" in environment(container(pod["spec"]))
    assert pod["metadata"]["labels"]["postgresql-client"] == "do"


def test_alerts_say_what_happened_and_what_to_do(made):
    [group] = one(made(WITH_METRICS), "PrometheusRule", "do-rules")["spec"]["groups"]
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["description"].endswith(".")


TENANT = """\
chart: {name: deploy-orchestrator, version: 0.1.0}
environments: [dev]
quota: {cpu: 8, memory: 16Gi, storage: 40Gi, pods: 30}
owners: [platform@example.com]
"""


def test_our_own_checks_find_nothing_wrong_with_it_as_one_more_tenant(fleet, tmp_path):
    source = shutil.copytree(fleet, tmp_path / "fleet")
    shutil.copytree(ROOT / "charts", source / "charts")
    (source / "tenants/orchestrator").mkdir()
    (source / "tenants/orchestrator/tenant.yaml").write_text(TENANT)
    know(source, tmp_path)
    run("git", "-C", str(source), "init", "--quiet", "--initial-branch=main")
    commit(source)
    loaded = load(Repository.clone(str(source), tmp_path / "clone.git").at("main"))
    with closing(Workspace(tmp_path / "workspace", processes=1)) as workspace:
        deployment = loaded.deployment("dev", "orchestrator")
        manifests = render(deployment, loaded, workspace)
        findings = check(manifests, deployment)
    assert findings == []


@pytest.mark.helm
def test_the_helm_program_makes_the_same_of_it(charts, production):
    chart = charts / "deploy-orchestrator"
    ran = subprocess.run(
        [
            "helm",
            "template",
            "do",
            chart,
            "--namespace",
            "deploy",
            "--values",
            chart / "values-production.yaml",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    made = [each for each in yaml.safe_load_all(ran.stdout) if each]
    assert sorted(made, key=str) == sorted(production, key=str)
