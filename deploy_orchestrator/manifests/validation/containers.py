"""What a container is: image, environment, ports, probes, mounts.

After `validateContainerCommon` and what it calls in `k8s.io/kubernetes/pkg/apis/core/validation`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.resources import requirements
from deploy_orchestrator.manifests.validation.shapes import (
    Fields,
    Refusal,
    Shape,
    at,
    exactly_one,
    found,
    no_duplicates,
)
from deploy_orchestrator.terms import quantity

_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
_ACTIONS: Final = ("exec", "httpGet", "tcpSocket", "sleep")
_FIELDS: Final = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    }
)
_SUBSCRIPTED: Final = {"metadata.annotations": formats.annotation_key, "metadata.labels": formats.label_key}
_RESOURCES: Final = frozenset(
    f"{of}.{name}" for of in ("limits", "requests") for name in ("cpu", "memory", "ephemeral-storage")
)
_HUGE_PAGES: Final = ("limits.hugepages-", "requests.hugepages-")
_CPU_DIVISORS: Final = frozenset(map(quantity, ("1m", "1")))
_DIVISORS: Final = frozenset(
    map(quantity, ("1", *(f"1{unit}" for unit in "kMGTPE"), *(f"1{unit}i" for unit in "KMGTPE")))
)


def field_path(value: str) -> str | None:
    """What is wrong with the name of a pod's field, with a subscript or without."""
    path, subscripted, key = value.partition("['")
    if subscripted and key.endswith("']"):
        says = _SUBSCRIPTED.get(path)
        return says(key[:-2]) if says else "has no keys"
    return None


def _variable_field(value: str) -> str | None:
    if said := field_path(value):
        return said
    return None if "['" in value or value in _FIELDS else f"must be one of {', '.join(sorted(_FIELDS))}"


def _value_from(variable: Fields) -> Iterator[Refusal]:
    source = variable.get("valueFrom")
    if source is None:
        return
    present = [name for name, value in untyped.mapping(source).items() if value is not None]
    if not present:
        yield Refusal(("valueFrom",), "needs a source")
    elif variable.get("value"):
        yield Refusal(("valueFrom",), "may not be set beside value")
    elif len(present) > 1:
        yield Refusal(("valueFrom",), f"may not have more than one source: {' and '.join(present)}")
    path = untyped.at(source, "fieldRef", "fieldPath")
    if isinstance(path, str) and path and (said := _variable_field(path)):
        yield Refusal(("valueFrom", "fieldRef", "fieldPath"), found(said, path))


def _resource_field(value: str) -> str | None:
    known = value in _RESOURCES or value.startswith(_HUGE_PAGES)
    return None if known else f"must be one of {', '.join(sorted(_RESOURCES))}"


def _divisor(given: Fields) -> Iterator[Refusal]:
    of, divisor = untyped.text(given.get("resource")), quantity(given.get("divisor"))
    allowed = _CPU_DIVISORS if of.endswith(".cpu") else _DIVISORS
    if divisor and of and divisor not in allowed:
        yield Refusal(("divisor",), found(f"is no divisor for {of}", given.get("divisor")))


def _handler(handlers: tuple[str, ...]) -> Any:
    return exactly_one(*handlers, of="handler")


def _http2(given: Fields) -> Iterator[Refusal]:
    if given.get("protocol") == "HTTP2" and given.get("scheme") == "HTTPS":
        yield Refusal(("protocol",), "HTTP2 goes with the scheme HTTP only")


def _mount(given: Fields) -> Iterator[Refusal]:
    if given.get("subPath") and given.get("subPathExpr"):
        yield Refusal(("subPathExpr",), "may not be set beside subPath")
    if given.get("recursiveReadOnly") in {"Enabled", "IfPossible"}:
        if not given.get("readOnly"):
            yield Refusal(("recursiveReadOnly",), "needs readOnly: true")
        if given.get("mountPropagation") not in {None, "None"}:
            yield Refusal(("recursiveReadOnly",), "may not be set beside mountPropagation")


def _mounts(container: Fields) -> Iterator[Refusal]:
    mounts, devices = (untyped.mappings(container.get(field)) for field in ("volumeMounts", "volumeDevices"))
    seen = set[str]()
    for index, mount in enumerate(mounts):
        path = untyped.text(mount.get("mountPath"))
        if path and path in seen:
            yield Refusal(("volumeMounts", index, "mountPath"), found("stands twice", path))
        seen.add(path)
    names = {mount.get("name") for mount in mounts}
    for index, device in enumerate(devices):
        if device.get("name") in names:
            yield Refusal(("volumeDevices", index, "name"), "is mounted too")
        if device.get("devicePath") in seen:
            yield Refusal(("volumeDevices", index, "devicePath"), "is a mountPath too")
    privileged = untyped.at(container, "securityContext", "privileged")
    for index, mount in enumerate(mounts):
        if mount.get("mountPropagation") == "Bidirectional" and not privileged:
            yield Refusal(("volumeMounts", index, "mountPropagation"), "needs a privileged container")


def _resources(container: Fields) -> Iterator[Refusal]:
    yield from at(("resources",), requirements(untyped.mapping(container.get("resources"))))


