"""What each setting of the chart edge-inference does to the objects."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_python
import pytest

Object = dict[str, Any]
Render = Callable[..., list[Object]]
CHART = "edge-inference"


def one(objects: list[Object], kind: str) -> Object:
    [found] = [body for body in objects if body["kind"] == kind]
    return found


def pod(render: Render, *values: Any) -> Object:
    return one(render(CHART, *values, name="vision"), "Deployment")["spec"]["template"]["spec"]


def test_the_defaults_are_a_server_its_service_a_policy_and_a_test(render: Render) -> None:
    kinds = sorted(body["kind"] for body in render(CHART, name="vision"))
    assert kinds == ["Deployment", "NetworkPolicy", "Pod", "Service", "ServiceAccount"]


def test_the_pod_passes_restricted_and_gets_no_token(render: Render) -> None:
    spec = pod(render)
    [server] = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert server["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_the_last_ready_server_goes_when_another_one_is_ready(render: Render) -> None:
    strategy = one(render(CHART, name="vision"), "Deployment")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_server_has_longer_to_end_than_it_gives_what_it_took(render: Render) -> None:
    spec = pod(render, {"graceSeconds": 40})
    [server] = spec["containers"]
    assert {"name": "EDGE_INFERENCE_GRACE", "value": "40"} in server["env"]
    assert spec["terminationGracePeriodSeconds"] > 40


def test_ports_are_the_same_for_server_service_and_policy(render: Render) -> None:
    objects = render(CHART, {"ports": {"http": 9000, "grpc": 9001}}, name="vision")
    [server] = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert {"name": "EDGE_INFERENCE_HTTP_PORT", "value": "9000"} in server["env"]
    assert {"name": "EDGE_INFERENCE_GRPC_PORT", "value": "9001"} in server["env"]
    assert [each["containerPort"] for each in server["ports"]] == [9000, 9001]
    assert [each["port"] for each in one(objects, "Service")["spec"]["ports"]] == [9000, 9001]
    [rule] = one(objects, "NetworkPolicy")["spec"]["ingress"]
    assert [each["port"] for each in rule["ports"]] == [9000, 9001]


def test_models_of_a_claim_are_read_and_never_written(render: Render) -> None:
    spec = pod(render, {"models": {"claim": "shapes"}})
    [volume] = [each for each in spec["volumes"] if each["name"] == "models"]
    assert volume["persistentVolumeClaim"] == {"claimName": "shapes", "readOnly": True}
    mounts = {each["name"]: each for each in spec["containers"][0]["volumeMounts"]}
    assert mounts["models"] == {"name": "models", "mountPath": "/models", "readOnly": True}
    assert "models" not in {each["name"] for each in pod(render)["volumes"]}


def test_models_of_an_image_are_mounted_as_they_are_and_named_by_digest_alone(render: Render) -> None:
    reference = f"registry.example.com/edge/shapes@sha256:{'0' * 64}"
    spec = pod(render, {"models": {"image": reference}})
    [volume] = [each for each in spec["volumes"] if each["name"] == "models"]
    assert volume["image"] == {"reference": reference, "pullPolicy": "IfNotPresent"}
    mounts = {each["name"]: each for each in spec["containers"][0]["volumeMounts"]}
    assert mounts["models"] == {"name": "models", "mountPath": "/models", "readOnly": True}


def test_nobody_is_let_out_and_only_the_namespace_in_unless_named(render: Render) -> None:
    policy = one(render(CHART, name="vision"), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy
    assert policy["ingress"][0]["from"] == [{"podSelector": {}}]
    cameras = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "cameras"}}}
    policy = one(render(CHART, {"networkPolicy": {"from": [cameras]}}, name="vision"), "NetworkPolicy")[
        "spec"
    ]
    assert policy["ingress"][0]["from"] == [{"podSelector": {}}, cameras]


def test_pods_go_where_they_are_asked_to(render: Render) -> None:
    assert pod(render)["nodeSelector"] == {"kubernetes.io/arch": "arm64"}
    jetson = {"placement": {"nodeSelector": {"nvidia.com/jetson.soc": "tegra234"}}}
    assert pod(render, jetson)["nodeSelector"]["nvidia.com/jetson.soc"] == "tegra234"


def test_more_than_one_server_gets_a_disruption_budget_and_prometheus_a_monitor(render: Render) -> None:
    objects = render(CHART, {"replicas": 2, "monitoring": {"enabled": True}}, name="vision")
    assert one(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    selected = one(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert selected.items() <= one(objects, "Service")["metadata"]["labels"].items()


@pytest.mark.parametrize(
    "values",
    [
        {"server": {"largestRequest": "64MB"}},
        {"server": {"rows": 8}},
        {"replicas": -1},
        {"runAsUser": 0},
        {"models": {"claim": "Shapes"}},
        {"models": {"image": "registry.example.com/edge/shapes:1"}},
        {"models": {"claim": "shapes", "image": f"edge/shapes@sha256:{'0' * 64}"}},
    ],
)
def test_values_that_mean_nothing_are_refused(charts: Path, values: dict[str, Any]) -> None:
    with helm_python.Chart.load(charts / CHART) as loaded, pytest.raises(Exception, match=next(iter(values))):
        loaded.render(values, name="vision", namespace="edge")
