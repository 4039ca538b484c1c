"""What a tenant's pods and volumes ask for fits in its quota."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.objects import Manifests, Object
from deploy_orchestrator.manifests.pods import Pod, pod_of
from deploy_orchestrator.terms import quantity

_COMPUTE: Final = ("cpu", "memory")
_WORKLOADS: Final = frozenset(
    {"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet"}
)


def _exceeded(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    quota = deployment.tenant.quota
    asked = {**_running(manifests), "storage": _storage(manifests)}
    for resource, limit in (
        ("cpu", quota.cpu),
        ("memory", quota.memory),
        ("storage", quota.storage),
        ("pods", quota.pods),
    ):
        allowed = quantity(limit)
        if allowed is not None and asked[resource] > allowed:
            yield Broken(None, f"{resource}: {_shown(resource, asked[resource])} asked for, {limit} allowed")


def _unrequested(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    defaults = _defaults(manifests)
    for pod in filter(None, map(pod_of, manifests.objects)):
        for container in pod.containers():
            missing = [name for name in _COMPUTE if _request(container.body, name, defaults) is None]
            if missing and container.list != "ephemeralContainers":
                yield Broken(
                    pod.owner.key, f"container {container.name} requests no {' and no '.join(missing)}"
                )


def _running(manifests: Manifests) -> dict[str, Decimal]:
    """What runs all the time, hooks and jobs left out: each ends before long."""
    defaults = _defaults(manifests)
    total = {"cpu": Decimal(0), "memory": Decimal(0), "pods": Decimal(0)}
    for object_ in manifests.objects:
        pod = pod_of(object_)
        if pod is None or object_.hooks or object_.kind not in _WORKLOADS | {"Pod"}:
            continue
        replicas = _replicas(object_)
        total["pods"] += replicas
        for name in _COMPUTE:
            total[name] += replicas * _pod_request(pod, name, defaults)
    return total


def _pod_request(pod: Pod, name: str, defaults: dict[str, Any]) -> Decimal:
    """What the scheduler counts: all containers and sidecars, or the largest init container beside them."""
    together, largest, beside = Decimal(0), Decimal(0), Decimal(0)
    for container in pod.containers():
        request = _request(container.body, name, defaults) or Decimal(0)
        if container.list == "containers" or container.body.get("restartPolicy") == "Always":
            together += request
            beside += request if container.list == "initContainers" else 0
        elif container.list == "initContainers":
            largest = max(largest, request + beside)
    overhead = quantity(untyped.at(pod.spec, "overhead", name)) or Decimal(0)
    return max(together, largest) + overhead


def _request(container: Any, name: str, defaults: dict[str, Any]) -> Decimal | None:
    resources = untyped.mapping(untyped.mapping(container).get("resources"))
    for field in ("requests", "limits"):
        given = quantity(untyped.at(resources, field, name))
        if given is not None:
            return given
    return quantity(defaults.get(name))


def _defaults(manifests: Manifests) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    for object_ in manifests.objects:
        if (object_.key.group, object_.kind) == ("", "LimitRange"):
            for limit in untyped.mappings(untyped.at(object_.body, "spec", "limits")):
                if limit.get("type") == "Container":
                    for field in ("max", "default", "defaultRequest"):
                        defaults.update(untyped.mapping(limit.get(field)))
    return defaults


def _replicas(object_: Object) -> int:
    replicas = untyped.at(object_.body, "spec", "replicas")
    return replicas if isinstance(replicas, int) and object_.kind not in {"Pod", "DaemonSet"} else 1


def _storage(manifests: Manifests) -> Decimal:
    total = Decimal(0)
    for object_ in manifests.objects:
        if (object_.key.group, object_.kind) == ("", "PersistentVolumeClaim"):
            total += _claim(object_.body)
        if object_.kind == "StatefulSet":
            claims = untyped.mappings(untyped.at(object_.body, "spec", "volumeClaimTemplates"))
            total += _replicas(object_) * sum(map(_claim, claims), Decimal(0))
    return total


def _claim(body: Any) -> Decimal:
    return quantity(untyped.at(body, "spec", "resources", "requests", "storage")) or Decimal(0)


def _shown(resource: str, amount: Decimal) -> str:
    if resource in {"memory", "storage"}:
        return f"{amount / 2**30:.2f}Gi"
    return f"{amount.normalize():f}"


MANIFEST_CHECKS = (
    ManifestCheck(
        "quota-exceeded",
        "error",
        "The cluster refuses pods and volumes beyond the tenant's quota, and a roll-out stops half-way.",
        "ask for less, run fewer replicas, or raise the quota in tenant.yaml",
        _exceeded,
    ),
    ManifestCheck(
        "request-missing",
        "error",
        "Where a quota counts cpu and memory, the cluster refuses pods that do not say how much they need.",
        "set resources.requests, or a default in the LimitRange",
        _unrequested,
    ),
)
