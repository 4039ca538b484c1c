"""The example fleet: every tenant in every environment is what a strict cluster takes."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import kubernetes_validate
import yaml

Object = dict[str, Any]

WORKLOADS = {"Deployment", "StatefulSet", "Job"}


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    for body in objects:
        if body["kind"] in WORKLOADS:
            yield f"{body['kind']}/{body['metadata']['name']}", body["spec"]["template"]["spec"]
        elif body["kind"] == "Pod":
            yield f"Pod/{body['metadata']['name']}", body["spec"]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [body for body in objects if body["kind"] == kind]


def test_every_kind_of_object_fits_the_schemas_of_kubernetes_1_34(
    deployment_of: Callable[[str, str], list[Object]],
) -> None:
    everything = deployment_of("analytics", "production") + deployment_of("ml", "production")
    for body in {(body["kind"], body["metadata"]["name"]): body for body in everything}.values():
        kubernetes_validate.validate(body, "1.34", strict=True)


def test_no_object_is_there_twice(deployment: list[Object]) -> None:
    keys = [(body["apiVersion"], body["kind"], body["metadata"]["name"]) for body in deployment]
    assert len(keys) == len(set(keys))


def test_every_pod_passes_pod_security_restricted(deployment: list[Object]) -> None:
    for name, pod in pods(deployment):
        assert not list(restricted(pod)), name


def restricted(pod: Object) -> Iterator[str]:
    """What the Pod Security Standard "restricted" refuses in a pod, as far as these charts could use it.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    if any(pod.get(field) for field in ("hostNetwork", "hostPID", "hostIPC")):
        yield "host namespaces"
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    for volume in pod.get("volumes", []):
        if set(volume) - {"name"} - allowed:
            yield f"volume {volume['name']}"
    whole = pod.get("securityContext", {})
    for container in (*pod["containers"], *pod.get("initContainers", [])):
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{container['name']}: privilege escalation"
        if own.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{container['name']}: capabilities"
        if own.get("runAsNonRoot", whole.get("runAsNonRoot")) is not True:
            yield f"{container['name']}: may run as root"
        if own.get("runAsUser", whole.get("runAsUser")) == 0:
            yield f"{container['name']}: runs as root"
        if own.get("seccompProfile", whole.get("seccompProfile")) != {"type": "RuntimeDefault"}:
            yield f"{container['name']}: seccomp"
        if own.get("privileged") or any("hostPort" in port for port in container.get("ports", [])):
            yield f"{container['name']}: host"


def test_containers_write_to_volumes_alone(deployment: list[Object]) -> None:
    for name, pod in pods(deployment):
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name


def test_every_container_is_pinned_probed_and_sized(deployment: list[Object]) -> None:
    for name, pod in pods(deployment):
        for container in pod["containers"]:
            tag = container["image"].rpartition("/")[2].partition(":")[2]
            assert tag, name
            assert tag != "latest", name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name
            if name.startswith(("Deployment", "StatefulSet")):
                assert {"livenessProbe", "startupProbe"} <= set(container), name


def test_manifests_carry_no_secret(deployment: list[Object]) -> None:
    assert not of_kind(deployment, "Secret")


def test_all_of_it_at_its_busiest_fits_in_the_quota(deployment: list[Object]) -> None:
    """Every replica and one more while it rolls out, a hook or a test, and as many runs as are let on."""
    [quota] = of_kind(deployment, "ResourceQuota")
    used: dict[str, Decimal] = dict.fromkeys(
        ("requests.cpu", "requests.memory", "limits.memory", "requests.storage", "pods"), Decimal(0)
    )

    def add(resources: Object, times: int) -> None:
        used["pods"] += times
        for bound in ("requests", "limits"):
            for name, amount in resources[bound].items():
                used[f"{bound}.{name}"] += times * quantity(amount)

    for body in of_kind(deployment, "Deployment") + of_kind(deployment, "StatefulSet"):
        [container] = body["spec"]["template"]["spec"]["containers"]
        surge = body["kind"] == "Deployment" and body["spec"].get("strategy") != {"type": "Recreate"}
        add(container["resources"], body["spec"]["replicas"] + surge)
        for claim in body["spec"].get("volumeClaimTemplates", []):
            used["requests.storage"] += quantity(claim["spec"]["resources"]["requests"]["storage"])
    tasks = [body["spec"]["containers"][0] for body in of_kind(deployment, "Pod")]
    add(tasks[0]["resources"], 1)
    instance = dagster_yaml(deployment)
    add(
        instance["run_launcher"]["config"]["resources"],
        instance["concurrency"]["runs"]["max_concurrent_runs"],
    )
    hard = quota["spec"]["hard"]
    for name, amount in used.items():
        assert amount <= quantity(hard[name]), f"{name}: {amount} of {hard[name]}"


def quantity(text: str) -> Decimal:
    units = {"m": Decimal("0.001"), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30)}
    unit = next((unit for unit in units if text.endswith(unit)), "")
    return Decimal(text.removesuffix(unit)) * units.get(unit, Decimal(1))


def dagster_yaml(objects: list[Object]) -> Object:
    [text] = [
        body["data"]["dagster.yaml"]
        for body in of_kind(objects, "ConfigMap")
        if body["metadata"]["name"].endswith("-instance")
    ]
    return yaml.safe_load(text)


def test_everything_that_is_mounted_or_named_is_there(deployment: list[Object]) -> None:
    there = {(body["kind"], body["metadata"]["name"]) for body in deployment}
    for name, pod in pods(deployment):
        account = pod.get("serviceAccountName")
        assert account is None or ("ServiceAccount", account) in there, name
        for volume in pod["volumes"]:
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in there, name
    launcher = dagster_yaml(deployment)["run_launcher"]["config"]
    assert ("ConfigMap", launcher["instance_config_map"]) in there
    assert ("ServiceAccount", launcher["service_account_name"]) in there
    for binding in of_kind(deployment, "RoleBinding"):
        assert ("Role", binding["roleRef"]["name"]) in there
        for subject in binding["subjects"]:
            assert subject["kind"] == "Group" or ("ServiceAccount", subject["name"]) in there


def test_environments_differ_in_every_tenant(deployment_of: Callable[[str, str], list[Object]]) -> None:
    for tenant in ("analytics", "data", "ml"):
        rendered = {
            json.dumps(deployment_of(tenant, stage), sort_keys=True).replace(stage, "")
            for stage in ("dev", "staging", "production")
        }
        assert len(rendered) == 3, tenant
