"""Pods keep the Pod Security Standard "restricted" of the environment's Kubernetes version.

After https://kubernetes.io/docs/concepts/security/pod-security-standards/ and the code that enforces it,
`k8s.io/pod-security-admission/policy`. A namespace labelled `pod-security.kubernetes.io/enforce: restricted`
refuses pods that break it, and then a Deployment rolls out nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import schemas, untyped
from deploy_orchestrator.manifests.checks.rule import Broken, ManifestCheck
from deploy_orchestrator.manifests.fields import NamedPath, dotted
from deploy_orchestrator.manifests.objects import Manifests
from deploy_orchestrator.manifests.pods import Pod, pod_of

Version = tuple[int, int]
Violation = tuple[NamedPath, str]
Control = Callable[[Pod, Version], Iterator[Violation]]

_VOLUMES: Final = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_SYSCTLS: Final[Mapping[str, Version]] = {
    "kernel.shm_rmid_forced": (1, 0),
    "net.ipv4.ip_local_port_range": (1, 0),
    "net.ipv4.ip_local_reserved_ports": (1, 27),
    "net.ipv4.ip_unprivileged_port_start": (1, 0),
    "net.ipv4.ping_group_range": (1, 0),
    "net.ipv4.tcp_fin_timeout": (1, 29),
    "net.ipv4.tcp_keepalive_intvl": (1, 29),
    "net.ipv4.tcp_keepalive_probes": (1, 29),
    "net.ipv4.tcp_keepalive_time": (1, 29),
    "net.ipv4.tcp_notsent_lowat": (1, 37),
    "net.ipv4.tcp_rmem": (1, 32),
    "net.ipv4.tcp_slow_start_after_idle": (1, 37),
    "net.ipv4.tcp_syncookies": (1, 0),
    "net.ipv4.tcp_wmem": (1, 32),
}
"""Sysctls that pods may set, and since which version of Kubernetes."""

_SELINUX_TYPES: Final = frozenset(
    {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
)
_PROFILES: Final = frozenset({"RuntimeDefault", "Localhost"})
_APPARMOR_ANNOTATION: Final = "container.apparmor.security.beta.kubernetes.io/"
_PROBES: Final = (
    ("livenessProbe",),
    ("readinessProbe",),
    ("startupProbe",),
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
)


def _contexts(pod: Pod) -> Iterator[tuple[NamedPath, Mapping[str, Any]]]:
    """The security contexts of the pod and of its containers, with the paths to them."""
    yield (*pod.path, "securityContext"), untyped.mapping(pod.spec.get("securityContext"))
    for container in pod.containers():
        yield (*container.path, "securityContext"), untyped.mapping(container.body.get("securityContext"))


def _container_contexts(pod: Pod) -> Iterator[tuple[NamedPath, Mapping[str, Any]]]:
    _, *containers = _contexts(pod)
    yield from containers


def _inherited(pod: Pod, *field: str) -> Iterator[tuple[NamedPath, Any]]:
    """A field of each container's security context, the pod's own where the container has none."""
    default = untyped.at(pod.spec, "securityContext", *field)
    for path, context in _container_contexts(pod):
        own = untyped.at(context, *field)
        yield (*path, *field), default if own is None else own


def _is_windows(pod: Pod) -> bool:
    return untyped.at(pod.spec, "os", "name") == "windows"


def _has_own_users(pod: Pod, version: Version) -> bool:
    return version >= (1, 35) and pod.spec.get("hostUsers") is False


def _host_namespaces(pod: Pod, _: Version) -> Iterator[Violation]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(field):
            yield (*pod.path, field), "must not be true"


def _host_process(pod: Pod, _: Version) -> Iterator[Violation]:
    for path, context in _contexts(pod):
        if untyped.at(context, "windowsOptions", "hostProcess"):
            yield (*path, "windowsOptions", "hostProcess"), "must not be true"


def _privileged(pod: Pod, _: Version) -> Iterator[Violation]:
    for path, context in _container_contexts(pod):
        if context.get("privileged"):
            yield (*path, "privileged"), "must not be true"


def _privilege_escalation(pod: Pod, _: Version) -> Iterator[Violation]:
    for path, context in _container_contexts(pod):
        if not _is_windows(pod) and context.get("allowPrivilegeEscalation") is not False:
            yield (*path, "allowPrivilegeEscalation"), "must be false"


def _capabilities(pod: Pod, _: Version) -> Iterator[Violation]:
    for path, context in _container_contexts(pod):
        capabilities = untyped.mapping(context.get("capabilities"))
        if not _is_windows(pod) and "ALL" not in untyped.items(capabilities.get("drop")):
            yield (*path, "capabilities", "drop"), "must name ALL"
        added = [each for each in untyped.items(capabilities.get("add")) if each != "NET_BIND_SERVICE"]
        if added:
            yield (*path, "capabilities", "add"), f"must not name {', '.join(map(str, added))}"


def _volumes(pod: Pod, _: Version) -> Iterator[Violation]:
    for volume in untyped.mappings(pod.spec.get("volumes")):
        # The API server makes an empty directory of a volume without a source before it looks.
        kinds = {field for field, value in volume.items() if field != "name" and value is not None}
        if kinds and not kinds & _VOLUMES:
            used = ", ".join(sorted(kinds))
            yield (*pod.path, "volumes", f"[{volume.get('name')}]"), f"must not be of {used}"


def _host_ports(pod: Pod, _: Version) -> Iterator[Violation]:
    for container in pod.containers():
        for port in untyped.mappings(container.body.get("ports")):
            if port.get("hostPort"):
                yield (
                    (*container.path, "ports", f"[{port.get('containerPort')}]", "hostPort"),
                    "must not be set",
                )


def _probe_hosts(pod: Pod, version: Version) -> Iterator[Violation]:
    if version < (1, 34):
        return
    for container in pod.containers():
        for probe in _PROBES:
            for action in ("httpGet", "tcpSocket"):
                if untyped.at(container.body, *probe, action, "host"):
                    yield (*container.path, *probe, action, "host"), "must not be set"


def _app_armor(pod: Pod, _: Version) -> Iterator[Violation]:
    for path, context in _contexts(pod):
        profile = untyped.mapping(context.get("appArmorProfile"))
        if profile and untyped.text(profile.get("type")) not in _PROFILES:
            yield (*path, "appArmorProfile", "type"), "must be RuntimeDefault or Localhost"
    for name, value in untyped.mapping(pod.metadata.get("annotations")).items():
        if name.startswith(_APPARMOR_ANNOTATION) and not str(value).startswith(
            ("runtime/default", "localhost/")
        ):
            yield (*pod.path[:-1], "metadata", "annotations", name), "must be runtime/default or localhost/…"


def _selinux(pod: Pod, _: Version) -> Iterator[Violation]:
    for path, context in _contexts(pod):
        options = untyped.mapping(context.get("seLinuxOptions"))
        kind = options.get("type") or ""
        if not isinstance(kind, str) or kind not in _SELINUX_TYPES:
            yield (*path, "seLinuxOptions", "type"), "must be a container type"
        for field in ("user", "role"):
            if options.get(field):
                yield (*path, "seLinuxOptions", field), "must not be set"


def _proc_mount(pod: Pod, _: Version) -> Iterator[Violation]:
    for path, context in _container_contexts(pod):
        if context.get("procMount") not in (None, "Default"):
            yield (*path, "procMount"), "must be Default"


def _seccomp(pod: Pod, _: Version) -> Iterator[Violation]:
    if not _is_windows(pod):
        for path, profile in _inherited(pod, "seccompProfile", "type"):
            if untyped.text(profile) not in _PROFILES:
                yield path, "must be RuntimeDefault or Localhost, here or for the pod"


def _sysctls(pod: Pod, version: Version) -> Iterator[Violation]:
    for sysctl in untyped.mappings(untyped.at(pod.spec, "securityContext", "sysctls")):
        name = str(sysctl.get("name"))
        if _SYSCTLS.get(name, (99, 0)) > version:
            yield (*pod.path, "securityContext", "sysctls", f"[{name}]"), "is not a safe sysctl"


def _non_root(pod: Pod, version: Version) -> Iterator[Violation]:
    if not _has_own_users(pod, version):
        for path, value in _inherited(pod, "runAsNonRoot"):
            if value is not True:
                yield path, "must be true, here or for the pod"


def _user(pod: Pod, version: Version) -> Iterator[Violation]:
    for path, context in _contexts(pod):
        user = context.get("runAsUser")
        if user == 0 and not _has_own_users(pod, version):
            yield (*path, "runAsUser"), "must not be 0"


def _rule(control: str, find: Control, reason: str) -> ManifestCheck:
    def broken(manifests: Manifests, deployment: Deployment) -> Iterator[Broken]:
        version = schemas.minor(deployment.environment.kubernetes)
        for pod in filter(None, map(pod_of, manifests.objects)):
            for path, problem in find(pod, version):
                yield Broken(pod.owner.key, f"{dotted(path)} {problem}")

    fix = "set the field as the Pod Security Standard restricted asks"
    return ManifestCheck(f"pod-{control}", "error", reason, fix, broken)


MANIFEST_CHECKS = (
    _rule(
        "host-namespaces",
        _host_namespaces,
        "A pod in the host's namespaces sees other tenants' traffic and processes.",
    ),
    _rule("host-process", _host_process, "A host process has the rights of the node."),
    _rule("privileged", _privileged, "A privileged container owns the node."),
    _rule(
        "privilege-escalation",
        _privilege_escalation,
        "A process could gain more rights than it was started with.",
    ),
    _rule("capabilities", _capabilities, "Each capability is a part of root's power."),
    _rule("volumes", _volumes, "Other volumes reach the node's files or bypass the cluster's storage."),
    _rule("host-ports", _host_ports, "A host port is open on the node, beyond all network policies."),
    _rule("probe-hosts", _probe_hosts, "A probe with a host lets the node connect to where the tenant says."),
    _rule(
        "app-armor", _app_armor, "Without AppArmor's profile a broken container reaches more of the kernel."
    ),
    _rule("selinux", _selinux, "Other SELinux options leave the container's confinement."),
    _rule("proc-mount", _proc_mount, "An unmasked /proc shows what the kernel hides from containers."),
    _rule("seccomp", _seccomp, "Without a seccomp profile every system call is open to a broken container."),
    _rule("sysctls", _sysctls, "Other sysctls change the node for all tenants."),
    _rule("run-as-non-root", _non_root, "Root in a container is root on the node once it breaks out."),
    _rule("run-as-user", _user, "User 0 is root."),
)
