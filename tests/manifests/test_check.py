"""Each rule: what breaks it, and that sound manifests do not."""

import base64
import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy_orchestrator.fleet import (
    ChartReference,
    CheckException,
    Deployment,
    Environment,
    Quota,
    RuleOverride,
    Tenant,
    TenantNamespace,
)
from deploy_orchestrator.manifests import CHECKS, MANIFEST_CHECKS, Finding, Manifests, Object, check
from deploy_orchestrator.terms import Verdict

Bodies = dict[str, dict[str, Any]]

DIGEST = "sha256:" + "0" * 64


def deployment(kubernetes: str = "1.34") -> Deployment:
    return Deployment(
        Environment(name="dev", cluster="here", kubernetes=kubernetes),
        Tenant(
            name="ml",
            chart=ChartReference(name="ml", version="1.0.0"),
            environments=("dev",),
            quota=Quota(cpu="2", memory="4Gi", storage="10Gi", pods=4),
            owners=("ml@example.com",),
        ),
        "ml-dev",
        "https://main",
    )


SOPS = f"ENC[AES256_GCM,data:p673wQ==,iv:{'Y' * 43}=,tag:{'U' * 21}g==,type:str]"


def an_object(
    api_version: str, kind: str, name: str, namespace: str | None = "ml-dev", **fields: Any
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def container(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": "ghcr.io/acme/web:1.2",
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        **fields,
    }


def pod(*containers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": list(containers),
        **fields,
    }


def sound() -> Bodies:
    """Objects that break no rule, by name."""
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pod(container("web"))}
    test = an_object("v1", "Pod", "test", spec=pod(container("test"), restartPolicy="Never"))
    test["metadata"]["annotations"] = {"helm.sh/hook": "test"}
    claim = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "4Gi"}}}}
    return {
        "namespace": an_object("v1", "Namespace", "ml-dev", None),
        "web": an_object(
            "apps/v1",
            "Deployment",
            "web",
            spec={"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
        ),
        "database": an_object(
            "apps/v1",
            "StatefulSet",
            "database",
            spec={
                "serviceName": "database",
                "selector": {"matchLabels": labels},
                "template": copy.deepcopy(template),
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, **claim}],
            },
        ),
        "test": test,
        "deny": an_object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "deny",
            spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        ),
        "dns": an_object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "dns",
            spec={
                "podSelector": {},
                "policyTypes": ["Egress"],
                "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}],
            },
        ),
        "role": an_object(
            "rbac.authorization.k8s.io/v1",
            "Role",
            "role",
            rules=[{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "create"]}],
        ),
        "binding": an_object(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "binding",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "role"},
            subjects=[{"kind": "ServiceAccount", "name": "web", "namespace": "ml-dev"}],
        ),
        "secret": an_object("v1", "Secret", "secret", type="Opaque"),
    }


def findings(bodies: Bodies, kubernetes: str = "1.34") -> list[Finding]:
    return check(Manifests(tuple(map(Object, bodies.values()))), deployment(kubernetes))


def at(bodies: Bodies, path: str) -> Any:
    """What stands at a path such as `web.spec.containers.0`."""
    found: Any = bodies
    for step in path.split("."):
        found = found[int(step)] if isinstance(found, list) else found[step]
    return found


Change = Callable[[Bodies], object]


def put(path: str, value: Any) -> Change:
    def change(bodies: Bodies) -> None:
        parent, _, last = path.rpartition(".")
        owner: Any = at(bodies, parent) if parent else bodies
        owner[int(last) if isinstance(owner, list) else last] = value

    return change


def of_sops_with_a_key_that_none_may_have(bodies: Bodies) -> None:
    put("secret.sops", {"version": "3.9.0"})(bodies)
    put("secret.stringData", {"a b": SOPS})(bodies)


def of_a_range(change: Change) -> Change:
    """A change beside a LimitRange that says how much memory a container may have."""

    def bounded(bodies: Bodies) -> None:
        limits = [{"type": "Container", "max": {"memory": "1Gi"}}]
        bodies["range"] = an_object("v1", "LimitRange", "range", spec={"limits": limits})
        change(bodies)

    return bounded


