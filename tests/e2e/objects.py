"""Kubernetes objects for tests, without a namespace."""

from typing import Any

_CONTAINERS: list[dict[str, Any]] = [{"name": "main", "image": "registry.example/app:1"}]


def config_map(name: str = "settings", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def network_policy(name: str) -> dict[str, Any]:
    """Nobody reaches the namespace's pods, and they reach nobody."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


def quota(name: str) -> dict[str, Any]:
    hard = {"requests.cpu": "4", "requests.memory": "8Gi", "requests.storage": "10Gi", "pods": "20"}
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}}


def pod(name: str = "main", labels: dict[str, str] | None = None) -> dict[str, Any]:
    metadata = {"name": name, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": _CONTAINERS}}


def restricted_pod(name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """One that every check of manifests passes."""
    container = {
        **_CONTAINERS[0],
        "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"memory": "8Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    metadata = {"name": name, "labels": labels or {}}
    spec = {"automountServiceAccountToken": False, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def deployment(name: str = "web", image: str = "registry.example/app:1") -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    }


def hook(
    stage: str, name: str = "migrate", labels: dict[str, str] | None = None, **pod_spec: Any
) -> dict[str, Any]:
    """A Job that Helm, and so Argo CD, runs at a stage such as `pre-upgrade`, anew each time."""
    annotations = {"helm.sh/hook": stage, "helm.sh/hook-delete-policy": "before-hook-creation"}
    spec = {"restartPolicy": "Never", "containers": _CONTAINERS, **pod_spec}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels or {}}, "spec": spec}},
    }
