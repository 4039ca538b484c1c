"""Tenants where what is applied is enforced: what is meant to work does, and nothing else is reached."""

import json
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError

import pytest
from kubernetes.client import AuthenticationV1TokenRequest, CoreV1Api, V1TokenRequestSpec
from production import NAMESPACE, Production
from rig.node import ADDRESS, NAMES

RIVAL = "rival-dev"
OURS = "shop-dev"
REACHES = """
import json, socket
def reached(host, port):
    try:
        socket.create_connection((host, port), timeout=3).close()
        return True
    except OSError:
        return False
print(json.dumps({{name: reached(*to) for name, to in {targets!r}.items()}}))
"""
Target = tuple[str, int]


@pytest.fixture(scope="module")
def targets(production: Production) -> dict[str, Target]:
    """What a pod of a tenant has no business with, and what listens there."""
    production.until(lambda: production.page("dev", "rival") == "one", "the other tenant is live")
    found: dict[str, Target] = {
        "the API server": (ADDRESS, _port(production.k8s.server)),
        "the API server's Service": ("10.0.0.1", 443),
        "the kubelet": (ADDRESS, 10250),
        "the database": (ADDRESS, production.database.port),
        "the forge": (ADDRESS, _port(production.forge.url)),
        "the board": (ADDRESS, _port(production.door)),
    }
    with production.k8s.client() as connection:
        core = CoreV1Api(connection)
        service = core.read_namespaced_service("shop", OURS)
        found["another tenant's Service"] = (service.spec.cluster_ip, 80)
        found["another tenant's pod"] = (_pod(core, OURS, "app=shop"), 8080)
        found["the same tenant's pod in production"] = (_pod(core, "shop-production", "app=shop"), 8080)
        for component, port in (("code-location", 3030), ("door", 3000), ("door", 9464)):
            selector = f"app.kubernetes.io/component={component}"
            found[f"the {component}, port {port}"] = (_pod(core, NAMESPACE, selector), port)
    return found


def test_nothing_listens_in_vain(targets: dict[str, Target]) -> None:
    """Else it would be no wonder that nobody reaches it: the node itself may."""
    assert {name for name, target in targets.items() if not _reaches(target)} == set()


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"app": "shop"},
        {"app.kubernetes.io/name": "deploy-orchestrator", "app.kubernetes.io/component": "daemon"},
    ],
    ids=["its own", "another tenant's", "the orchestrator's"],
)
def test_a_tenants_pod_reaches_nobody_whatever_labels_it_has(
    production: Production, targets: dict[str, Target], labels: dict[str, str]
) -> None:
    said = production.run(RIVAL, REACHES.format(targets=targets), labels)
    assert {name for name, reached in json.loads(said).items() if reached} == set()


def test_a_tenants_pod_reaches_its_own_by_name(production: Production) -> None:
    own = {"Service": ("shop", 80), "whole name": (f"shop.{RIVAL}.svc.cluster.local", 80), "DNS": (NAMES, 53)}
    said = production.run(RIVAL, REACHES.format(targets=own))
    assert json.loads(said) == dict.fromkeys(own, True)