def of_limits_that_are_counted(change: Change) -> Change:
    """A change beside a quota that bounds limits, and what containers may use that say nothing of it."""

    def counted(bodies: Bodies) -> None:
        bodies["quota"] = an_object("v1", "ResourceQuota", "quota", spec={"hard": {"limits.memory": "4Gi"}})
        limits = [{"type": "Container", "default": {"memory": "128Mi"}}]
        bodies["range"] = an_object("v1", "LimitRange", "range", spec={"limits": limits})
        change(bodies)

    return counted


def drop(path: str) -> Change:
    def change(bodies: Bodies) -> None:
        parent, _, last = path.rpartition(".")
        del (at(bodies, parent) if parent else bodies)[last]

    return change


SPEC = "web.spec.template.spec"
MAIN = f"{SPEC}.containers.0"
POD_CONTEXT, CONTEXT = f"{SPEC}.securityContext", f"{MAIN}.securityContext"

BROKEN: list[tuple[str, Change, str]] = [
    ("schema", put("web.spec.replica", 3), "spec.replica: there is no such field"),
    ("schema", put("web.spec.replicas", "3"), 'spec.replicas: expected a whole number, found "3"'),
    ("schema", put("web.metadata.label", {}), "metadata.label: there is no such field"),
    (
        "schema",
        put(f"{MAIN}.env", [{"name": "A", "value": 1}]),
        "containers[web].env[A].value: expected a text",
    ),
    ("refused", put(f"{MAIN}.ports", [{"name": "x"}]), "ports[0].containerPort: required, and absent"),
    (
        "schema",
        put(f"{MAIN}.resources.requests.cpu", []),
        "requests.cpu: expected a text or a number, found []",
    ),
    ("schema", put("web.metadata.labels", {"a": 1}), "metadata.labels.a: expected a text, found 1"),
    (
        "unknown-api",
        put("web.apiVersion", "apps/v1beta1"),
        "Kubernetes 1.34 has no Deployment in apps/v1beta1",
    ),
    ("unknown-api", put("web.kind", "Deploymint"), "Kubernetes 1.34 has no Deploymint"),
    (
        "object-size",
        put("thing", an_object("x.io/v1", "Thing", "thing", spec={"a": "x" * 1_500_000})),
        "bytes, of which",
    ),
    ("refused", of_sops_with_a_key_that_none_may_have, "stringData"),
    ("refused", put("web.spec.replicas", -1), "spec.replicas: must be at least 0, found -1"),
    ("foreign-namespace", put("role.metadata.namespace", "data-dev"), "it goes to the namespace data-dev"),
    (
        "cluster-scoped",
        put("role", an_object("rbac.authorization.k8s.io/v1", "ClusterRole", "x", None, rules=[])),
        "whole cluster",
    ),
    (
        "unknown-scope",
        put("thing", an_object("x.io/v1", "Thing", "x", None)),
        "it names no namespace, and nobody says whether x.io/Thing has one",
    ),
    ("cluster-scoped", put("other", an_object("v1", "Namespace", "data-dev", None)), "whole cluster"),
    (
        "pod-host-namespaces",
        put(f"{SPEC}.hostNetwork", True),
        "spec.template.spec.hostNetwork must not be true",
    ),
    ("pod-host-process", put(f"{POD_CONTEXT}.windowsOptions", {"hostProcess": True}), "must not be true"),
    ("pod-privileged", put(f"{CONTEXT}.privileged", True), "containers[web].securityContext.privileged"),
    ("pod-privilege-escalation", drop(f"{CONTEXT}.allowPrivilegeEscalation"), "must be false"),
    ("pod-capabilities", put(f"{CONTEXT}.capabilities.drop", ["NET_RAW"]), "must name ALL"),
    ("pod-capabilities", put(f"{CONTEXT}.capabilities.add", ["SYS_ADMIN"]), "must not name SYS_ADMIN"),
    (
        "pod-capabilities",
        put(f"{SPEC}.initContainers", [container("i", securityContext={})]),
        "initContainers[i]",
    ),
    (
        "pod-volumes",
        put(f"{SPEC}.volumes", [{"name": "a", "hostPath": {"path": "/"}}]),
        "volumes[a] must not be of hostPath",
    ),
    (
        "pod-host-ports",
        put(f"{MAIN}.ports", [{"containerPort": 80, "hostPort": 80}]),
        "ports[80].hostPort must not be set",
    ),
    (
        "pod-probe-hosts",
        put(f"{MAIN}.livenessProbe", {"tcpSocket": {"host": "10.0.0.1", "port": 1}}),
        "tcpSocket.host",
    ),
    (
        "pod-probe-hosts",
        put(f"{MAIN}.lifecycle", {"preStop": {"httpGet": {"host": "x", "port": 1}}}),
        "preStop.httpGet.host",
    ),
    ("pod-app-armor", put(f"{POD_CONTEXT}.appArmorProfile", {"type": "Unconfined"}), "appArmorProfile.type"),
    (
        "pod-app-armor",
        put(
            "web.spec.template.metadata.annotations",
            {"container.apparmor.security.beta.kubernetes.io/web": "unconfined"},
        ),
        "annotations",
    ),
    ("pod-selinux", put(f"{CONTEXT}.seLinuxOptions", {"type": "spc_t"}), "seLinuxOptions.type"),
    ("pod-selinux", put(f"{CONTEXT}.seLinuxOptions", {"user": "u"}), "seLinuxOptions.user must not be set"),
    ("pod-proc-mount", put(f"{CONTEXT}.procMount", "Unmasked"), "procMount must be Default"),
    (
        "pod-seccomp",
        drop(f"{POD_CONTEXT}.seccompProfile"),
        "containers[web].securityContext.seccompProfile.type",
    ),
    ("pod-seccomp", put(f"{CONTEXT}.seccompProfile", {"type": "Unconfined"}), "must be RuntimeDefault"),
    (
        "pod-sysctls",
        put(f"{POD_CONTEXT}.sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
        "sysctls[kernel.msgmax]",
    ),
    ("pod-run-as-non-root", drop(f"{POD_CONTEXT}.runAsNonRoot"), "must be true, here or for the pod"),
    (
        "pod-run-as-non-root",
        put(f"{CONTEXT}.runAsNonRoot", False),
        "containers[web].securityContext.runAsNonRoot",
    ),
    ("pod-run-as-user", put(f"{POD_CONTEXT}.runAsUser", 0), "runAsUser must not be 0"),
    ("rbac-wildcard", put("role.rules.0.verbs", ["*"]), "rules[0].verbs has a wildcard"),
    ("rbac-wildcard", put("role.rules.0.resources", ["pods/*"]), "rules[0].resources has a wildcard"),
    ("rbac-escalation", put("role.rules.0.verbs", ["get", "escalate"]), "rules[0] allows to escalate"),
    ("rbac-escalation", put("role.rules.0.resources", ["rolebindings"]), "allows to write rolebindings"),
    *(
        (
            "rbac-escalation",
            put("binding.roleRef", {"kind": "ClusterRole", "name": name}),
            f"it binds the cluster's role {name}",
        )
        for name in ("system:aggregate-to-edit", "system:controller:namespace-controller")
    ),
    (
        "rbac-escalation",
        put(
            "binding.roleRef",
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
        ),
        "binds the cluster's role admin",
    ),
    ("rbac-stranger", put("binding.subjects.0.namespace", "data-dev"), "it lets data-dev/web in"),
    (
        "rbac-stranger",
        put(
            "binding.subjects.0",
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"},
        ),
        "it lets system:authenticated in",
    ),
    (
        "rbac-stranger",
        put("binding.subjects.0", {"kind": "Group", "name": "system:serviceaccounts:data-dev"}),
        "it lets system:serviceaccounts:data-dev in",
    ),
    (
        "rbac-stranger",
        put("binding.subjects.0", {"kind": "User", "name": "system:serviceaccount:data-dev:web"}),
        "it lets system:serviceaccount:data-dev:web in",
    ),
    ("argocd-steered", put("secret.metadata.name", "argocd-secret"), "Argo CD reads objects"),
    ("plain-secret", put("secret.data", {"password": "aHVudGVyMg=="}), "data holds password"),
    ("plain-secret", put("secret.stringData", {"token": "hunter2"}), "stringData holds token"),
    ("plain-secret", put("secret.stringData", {"token": "ENC[hunter2]"}), "stringData holds token"),
    ("plain-secret", put("secret.stringData", {"token": f"{SOPS} hunter2"}), "stringData holds token"),
    ("plain-secret", put("secret.data", {"token": "RU5DWyBodW50ZXIy"}), "data holds token"),
    (
        "plain-secret",
        put("secret.stringData", {"token": SOPS.replace("data:", "data:hunter2 ")}),
        "stringData holds token",
    ),
    (
        "plain-secret",
        put("secret.stringData", {"token": SOPS.replace("tag:", "tag:AAAA")}),
        "stringData holds token",
    ),
    ("image-unpinned", put(f"{MAIN}.image", "ghcr.io/acme/web"), "image: ghcr.io/acme/web names no version"),
    ("image-unpinned", put(f"{MAIN}.image", "web:latest"), "names no version"),
    ("image-unpinned", put(f"{MAIN}.image", "A B"), "'A B' is no image reference"),
    ("image-unpinned", drop(f"{MAIN}.image"), "'' is no image reference"),
    (
        "image-unpinned",
        put(f"{SPEC}.volumes", [{"name": "b", "image": {"reference": "evil.example.com/x"}}]),
        "volumes[b].image.reference: evil.example.com/x names no version",
    ),
    ("default-deny", drop("deny"), "no NetworkPolicy denies ingress"),
    ("default-deny", put("deny.spec.policyTypes", ["Ingress"]), "no NetworkPolicy denies egress"),
    ("default-deny", put("deny.metadata.annotations", {"helm.sh/hook": "test"}), "denies ingress"),
    ("default-deny", put("deny.metadata.annotations", {"argocd.argoproj.io/hook": "Skip"}), "denies ingress"),
    (
        "default-deny",
        put("deny.spec.podSelector", {"matchLabels": {"app": "web"}}),
        "no NetworkPolicy denies",
    ),
    (
        "default-deny",
        put("deny.spec.ingress", [{"ports": [{"port": 80}]}]),
        "no NetworkPolicy denies ingress",
    ),
    ("network-open", put("dns.spec.egress", [{}]), "spec.egress[0] allows everything"),
    *(
        ("network-open", put("dns.spec.egress", [rule]), "spec.egress[0] allows everything")
        for rule in (
            {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
            {"to": [{"ipBlock": {"cidr": "::/0"}}], "ports": [{"protocol": "TCP"}]},
            {"to": [{"podSelector": {}}, {"namespaceSelector": {}}]},
            {"ports": [{"port": 1, "endPort": 65535}]},
        )
    ),
    ("quota-exceeded", put("web.spec.replicas", 5), "pods: 6 asked for, 4 allowed"),
    ("quota-exceeded", put(f"{MAIN}.resources.requests.cpu", "1500m"), "cpu: 3.1 asked for, 2 allowed"),
    (
        "quota-exceeded",
        put(f"{MAIN}.resources", {"limits": {"memory": "3Gi", "cpu": "1m"}}),
        "memory: 6.12Gi asked for, 4Gi",
    ),
    ("quota-exceeded", put("database.spec.replicas", 3), "storage: 12.00Gi asked for, 10Gi allowed"),
    (
        "quota-exceeded",
        put(
            f"{SPEC}.initContainers", [container("i", resources={"requests": {"cpu": "2", "memory": "1Mi"}})]
        ),
        "cpu: 4.1 asked for",
    ),
    (
        "quota-exceeded",
        of_limits_that_are_counted(put(f"{MAIN}.resources.limits", {"memory": "2Gi"})),
        "limits of memory: 4.12Gi together, 4Gi allowed",
    ),
    (
        "limit-range-exceeded",
        of_a_range(put(f"{MAIN}.resources.limits", {"memory": "1025Mi"})),
        "container web has more memory than 1Gi",
    ),
    ("request-missing", drop(f"{MAIN}.resources"), "container web requests no cpu and no memory"),
    (
        "request-missing",
        put(f"{MAIN}.resources", {"requests": {"cpu": "1m"}}),
        "container web requests no memory",
    ),
    ("no-tests", drop("test"), "the chart has no test pod"),
    (
        "no-tests",
        put("test.metadata.annotations", {"helm.sh/hook": "test", "argocd.argoproj.io/hook": "Skip"}),
        "the chart has no test pod",
    ),
    ("test-without-end", drop("test.spec.restartPolicy"), "its restartPolicy is Always"),
    ("test-without-end", put("test.spec.restartPolicy", "Always"), "its restartPolicy is Always"),
]


def test_sound_manifests_break_no_rule() -> None:
    assert findings(sound()) == []


@pytest.mark.parametrize(
    ("rule", "change", "message"), BROKEN, ids=[f"{each[0]}-{each[2]}" for each in BROKEN]
)
def test_a_rule_finds_what_breaks_it(rule: str, change: Change, message: str) -> None:
    bodies = sound()
    change(bodies)
    found = [each for each in findings(bodies) if each.rule == rule]
    assert found
    assert message in found[0].message
    assert found[0].fix


SOUND: list[Change] = [
    put("dns.spec.egress", [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]}]),
    put("dns.spec.egress", [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]}]),
    put("dns.spec.egress", [{"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}}]}]),
    put(f"{SPEC}.volumes", [{"name": "a", "emptyDir": {}}, {"name": "b", "image": {"reference": "a:1"}}]),
    put(f"{SPEC}.volumes", [{"name": "a"}, {"name": "b", "emptyDir": None}]),
    put(f"{CONTEXT}.capabilities", {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
    put(f"{CONTEXT}.runAsUser", 1000),
    put(f"{POD_CONTEXT}.sysctls", [{"name": "net.ipv4.tcp_rmem", "value": "1"}]),
    put(f"{MAIN}.image", f"web@{DIGEST}"),
    put(f"{MAIN}.resources.requests.cpu", 0.5),
    put(f"{MAIN}.resources.requests.memory", "1Gi"),
    of_limits_that_are_counted(put(f"{MAIN}.resources.limits", {"memory": "1Gi"})),
    put(f"{MAIN}.resources.limits", {"memory": "64Gi"}),
    of_a_range(put(f"{MAIN}.resources.limits", {"memory": "1Gi"})),
    put(f"{MAIN}.livenessProbe", {"httpGet": {"port": "http", "path": "/"}}),
    put("secret.data", {"password": base64.b64encode(SOPS.encode()).decode(), "token": SOPS}),
    put("secret.stringData", {"password": SOPS.replace("type:str", "type:int")}),
    put("secret.data", {}),
    put("thing", an_object("x.io/v1", "Thing", "thing", spec={"anything": ["goes"]})),
    put(
        "range",
        an_object(
            "v1",
            "LimitRange",
            "range",
            spec={"limits": [{"type": "Container", "default": {"cpu": "1m", "memory": "1Mi"}}]},
        ),
    ),
    put(
        "job",
        an_object(
            "batch/v1",
            "CronJob",
            "job",
            spec={
                "schedule": "@daily",
                "jobTemplate": {
                    "spec": {
                        "template": {
                            "spec": pod(
                                container("j", resources={"requests": {"cpu": "2", "memory": "4Gi"}}),
                                restartPolicy="Never",
                            )
                        }
                    }
                },
            },
        ),
    ),
]


@pytest.mark.parametrize("change", SOUND)
def test_what_is_allowed_breaks_no_rule(change: Change) -> None:
    bodies = sound()
    change(bodies)
    assert findings(bodies) == []


def test_a_limit_range_gives_the_requests_that_containers_lack() -> None:
    bodies = sound()
    drop(f"{MAIN}.resources")(bodies)
    limits = [
        {"type": "Container", "defaultRequest": {"cpu": "1500m", "memory": "1Mi"}, "default": {"cpu": "2"}}
    ]
    bodies["range"] = an_object("v1", "LimitRange", "range", spec={"limits": limits})
    assert [each.message.split(".")[0] for each in findings(bodies)] == ["cpu: 3"]


def test_pods_of_windows_and_with_users_of_their_own_need_less() -> None:
    bodies = sound()
    at(bodies, SPEC).update(os={"name": "windows"})
    at(bodies, SPEC)["securityContext"] = {"runAsNonRoot": True}
    at(bodies, MAIN)["securityContext"] = {}
    assert findings(bodies) == []
    bodies = sound()
    at(bodies, SPEC)["hostUsers"] = False
    at(bodies, POD_CONTEXT)["runAsUser"] = 0
    assert findings(bodies, "1.35") == []
    assert [each.rule for each in findings(bodies, "1.34")] == ["pod-run-as-user"]


def test_an_api_that_the_next_version_removes_is_a_warning() -> None:
    bodies = sound()
    bodies["schema"] = an_object(
        "flowcontrol.apiserver.k8s.io/v1beta3",
        "FlowSchema",
        "x",
        None,
        spec={"priorityLevelConfiguration": {"name": "x"}},
    )
    found = [each for each in findings(bodies, "1.31") if each.rule == "removed-api"]
    assert [each.severity for each in found] == ["warning"]
    assert (
        "Kubernetes 1.32 has no FlowSchema in flowcontrol.apiserver.k8s.io/v1beta3 any more"
        in found[0].message
    )
    (gone,) = (each for each in findings(bodies, "1.32") if each.rule == "unknown-api")
    assert gone.fix == "use apiVersion flowcontrol.apiserver.k8s.io/v1"


def test_a_misspelt_field_is_told_with_the_nearest_known_one() -> None:
    bodies = sound()
    at(bodies, MAIN)["imagePullPolic"] = "Always"
    (finding,) = findings(bodies)
    assert finding.fix == "did you mean imagePullPolicy?"
    assert str(finding.object) == "Deployment ml-dev/web"


@pytest.mark.parametrize(
    ("registries", "found"),
    [
        ((), []),
        (("ghcr.io",), []),
        (("docker.io", "ghcr.io/acme/"), []),
        (("ghcr.io/acm", "docker.io"), ["image-registry"] * 3),
    ],
)
def test_images_come_from_the_registries_that_the_policy_names(
    registries: tuple[str, ...], found: list[str]
) -> None:
    ours = deployment()
    policy = ours.environment.policy.model_copy(update={"registries": registries})
    environment = ours.environment.model_copy(update={"policy": policy})
    manifests = Manifests(tuple(map(Object, sound().values())))
    assert [
        each.rule for each in check(manifests, Deployment(environment, ours.tenant, "ml-dev", "https://main"))
    ] == found


def test_so_do_those_that_are_mounted_as_volumes() -> None:
    ours, bodies = deployment(), sound()
    put(f"{SPEC}.volumes", [{"name": "b", "image": {"reference": "evil.example.com/x:1"}}])(bodies)
    policy = ours.environment.policy.model_copy(update={"registries": ("ghcr.io", "docker.io")})
    environment = ours.environment.model_copy(update={"policy": policy})
    found = check(
        Manifests(tuple(map(Object, bodies.values()))),
        Deployment(environment, ours.tenant, "ml-dev", "https://main"),
    )
    assert [each.rule for each in found] == ["image-registry"]


def test_a_kind_that_the_policy_lists_may_belong_to_the_whole_cluster() -> None:
    bodies = sound()
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        bodies[kind] = an_object("rbac.authorization.k8s.io/v1", kind, "x", None)
    bodies["ClusterRoleBinding"]["roleRef"] = {"kind": "ClusterRole", "name": "x"}
    manifests = Manifests(tuple(map(Object, bodies.values())))
    ours = deployment()
    policy = ours.environment.policy.model_copy(
        update={"cluster_scoped": ("rbac.authorization.k8s.io/ClusterRole",)}
    )
    environment = ours.environment.model_copy(update={"policy": policy})
    found = check(manifests, Deployment(environment, ours.tenant, "ml-dev", "https://main"))
    assert [str(each.object) for each in found if each.rule == "cluster-scoped"] == ["ClusterRoleBinding x"]


def excepting(**exception: Any) -> Deployment:
    given = {"rule": "no-tests", "reason": "a batch tenant", "expires": "2026-06-01T00:00:00Z", **exception}
    ours = deployment()
    tenant = ours.tenant.model_copy(update={"exceptions": (CheckException.model_validate(given),)})
    return Deployment(ours.environment, tenant, ours.namespace, ours.server)


def secret_in_git() -> Manifests:
    bodies = sound()
    bodies["secret"]["data"] = {"password": "aHVudGVyMg=="}
    return Manifests(tuple(map(Object, bodies.values())))


BEFORE, AFTER = datetime(2026, 5, 31, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("exception", "now", "severity"),
    [
        ({"rule": "plain-secret"}, BEFORE, "warning"),
        ({"rule": "plain-secret", "object": "Secret/secret"}, BEFORE, "warning"),
        ({"rule": "plain-secret", "object": "Secret/other"}, BEFORE, "error"),
        ({"rule": "image-unpinned"}, BEFORE, "error"),
        ({"rule": "plain-secret"}, AFTER, "error"),
    ],
)
def test_an_exception_makes_a_warning_of_its_rule_and_object_until_it_expires(
    exception: dict[str, str], now: datetime, severity: str
) -> None:
    (finding,) = check(secret_in_git(), excepting(**exception), now=now)
    assert (finding.rule, finding.severity) == ("plain-secret", severity)


def under(severity: Verdict, ours: Deployment) -> Deployment:
    checks = {"no-tests": RuleOverride(severity=severity, reason="all are tested")}
    policy = ours.environment.policy.model_copy(update={"checks": checks})
    environment = ours.environment.model_copy(update={"policy": policy})
    return Deployment(environment, ours.tenant, ours.namespace, ours.server)


@pytest.mark.parametrize(
    ("severity", "excepted"), [(Verdict.NEEDS_APPROVAL, "warning"), (Verdict.BLOCKED, "error")]
)
def test_a_policy_makes_an_error_of_a_warning_and_an_exception_a_warning_again_unless_it_is_blocked(
    severity: Verdict, excepted: str
) -> None:
    untested = Manifests(Object(body) for name, body in sound().items() if name != "test")
    ours = excepting(rule="plain-secret")

    def found(ours: Deployment) -> list[tuple[str, str]]:
        return [(each.rule, each.severity) for each in check(untested, ours, now=BEFORE)]

    assert found(ours) == found(under(Verdict.SAFE, ours)) == [("no-tests", "warning")]
    assert found(under(severity, ours)) == [("no-tests", "error")]
    assert found(under(severity, excepting(rule="no-tests"))) == [("no-tests", excepted)]


def test_an_exception_is_told_with_its_reason_and_when_it_ran_out() -> None:
    (finding,) = check(secret_in_git(), excepting(rule="plain-secret"), now=BEFORE)
    assert finding.message.endswith("Excepted until 2026-06-01 00:00 UTC: a batch tenant")
    (finding,) = check(secret_in_git(), excepting(rule="plain-secret"), now=AFTER)
    assert finding.fix.endswith("; the exception for it ran out on 2026-06-01 00:00 UTC")


def test_an_exception_from_no_check_is_told_with_the_nearest_one() -> None:
    found = check(
        Manifests(tuple(map(Object, sound().values()))), excepting(rule="plain-secrets"), now=BEFORE
    )
    assert [(each.rule, each.severity, each.fix) for each in found] == [
        ("exception-unknown", "warning", "did you mean plain-secret?")
    ]


@pytest.mark.parametrize(
    "change",
    [
        put("secret.data", {"password": 31415926}),
        put("secret.stringData", {"a": {"password": "31415926"}}),
        put(f"{MAIN}.env", [{"name": "PASSWORD", "value": 31415926}]),
    ],
)
def test_no_finding_tells_a_secret(change: Change) -> None:
    bodies = sound()
    change(bodies)
    found = [each for each in findings(bodies) if each.rule == "schema"]
    assert found
    assert not any("31415926" in str(each) for each in found)


CRD = an_object(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "things.x.io",
    None,
    spec={
        "group": "x.io",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["size"],
                                "properties": {
                                    "size": {"type": "integer", "minimum": 1},
                                    "port": {"x-kubernetes-int-or-string": True},
                                    "note": {"type": "string", "nullable": True, "pattern": "^[a-z]+$"},
                                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                                },
                            }
                        },
                    }
                },
            },
            {"name": "v0", "served": False, "storage": False},
        ],
    },
)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"size": 1, "port": "http", "note": None, "free": {"a": 1}, "labels": {"a": "b"}}, None),
        ({"size": 1, "port": 80}, None),
        ({"size": "1"}, "spec.size: expected a whole number"),
        ({}, "spec.size: required"),
        ({"size": 0}, "spec.size"),
        ({"size": 1, "szie": 1}, "spec.szie: there is no such field"),
        ({"size": 1, "note": "A"}, "spec.note"),
        ({"size": 1, "labels": {"a": 1}}, "spec.labels.a: expected a text"),
    ],
)
def test_a_custom_object_is_held_against_the_crd_beside_it(spec: dict[str, Any], message: str | None) -> None:
    bodies = {**sound(), "crd": CRD, "thing": an_object("x.io/v1", "Thing", "thing", spec=spec)}
    found = [each for each in findings(bodies) if each.rule == "schema"]
    assert [each.message.startswith(str(message)) for each in found] == ([True] if message else [])


