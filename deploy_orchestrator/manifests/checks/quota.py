"""What a tenant's pods and volumes ask for fits in its quota."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

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


class _Counted(NamedTuple):
    """Which fields of a container's resources count, the first that names one, and which of a LimitRange say
    what a container has that says nothing itself, the last that does.
    """

    fields: tuple[str, ...]
    defaults: tuple[str, ...]


_REQUESTS: Final = _Counted(("requests", "limits"), ("max", "default", "defaultRequest"))
_LIMITS: Final = _Counted(("limits",), ("max", "default"))


def _exceeded(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    quota = deployment.tenant.quota
    asked = {**_running(manifests, _REQUESTS), "storage": _storage(manifests)}
    for resource, limit in (
        ("cpu", quota.cpu),
        ("memory", quota.memory),
        ("storage", quota.storage),
        ("pods", quota.pods),
    ):
        allowed = quantity(limit)
        if allowed is not None and asked[resource] > allowed:
            yield Broken(None, f"{resource}: {_shown(resource, asked[resource])} asked for, {limit} allowed")
    used = _running(manifests, _LIMITS)
    for resource, limit in _limits_counted(manifests):
        allowed = quantity(limit)
        if allowed is not None and used[resource] > allowed:
            said = f"limits of {resource}: {_shown(resource, used[resource])} together, {limit} allowed"
            yield Broken(None, said)


def _unrequested(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    defaults = _defaults(manifests, _REQUESTS)
    for pod in filter(None, map(pod_of, manifests.objects)):
        for container in pod.containers():
            missing = [name for name in _COMPUTE if _asked(container.body, name, _REQUESTS, defaults) is None]
            if missing and container.list != "ephemeralContainers":
                yield Broken(
                    pod.owner.key, f"container {container.name} requests no {' and no '.join(missing)}"
                )


def _beyond_range(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
    most = _most(manifests)
    for pod in filter(None, map(pod_of, manifests.objects)) if most else ():
        for container in pod.containers():
            for name, limit in most.items():
                given = [_given(container.body, field, name) for field in ("requests", "limits")]
                allowed = quantity(limit)
                if allowed is not None and any(each is not None and each > allowed for each in given):
                    said = f"container {container.name} has more {name} than {limit}"
                    yield Broken(pod.owner.key, said)


def _most(manifests: Manifests) -> dict[str, Any]:
    """The most that the limit ranges among the objects let any container have, by resource."""
    return {
        name: most for limit in _ranges(manifests) for name, most in untyped.mapping(limit.get("max")).items()
    }


def _ranges(manifests: Manifests) -> Iterator[Mapping[str, Any]]:
    """What the limit ranges among the objects say of containers."""
    return (
        limit
        for object_ in manifests.objects
        if (object_.key.group, object_.kind) == ("", "LimitRange")
        for limit in untyped.mappings(untyped.at(object_.body, "spec", "limits"))
        if limit.get("type") == "Container"
    )


def _limits_counted(manifests: Manifests) -> Iterator[tuple[str, Any]]:
    """The resources whose limits the quotas among the objects bound for all pods, each with its bound."""
    for object_ in manifests.objects:
        spec = untyped.mapping(object_.body.get("spec"))
        if (object_.key.group, object_.kind) == ("", "ResourceQuota") and not (
            spec.get("scopes") or spec.get("scopeSelector")
        ):
            hard = untyped.mapping(spec.get("hard"))
            yield from ((name, hard[key]) for name in _COMPUTE if (key := f"limits.{name}") in hard)


def _asked(container: Any, name: str, counted: _Counted, defaults: Mapping[str, Any]) -> Decimal | None:
    given = (_given(container, field, name) for field in counted.fields)
    return next((each for each in given if each is not None), quantity(defaults.get(name)))


def _given(container: Any, field: str, name: str) -> Decimal | None:
    return quantity(untyped.at(untyped.mapping(container).get("resources"), field, name))


def _running(manifests: Manifests, counted: _Counted) -> dict[str, Decimal]:
    """What runs all the time, hooks and jobs left out: each ends before long."""
    defaults = _defaults(manifests, counted)
    total = {"cpu": Decimal(0), "memory": Decimal(0), "pods": Decimal(0)}
    for object_ in manifests.objects:
        pod = pod_of(object_)
        if pod is None or object_.hooks or object_.kind not in _WORKLOADS | {"Pod"}:
            continue
        replicas = _replicas(object_)
        total["pods"] += replicas
        for name in _COMPUTE:
            total[name] += replicas * _of_pod(pod, name, counted, defaults)
    return total


def _of_pod(pod: Pod, name: str, counted: _Counted, defaults: Mapping[str, Any]) -> Decimal:
    """What the scheduler and a quota count: all containers and sidecars, or the largest init container beside
    them.
    """
    together, largest, beside = Decimal(0), Decimal(0), Decimal(0)
    for container in pod.containers():
        request = _asked(container.body, name, counted, defaults) or Decimal(0)
        if container.list == "containers" or container.body.get("restartPolicy") == "Always":
            together += request
            beside += request if container.list == "initContainers" else 0
        elif container.list == "initContainers":
            largest = max(largest, request + beside)
    overhead = quantity(untyped.at(pod.spec, "overhead", name)) or Decimal(0)
    return max(together, largest) + overhead


def _defaults(manifests: Manifests, counted: _Counted) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    for limit in _ranges(manifests):
        for field in counted.defaults:
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
        "The cluster refuses pods and volumes beyond the tenant's quota, also where it bounds limits, and a "
        "roll-out stops half-way: of a StatefulSet after the old pod is gone.",
        "ask for less, lower limits, run fewer replicas, or raise the quota in tenant.yaml",
        _exceeded,
    ),
    ManifestCheck(
        "limit-range-exceeded",
        "error",
        "The cluster refuses pods of which a container has more than the LimitRange lets it, and a roll-out "
        "stops half-way: of a StatefulSet after the old pod is gone.",
        "give the container less, or raise max in the LimitRange first",
        _beyond_range,
    ),
    ManifestCheck(
        "request-missing",
        "error",
        "Where a quota counts cpu and memory, the cluster refuses pods that do not say how much they need.",
        "set resources.requests, or a default in the LimitRange",
        _unrequested,
    ),
)