@dataclass(frozen=True)
class Asked:
    """Of the API server, by somebody of the tenant; `body` is sent as it is where there is one."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _named(kind: str, version: str = "v1", **content: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "taken"}, **content}


RBAC = "rbac.authorization.k8s.io"
ADMIN = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
ME = [{"kind": "ServiceAccount", "name": "default", "namespace": RIVAL}]
CONTAINER = {"name": "c", "image": "x", "securityContext": {"privileged": True}}
DENIED = [
    *(
        Asked("GET", f"/api/v1/namespaces/{each}/secrets")
        for each in (RIVAL, OURS, NAMESPACE, "argocd", "kube-system")
    ),
    *(Asked("GET", f"/api/v1/namespaces/{each}/pods") for each in (OURS, NAMESPACE, "kube-system")),
    Asked("GET", f"/api/v1/namespaces/{OURS}/configmaps"),
    Asked("GET", "/api/v1/namespaces"),
    Asked("GET", "/api/v1/nodes"),
    Asked("GET", "/api/v1/nodes/real/proxy/pods"),
    Asked("GET", "/api/v1/persistentvolumes"),
    Asked("GET", "/metrics"),
    Asked("GET", "/logs/"),
    *(
        Asked("POST", f"/api/v1/namespaces/{each}/pods", _named("Pod", spec={"containers": [CONTAINER]}))
        for each in (RIVAL, OURS)
    ),
    *(
        Asked("POST", f"/api/v1/namespaces/{each}/pods/shop/exec?command=id&stdout=1")
        for each in (RIVAL, OURS)
    ),
    Asked("POST", f"/api/v1/namespaces/{RIVAL}/pods/shop/portforward?ports=80"),
    Asked("PATCH", f"/api/v1/namespaces/{RIVAL}/pods/shop/ephemeralcontainers", {"spec": {}}),
    *(
        Asked("POST", f"/api/v1/namespaces/{each}/serviceaccounts/default/token", {"spec": {}})
        for each in (RIVAL, NAMESPACE, "argocd")
    ),
    Asked(
        "PATCH",
        f"/api/v1/namespaces/{RIVAL}",
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}},
    ),
    Asked("PUT", f"/api/v1/namespaces/{RIVAL}/finalize", _named("Namespace")),
    Asked("POST", "/api/v1/namespaces", _named("Namespace")),
    Asked("DELETE", f"/api/v1/namespaces/{RIVAL}/resourcequotas/quota"),
    Asked("DELETE", f"/api/v1/namespaces/{RIVAL}/limitranges/limits"),
    Asked("DELETE", f"/apis/networking.k8s.io/v1/namespaces/{RIVAL}/networkpolicies/default-deny"),
    Asked(
        "POST",
        f"/apis/networking.k8s.io/v1/namespaces/{RIVAL}/networkpolicies",
        _named("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}}),
    ),
    Asked(
        "POST",
        f"/apis/networking.k8s.io/v1/namespaces/{RIVAL}/ingresses",
        _named("Ingress", "networking.k8s.io/v1", spec={}),
    ),
    Asked(
        "POST",
        f"/apis/{RBAC}/v1/namespaces/{RIVAL}/rolebindings",
        _named("RoleBinding", f"{RBAC}/v1", roleRef=ADMIN, subjects=ME),
    ),
    Asked(
        "POST",
        f"/apis/{RBAC}/v1/clusterrolebindings",
        _named("ClusterRoleBinding", f"{RBAC}/v1", roleRef=ADMIN, subjects=ME),
    ),
    Asked("POST", f"/apis/{RBAC}/v1/namespaces/{RIVAL}/roles", _named("Role", f"{RBAC}/v1", rules=[])),
    Asked(
        "POST",
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        _named("MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1"),
    ),
    Asked(
        "POST",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        _named("CustomResourceDefinition", "apiextensions.k8s.io/v1"),
    ),
    Asked(
        "POST",
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        _named("PriorityClass", "scheduling.k8s.io/v1", value=1),
    ),
    Asked(
        "POST",
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        _named("CertificateSigningRequest", "certificates.k8s.io/v1"),
    ),
    *(
        Asked(method, f"/apis/argoproj.io/v1alpha1/namespaces/argocd/{path}", body)
        for method, path, body in (
            ("GET", "applications", None),
            ("GET", "appprojects", None),
            ("POST", "applications", _named("Application", "argoproj.io/v1alpha1", spec={})),
            ("PATCH", "appprojects/default", {"spec": {}}),
        )
    ),
]


@pytest.fixture(scope="module")
def account(production: Production) -> dict[str, str]:
    """What a pod of the tenant has of its ServiceAccount."""
    spec = V1TokenRequestSpec(audiences=[], expiration_seconds=3600)
    with production.k8s.client() as connection:
        token = CoreV1Api(connection).create_namespaced_service_account_token(
            "default", RIVAL, AuthenticationV1TokenRequest(spec=spec)
        )
    return {"Authorization": f"Bearer {token.status.token}"}


@pytest.fixture(scope="module")
def owner(production: Production) -> dict[str, str]:
    """Of the people who own the tenant; the administrator speaks as one of them."""
    token, _ = production.k8s.credentials
    return {
        "Authorization": f"Bearer {token}",
        "Impersonate-User": "mallory@example.com",
        "Impersonate-Group": "rival-owners",
    }


@pytest.mark.parametrize("asked", DENIED, ids=str)
@pytest.mark.parametrize("who", ["account", "owner"])
def test_who_is_of_a_tenant_may_not(
    production: Production, request: pytest.FixtureRequest, who: str, asked: Asked
) -> None:
    assert _status(production, request.getfixturevalue(who), asked) == 403


def test_an_account_speaks_for_nobody_else(production: Production, account: dict[str, str]) -> None:
    asked = Asked("GET", f"/api/v1/namespaces/{RIVAL}/pods")
    for other in ("system:masters", "shop-owners"):
        claimed = {**account, "Impersonate-User": "x", "Impersonate-Group": other}
        assert _status(production, claimed, asked) == 403


@pytest.mark.parametrize("kind", ["pods", "events", "configmaps", "services"])
def test_an_owner_looks_at_what_is_theirs(production: Production, owner: dict[str, str], kind: str) -> None:
    assert _status(production, owner, Asked("GET", f"/api/v1/namespaces/{RIVAL}/{kind}")) == 200


def test_the_kubelet_answers_nobody_of_a_tenant(account: dict[str, str]) -> None:
    trusting = ssl._create_unverified_context()
    for headers, status in (({}, 401), (account, 403)):
        request = urllib.request.Request(f"https://{ADDRESS}:10250/pods", headers=headers)
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10, context=trusting)
        assert refused.value.code == status


def _pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Pods that somebody who writes a tenant's chart may ask for, by what is wrong with them."""
    for name, pod in {
        "of the host's network": {"hostNetwork": True},
        "of the host's processes": {"hostPID": True},
        "of the host's memory": {"hostIPC": True},
        "with a folder of the host": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
        "as root": {"securityContext": {"runAsUser": 0}},
        "without seccomp": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    }.items():
        yield name, pod
    for name, secured in {
        "privileged": {"privileged": True, "allowPrivilegeEscalation": True},
        "that becomes root": {"allowPrivilegeEscalation": True},
        "with a capability": {"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}},
    }.items():
        yield name, {"containers": [{"securityContext": secured}]}
    yield "on a port of the host", {"containers": [{"ports": [{"containerPort": 80, "hostPort": 80}]}]}
    yield "larger than the quota", {"containers": [{"resources": {"limits": {"memory": "64Gi"}}}]}


@pytest.mark.parametrize(("wrong", "pod"), [*_pods()], ids=lambda each: each if isinstance(each, str) else "")
def test_no_pod_runs_in_a_tenants_namespace_that_is(
    production: Production, wrong: str, pod: dict[str, Any]
) -> None:
    """By whoever deploys for it: the administrator."""
    token, _ = production.k8s.credentials
    container = {
        "name": "c",
        "image": "x",
        **pod.get("containers", [{}])[0],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            **pod.get("containers", [{}])[0].get("securityContext", {}),
        },
    }
    secured = {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
        **pod.get("securityContext", {}),
    }
    spec = {**pod, "containers": [container], "securityContext": secured}
    asked = Asked("POST", f"/api/v1/namespaces/{RIVAL}/pods?dryRun=All", _named("Pod", spec=spec))
    assert _status(production, {"Authorization": f"Bearer {token}"}, asked) == 403


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_no_service_goes_around_the_ingress(production: Production, kind: str) -> None:
    token, _ = production.k8s.credentials
    service = _named("Service", spec={"type": kind, "ports": [{"port": 80}]})
    asked = Asked("POST", f"/api/v1/namespaces/{RIVAL}/services?dryRun=All", service)
    assert _status(production, {"Authorization": f"Bearer {token}"}, asked) == 403


def _status(production: Production, headers: Mapping[str, str], asked: Asked) -> int:
    _, certificate = production.k8s.credentials
    kind = "application/merge-patch+json" if asked.method == "PATCH" else "application/json"
    body = None if asked.body is None else json.dumps(asked.body).encode()
    request = urllib.request.Request(
        production.k8s.server + asked.path, body, {**headers, "Content-Type": kind}, method=asked.method
    )
    context = ssl.create_default_context(cafile=certificate)
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def _pod(core: CoreV1Api, namespace: str, selector: str) -> str:
    (pod,) = core.list_namespaced_pod(
        namespace, label_selector=selector, field_selector="status.phase=Running"
    ).items
    return pod.status.pod_ip


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _reaches(target: Target) -> bool:
    try:
        socket.create_connection(target, timeout=5).close()
    except OSError:
        return False
    return True