def test_a_version_that_a_crd_does_not_serve_is_unknown() -> None:
    bodies = {**sound(), "crd": CRD, "thing": an_object("x.io/v0", "Thing", "thing")}
    (finding,) = (each for each in findings(bodies) if each.rule == "unknown-api")
    assert finding.fix == "use apiVersion x.io/v1"


@pytest.mark.parametrize(
    "schema", [{"properties": {"a": {"pattern": "("}}}, {"type": "nonsense"}, {"not": {"$ref": "http://x/"}}]
)
def test_a_schema_that_is_none_is_told_and_nothing_is_fetched_for_it(schema: dict[str, Any]) -> None:
    bodies = {"crd": copy.deepcopy(CRD), "thing": an_object("x.io/v1", "Thing", "thing")}
    put("crd.spec.versions.0.schema.openAPIV3Schema", schema)(bodies)
    assert any("its schema of v1 is none" in each.message for each in findings(bodies))


def test_every_rule_is_tried() -> None:
    assert {rule.id for rule in MANIFEST_CHECKS} == {rule for rule, _, _ in BROKEN} | {
        "removed-api",
        "image-registry",
        "shared-namespace",
    }


def test_every_check_has_an_id_of_its_own_and_tells_why_and_what_to_do() -> None:
    assert len({each.id for each in CHECKS}) == len(CHECKS)
    for each in CHECKS:
        assert each.reason.endswith(".")
        assert each.fix