def _restarts(container: Fields) -> Iterator[Refusal]:
    rules = untyped.mappings(container.get("restartPolicyRules"))
    if rules and not container.get("restartPolicy"):
        yield Refusal(("restartPolicy",), "required where restartPolicyRules is set, and absent")


def probes(container: Fields) -> Iterator[Refusal]:
    """What is wrong with the thresholds of a container's probes."""
    for name in ("livenessProbe", "startupProbe"):
        threshold = untyped.at(container, name, "successThreshold")
        if isinstance(threshold, int) and threshold not in {0, 1}:
            yield Refusal((name, "successThreshold"), found("must be 1", threshold))
    if untyped.at(container, "readinessProbe", "terminationGracePeriodSeconds") is not None:
        yield Refusal(("readinessProbe", "terminationGracePeriodSeconds"), "may not be set for readiness")


_PROBE: Final[Mapping[str, Any]] = {
    "initialDelaySeconds": formats.nonnegative,
    "timeoutSeconds": formats.nonnegative,
    "periodSeconds": formats.nonnegative,
    "successThreshold": formats.nonnegative,
    "failureThreshold": formats.nonnegative,
    "terminationGracePeriodSeconds": formats.positive,
}
_KEY: Final = Shape(
    required=("name", "key"), fields={"name": formats.dns_subdomain, "key": formats.config_key}
)
_NAMED: Final = Shape(required=("name",), fields={"name": formats.dns_subdomain})

SHAPES: Final = {
    "core.v1.Container": Shape(
        required=("name", "image"),
        fields={
            "name": formats.dns_label,
            "imagePullPolicy": formats.one_of("Always", "IfNotPresent", "Never"),
            "terminationMessagePolicy": formats.one_of("FallbackToLogsOnError", "File"),
            "restartPolicy": formats.one_of("Always", "Never", "OnFailure"),
        },
        rules=(_mounts, _resources, probes, _restarts, no_duplicates("ports", "name")),
    ),
    "core.v1.ContainerPort": Shape(
        required=("containerPort",),
        fields={
            "name": formats.port_name,
            "containerPort": formats.port_number,
            "hostPort": lambda port: formats.port_number(port) if port else None,
            "protocol": formats.one_of("SCTP", "TCP", "UDP"),
        },
    ),
    "core.v1.EnvVar": Shape(
        required=("name",), fields={"name": formats.environment_name}, rules=(_value_from,)
    ),
    "core.v1.EnvFromSource": Shape(
        fields={"prefix": formats.environment_name},
        rules=(exactly_one("configMapRef", "secretRef", of="source"),),
    ),
    "core.v1.ConfigMapEnvSource": _NAMED,
    "core.v1.SecretEnvSource": _NAMED,
    "core.v1.ConfigMapKeySelector": _KEY,
    "core.v1.SecretKeySelector": _KEY,
    "core.v1.ObjectFieldSelector": Shape(
        required=("fieldPath",), fields={"apiVersion": formats.one_of("v1"), "fieldPath": field_path}
    ),
    "core.v1.ResourceFieldSelector": Shape(
        required=("resource",), fields={"resource": _resource_field}, rules=(_divisor,)
    ),
    "core.v1.VolumeMount": Shape(
        required=("name", "mountPath"),
        fields={
            "subPath": formats.relative_path,
            "subPathExpr": formats.relative_path,
            "mountPropagation": formats.one_of("Bidirectional", "HostToContainer", "None"),
            "recursiveReadOnly": formats.one_of("Disabled", "Enabled", "IfPossible"),
        },
        rules=(_mount,),
    ),
    "core.v1.VolumeDevice": Shape(
        required=("name", "devicePath"), fields={"devicePath": formats.without_steps_back}
    ),
    "core.v1.Probe": Shape(fields=_PROBE, rules=(_handler(_HANDLERS),)),
    "core.v1.LifecycleHandler": Shape(rules=(_handler(_ACTIONS),)),
    "core.v1.ExecAction": Shape(required=("command",)),
    "core.v1.HTTPGetAction": Shape(
        fields={
            "port": formats.port_number_or_name,
            "scheme": formats.one_of("HTTP", "HTTPS"),
            "protocol": formats.one_of("HTTP1", "HTTP2"),
        },
        rules=(_http2,),
    ),
    "core.v1.HTTPHeader": Shape(fields={"name": formats.header_name}),
    "core.v1.TCPSocketAction": Shape(fields={"port": formats.port_number_or_name}),
    "core.v1.GRPCAction": Shape(fields={"port": formats.port_number}),
    "core.v1.ContainerRestartRule": Shape(
        required=("action", "exitCodes"), fields={"action": formats.one_of("Restart", "RestartAllContainers")}
    ),
    "core.v1.ContainerRestartRuleOnExitCodes": Shape(
        required=("operator",), fields={"operator": formats.one_of("In", "NotIn")}
    ),
    "core.v1.ContainerResizePolicy": Shape(
        required=("resourceName", "restartPolicy"),
        fields={
            "resourceName": formats.one_of("cpu", "memory"),
            "restartPolicy": formats.one_of("NotRequired", "RestartContainer"),
        },
    ),
}
