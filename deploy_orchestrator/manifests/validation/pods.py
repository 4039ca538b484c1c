"""What a pod is, beyond each of its containers and volumes.

After `ValidatePodSpec` in `k8s.io/kubernetes/pkg/apis/core/validation`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.metadata import labelled, labels_at
from deploy_orchestrator.manifests.validation.resources import pod_requirements
from deploy_orchestrator.manifests.validation.security import unmasked
from deploy_orchestrator.manifests.validation.selectors import spread_apart
from deploy_orchestrator.manifests.validation.shapes import (
    Fields,
    Refusal,
    Shape,
    at,
    each,
    exactly_one,
    found,
    is_absent,
    no_duplicates,
)

_MAX_NAMESERVERS: Final = 3
_MAX_SEARCHES: Final = 32
_MAX_SEARCH_TEXT: Final = 2048
_MAX_HOST: Final = 64
_OF_LONG_RUNNING: Final = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")


def _containers(spec: Fields) -> Iterator[tuple[str, int, Fields]]:
    for field in ("containers", "initContainers"):
        for index, container in enumerate(untyped.mappings(spec.get(field))):
            yield field, index, container


def _names(spec: Fields) -> Iterator[Refusal]:
    seen = set[Any]()
    for field, index, container in _containers(spec):
        name = container.get("name")
        if name and name in seen:
            yield Refusal((field, index, "name"), found("stands twice", name))
        seen.add(name)


def _init_containers(spec: Fields) -> Iterator[Refusal]:
    for index, container in enumerate(untyped.mappings(spec.get("initContainers"))):
        if container.get("restartPolicy") == "Always":
            continue
        for field in _OF_LONG_RUNNING:
            if container.get(field) is not None:
                yield Refusal(
                    ("initContainers", index, field), "may only be set where restartPolicy is Always"
                )


def _host_ports(spec: Fields) -> Iterator[Refusal]:
    seen = set[tuple[Any, ...]]()
    for index, container in enumerate(untyped.mappings(spec.get("containers"))):
        for position, port in enumerate(untyped.mappings(container.get("ports"))):
            number = port.get("hostPort")
            path = ("containers", index, "ports", position, "hostPort")
            if not number:
                continue
            if spec.get("hostNetwork") and number != port.get("containerPort"):
                yield Refusal(path, found("must be the containerPort where hostNetwork is true", number))
            where = (number, port.get("hostIP") or "", port.get("protocol") or "TCP")
            if where in seen:
                yield Refusal(path, found("stands twice", number))
            seen.add(where)


def standing(spec: Fields) -> Iterator[Refusal]:
    """What is wrong with a pod that nobody changes before it is made: its mounts, and what it is called."""
    yield from mounted(spec)
    for field in ("hostname", "subdomain"):
        name = spec.get(field)
        if name and (said := formats.dns_label(name)):
            yield Refusal((field,), found(said, name))


def mounted(spec: Fields, claimed: frozenset[str] = frozenset()) -> Iterator[Refusal]:
    """What containers mount that is no volume of the pod, nor one of those `claimed` for it."""
    volumes = {untyped.text(each.get("name")): each for each in untyped.mappings(spec.get("volumes"))}
    for field, index, container in _containers(spec):
        for list_ in ("volumeMounts", "volumeDevices"):
            for position, mount in enumerate(untyped.mappings(container.get(list_))):
                name = mount.get("name")
                if name and name not in volumes and name not in claimed:
                    yield Refusal(
                        (field, index, list_, position, "name"), found("is no volume of the pod", name)
                    )
                elif (
                    list_ == "volumeDevices"
                    and name in volumes.keys() - claimed
                    and not _is_claim(volumes[name])
                ):
                    yield Refusal((field, index, list_, position, "name"), "must be a claim")


def _is_claim(volume: Fields) -> bool:
    return not (is_absent(volume.get("persistentVolumeClaim")) and is_absent(volume.get("ephemeral")))


def _host_users(spec: Fields) -> Iterator[Refusal]:
    if spec.get("hostUsers") is False:
        for field in ("hostPID", "hostIPC"):
            if spec.get(field):
                yield Refusal((field,), "may not be true where hostUsers is false")
        return
    for field, index, container in _containers(spec):
        context = untyped.mapping(container.get("securityContext"))
        yield from at((field, index, "securityContext"), unmasked(context))


def _dns(spec: Fields) -> Iterator[Refusal]:
    if spec.get("dnsPolicy") == "None" and not untyped.at(spec, "dnsConfig", "nameservers"):
        yield Refusal(("dnsConfig", "nameservers"), "required for the dnsPolicy None, and absent")
    config = untyped.mapping(spec.get("dnsConfig"))
    servers, searches = (untyped.texts(config.get(field)) for field in ("nameservers", "searches"))
    if len(servers) > _MAX_NAMESERVERS:
        yield Refusal(("dnsConfig", "nameservers"), f"may be {_MAX_NAMESERVERS}, and are {len(servers)}")
    if len(searches) > _MAX_SEARCHES or len(" ".join(searches)) > _MAX_SEARCH_TEXT:
        yield Refusal(
            ("dnsConfig", "searches"), f"may be {_MAX_SEARCHES} of {_MAX_SEARCH_TEXT} characters together"
        )


def _search(value: str) -> str | None:
    return None if value == "." else formats.underscored_subdomain(value.removesuffix("."))


def _processes(spec: Fields) -> Iterator[Refusal]:
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        yield Refusal(("shareProcessNamespace",), "may not be true where hostPID is")


def _override(spec: Fields) -> Iterator[Refusal]:
    name = spec.get("hostnameOverride")
    if name is None:
        return
    if said := formats.dns_subdomain(name) or (
        f"must be no more than {_MAX_HOST}" if len(name) > _MAX_HOST else None
    ):
        yield Refusal(("hostnameOverride",), found(said, name))
    for field in ("hostNetwork", "setHostnameAsFQDN"):
        if spec.get(field):
            yield Refusal(("hostnameOverride",), f"may not be set where {field} is true")


def _account(spec: Fields) -> Iterator[Refusal]:
    name, old = spec.get("serviceAccountName"), spec.get("serviceAccount")
    if name and old and name != old:
        yield Refusal(("serviceAccount",), found(f"must be the serviceAccountName {name}", old))


def _sleeps(spec: Fields) -> Iterator[Refusal]:
    grace = spec.get("terminationGracePeriodSeconds")
    longest = grace if isinstance(grace, int) else 30
    for field, index, container in _containers(spec):
        for event in ("postStart", "preStop"):
            seconds = untyped.at(container, "lifecycle", event, "sleep", "seconds")
            if isinstance(seconds, int) and not 0 <= seconds <= longest:
                path = (field, index, "lifecycle", event, "sleep", "seconds")
                yield Refusal(path, found(f"must be 0 to the grace period of {longest}", seconds))


def _stop_signals(spec: Fields) -> Iterator[Refusal]:
    for field, index, container in _containers(spec):
        if untyped.at(container, "lifecycle", "stopSignal") and not untyped.at(spec, "os", "name"):
            yield Refusal((field, index, "lifecycle", "stopSignal"), "needs os.name of the pod")


def _resources(spec: Fields) -> Iterator[Refusal]:
    yield from at(("resources",), pod_requirements(untyped.mapping(spec.get("resources"))))


def _claims(spec: Fields) -> Iterator[Refusal]:
    known = {each.get("name") for each in untyped.mappings(spec.get("resourceClaims"))}
    for field, index, container in _containers(spec):
        for position, claim in enumerate(untyped.mappings(untyped.at(container, "resources", "claims"))):
            if claim.get("name") not in known:
                path = (field, index, "resources", "claims", position)
                yield Refusal(path, found("is no resource claim of the pod", claim.get("name")))


def _resizes(spec: Fields) -> Iterator[Refusal]:
    if spec.get("restartPolicy") != "Never":
        return
    for field, index, container in _containers(spec):
        for position, policy in enumerate(untyped.mappings(container.get("resizePolicy"))):
            if policy.get("restartPolicy") == "RestartContainer":
                path = (field, index, "resizePolicy", position, "restartPolicy")
                yield Refusal(path, "must be NotRequired where the pod's restartPolicy is Never")


def _pod(pod: Fields) -> Iterator[Refusal]:
    spec = untyped.mapping(pod.get("spec"))
    yield from at(("spec",), standing(spec))
    if spec.get("ephemeralContainers"):
        yield Refusal(("spec", "ephemeralContainers"), "may not be set when a pod is made")


def _pod_template(given: Fields) -> Iterator[Refusal]:
    yield from at(("template", "spec"), standing(untyped.mapping(untyped.at(given, "template", "spec"))))


def _template(template: Fields) -> Iterator[Refusal]:
    yield from at(("metadata",), labelled(untyped.mapping(template.get("metadata"))))
    if untyped.at(template, "spec", "ephemeralContainers"):
        yield Refusal(("spec", "ephemeralContainers"), "may not be set in a template")


def _deadline(value: Any) -> str | None:
    return formats.within(1, formats.MAX_INT32)(value)


_POD: Final[Mapping[str, Any]] = {
    "activeDeadlineSeconds": _deadline,
    "dnsPolicy": formats.one_of("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "nodeName": formats.dns_subdomain,
    "preemptionPolicy": formats.one_of("Never", "PreemptLowerPriority"),
    "priorityClassName": formats.dns_subdomain,
    "restartPolicy": formats.one_of("Always", "Never", "OnFailure"),
    "runtimeClassName": formats.dns_subdomain,
    "serviceAccount": formats.dns_subdomain,
    "serviceAccountName": formats.dns_subdomain,
}

SHAPES: Final = {
    "core.v1.PodSpec": Shape(
        required=("containers",),
        fields=_POD,
        rules=(
            _names,
            _init_containers,
            _host_ports,
            _host_users,
            _dns,
            _processes,
            _account,
            _override,
            _sleeps,
            _stop_signals,
            _resources,
            _claims,
            _resizes,
            labels_at("nodeSelector"),
            spread_apart,
            no_duplicates("volumes", "name"),
            no_duplicates("resourceClaims", "name"),
            no_duplicates("schedulingGates", "name"),
        ),
    ),
    "core.v1.Pod": Shape(rules=(_pod,)),
    "core.v1.PodTemplate": Shape(rules=(_pod_template,)),
    "core.v1.PodTemplateSpec": Shape(rules=(_template,)),
    "core.v1.PodDNSConfig": Shape(
        fields={"nameservers": each(formats.ip_address), "searches": each(_search)}
    ),
    "core.v1.PodReadinessGate": Shape(
        required=("conditionType",), fields={"conditionType": formats.label_key}
    ),
    "core.v1.PodSchedulingGate": Shape(required=("name",), fields={"name": formats.label_key}),
    "core.v1.HostAlias": Shape(
        required=("ip",), fields={"ip": formats.ip_address, "hostnames": each(formats.dns_subdomain)}
    ),
    "core.v1.PodResourceClaim": Shape(
        required=("name",),
        fields={
            "name": formats.dns_label,
            "resourceClaimName": formats.dns_subdomain,
            "resourceClaimTemplateName": formats.dns_subdomain,
        },
        rules=(exactly_one("resourceClaimName", "resourceClaimTemplateName", of="claim"),),
    ),
    "core.v1.PodOS": Shape(required=("name",), fields={"name": formats.one_of("linux", "windows")}),
}