@pytest.mark.parametrize("junk", [None, 3, "x", [], {}, [None], {"a": None}])
@pytest.mark.parametrize(
    "path",
    [
        "web.spec",
        "web.spec.template",
        SPEC,
        f"{SPEC}.containers",
        f"{MAIN}.securityContext",
        f"{MAIN}.resources",
        "role.rules",
        "binding.subjects",
        "deny.spec",
        "secret.data",
        "database.spec.volumeClaimTemplates",
        "web.metadata.annotations",
    ],
)
def test_nonsense_is_found_and_stops_nothing(path: str, junk: Any) -> None:
    bodies = sound()
    put(path, junk)(bodies)
    findings(bodies)


def test_a_namespace_that_is_shared_is_told_and_a_keeper_is_held_to_its_default_denial() -> None:
    """What the keeper brings for all is not missed in the others."""
    bare = Manifests([Object(an_object("v1", "ConfigMap", "x"))])

    def broken(kept_by: str | None, *, shared: bool = False, keeper: bool = False) -> set[str]:
        one = deployment()
        namespace = TenantNamespace(shared=shared, keeper=keeper)
        tenant = one.tenant.model_copy(update={"namespace": namespace})
        return {each.rule for each in check(bare, replace(one, tenant=tenant, kept_by=kept_by))}

    assert "shared-namespace" not in broken(None)
    assert {"shared-namespace", "default-deny"} <= broken(None, shared=True)
    assert {"shared-namespace", "default-deny"} <= broken("ml", shared=True, keeper=True)
    assert "default-deny" not in broken("other", shared=True)
