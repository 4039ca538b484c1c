"""A new object that reaches others than its tenant is never safe, with a first release or later."""

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.fleet import Policy
from deploy_orchestrator.manifests import ChartUsed, Manifests, Object
from deploy_orchestrator.risk import Change, Verdict, judge
from tests.risk.conftest import BASE, edited, planned

Body = Mapping[str, Any]

NOTHING: Final[Body] = MappingProxyType({})
NAMESPACE = "analytics-production"
HARDENED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
READS_NEW: Final = [{"secretRef": {"name": "new"}}]
NGINX: Final = "nginx.ingress.kubernetes.io"
VIEW: Final = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
OWN = [copy.deepcopy(each) for each in BASE if each["kind"] in {"Namespace", "Deployment", "Service"}]
"""What a first release may bring."""


def made(
    kind: str, api: str = "v1", *, labels: Body = NOTHING, annotations: Body = NOTHING, **more: Any
) -> Body:
    metadata = {"name": "new", "namespace": NAMESPACE, "labels": {**labels}, "annotations": {**annotations}}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **more}


def pods(spec: Body = NOTHING, **container: Any) -> Body:
    """A new Deployment that takes part in nothing, but for what is asked for."""
    runs = {"name": "new", "image": "ghcr.io/acme/new:1.0.0", "securityContext": HARDENED, **container}
    whole = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [runs],
        **spec,
    }
    template = {"metadata": {"labels": {"app": "new"}}, "spec": whole}
    selector = {"matchLabels": {"app": "new"}}
    return made("Deployment", "apps/v1", spec={"replicas": 1, "selector": selector, "template": template})


ALWAYS: Final = "requiredDuringSchedulingIgnoredDuringExecution"
BEST: Final = "preferredDuringSchedulingIgnoredDuringExecution"
OF_ALL: Final[Body] = MappingProxyType({"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {}})


def with_pods(annotations: Body) -> Body:
    """As `pods`, whose pods have these annotations."""
    made = copy.deepcopy(dict(pods()))
    made["spec"]["template"]["metadata"]["annotations"] = dict(annotations)
    return made


def certificate(**spec: Any) -> Body:
    whole = {"secretName": "new", "issuerRef": {"kind": "ClusterIssuer", "name": "own"}, **spec}
    return made("Certificate", "cert-manager.io/v1", spec=whole)


def claim(**spec: Any) -> Body:
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return made("PersistentVolumeClaim", spec={**size, **spec})


def monitor(endpoint: Body = NOTHING, **spec: Any) -> Body:
    asked = {"selector": {"matchLabels": {"app": "new"}}, "endpoints": [{"port": "http", **endpoint}]}
    return made("ServiceMonitor", "monitoring.coreos.com/v1", spec={**asked, **spec})


def fetched(store: str = "SecretStore", **target: Any) -> Body:
    spec = {
        "secretStoreRef": {"kind": store, "name": "vault"},
        "target": target,
        "data": [{"secretKey": "password", "remoteRef": {"key": "db"}}],
    }
    return made("ExternalSecret", "external-secrets.io/v1", spec=spec)


def alert(**labels: str) -> Body:
    rule = {"alert": "InfoInhibitor", "expr": "vector(1)", "labels": labels}
    return made(
        "PrometheusRule", "monitoring.coreos.com/v1", spec={"groups": [{"name": "g", "rules": [rule]}]}
    )


def rules(labels: Body = NOTHING, expr: str = "vector(1)", **group: Any) -> Body:
    """A group of one alert, whose labels are the group's."""
    asked = {"name": "g", "labels": {**labels}, "rules": [{"alert": "InfoInhibitor", "expr": expr}], **group}
    return made("PrometheusRule", "monitoring.coreos.com/v1", spec={"groups": [asked]})


def role(group: str, resource: str, *verbs: str) -> Body:
    rules = [{"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}]
    return made("Role", "rbac.authorization.k8s.io/v1", rules=rules)


def of_all(kind: str, name: str, **more: Any) -> Body:
    metadata = {"name": name}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, **more}


def entrance(path: str = "/", annotations: Body = NOTHING, **spec: Any) -> Body:
    backend = {"service": {"name": "new", "port": {"number": 80}}}
    paths = [{"path": path, "pathType": "ImplementationSpecific", "backend": backend}]
    rules = [{"host": "own.example.com", "http": {"paths": paths}}]
    return made("Ingress", "networking.k8s.io/v1", annotations=annotations, spec={"rules": rules, **spec})


def route(kind: str = "HTTPRoute", *hosts: str) -> Body:
    spec = {"parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": list(hosts)}
    return made(kind, "gateway.networking.k8s.io/v1", spec=spec)


def bound(subject: Body) -> Body:
    return made(
        "RoleBinding",
        "rbac.authorization.k8s.io/v1",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "web"},
        subjects=[dict(subject)],
    )


def added(*new: Body, before: Body | None = None) -> Verdict:
    old = [*edited(BASE, {}), *([before] if before else [])]
    return planned(old, [*old, *new], {}).verdict


def first(*new: Body) -> Verdict:
    return planned(None, [*copy.deepcopy(OWN), *new], {}).verdict


@pytest.mark.parametrize(
    "new",
    [
        pods(),
        claim(),
        monitor(),
        monitor(jobLabel="app", targetLabels=["team"], sampleLimit=1000),
        fetched(),
        alert(severity="page", team="payments"),
        made("ConfigMap", data={"a": "b"}, labels={"app": "new", "helm.sh/chart": "new-1.0.0"}),
        made("ConfigMap", data={"a.json": "{}"}, labels={"grafana_dashboard": "1"}),
        made("Service", spec={"selector": {"app": "new"}, "ports": [{"port": 80}]}),
    ],
    ids=lambda new: new["kind"],
)
def test_what_is_known_to_reach_nobody_is_safe(new: Body) -> None:
    assert (added(new), first(new)) == (Verdict.SAFE, Verdict.SAFE)


@pytest.mark.parametrize(
    "new",
    [
        pods({"priorityClassName": "system-cluster-critical"}),
        claim(volumeName="pv-of-another", storageClassName=""),
        claim(dataSource={"kind": "PersistentVolumeClaim", "name": "data-postgresql-0"}),
        claim(dataSourceRef={"kind": "VolumeSnapshot", "name": "data", "namespace": "others"}),
        monitor(namespaceSelector={"any": True}),
        monitor(namespaceSelector={"matchNames": ["others"]}),
        monitor({"bearerTokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}),
        monitor({"honorLabels": True}),
        pods({"nodeName": "control-plane-1"}),
        pods({"affinity": {"podAntiAffinity": {ALWAYS: [{**OF_ALL, "namespaceSelector": {}}]}}}),
        pods({"affinity": {"podAntiAffinity": {ALWAYS: [{**OF_ALL, "namespaces": ["others"]}]}}}),
        pods(
            {"affinity": {"podAffinity": {BEST: [{"podAffinityTerm": {**OF_ALL, "namespaces": ["others"]}}]}}}
        ),
        pods({"volumes": [{"name": "d", "nfs": {"server": "10.0.0.1", "path": "/"}}]}),
        pods({"volumes": [{"name": "d", "csi": {"driver": "nfs.csi.k8s.io"}}]}),
        pods({"resourceClaims": [{"name": "d", "resourceClaimName": "of-another"}]}),
        pods({"somethingNew": True}),
        with_pods({"iam.amazonaws.com/role": "admin"}),
        with_pods({"k8s.v1.cni.cncf.io/networks": "others/network"}),
        claim(selector={"matchLabels": {"of": "another"}}, storageClassName=""),
        made("Service", spec={"clusterIP": "10.96.0.10", "ports": [{"port": 53}]}),
        certificate(uris=["spiffe://cluster.local/ns/others/sa/admin"]),
        certificate(isCA=True),
        certificate(usages=["client auth"]),
        certificate(subject={"organizations": ["system:masters"]}),
        certificate(secretTemplate={"annotations": {"replicator.v1.mittwald.de/replicate-to": "others"}}),
        made(
            "Ingress",
            "networking.k8s.io/v1",
            spec={"rules": [{"host": "new.example.com"}]},
            annotations={"cert-manager.io/uri-sans": "spiffe://cluster.local/ns/others/sa/admin"},
        ),
        made(
            "PrometheusRule",
            "monitoring.coreos.com/v1",
            spec={"groups": [{"name": "g", "rules": [{"record": "up", "expr": "1"}]}]},
        ),
        alert(namespace="payments"),
        alert(job="kube-state-metrics"),
        fetched(manifest={"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}),
        made(
            "SealedSecret",
            "bitnami.com/v1alpha1",
            spec={"encryptedData": {}, "template": {"metadata": {"labels": {"grafana_datasource": "1"}}}},
        ),
        fetched(template={"metadata": {"labels": {"grafana_datasource": "1"}}}),
        pods({"tolerations": [{"operator": "Exists"}]}),
        pods(
            {
                "volumes": [
                    {
                        "name": "d",
                        "ephemeral": {
                            "volumeClaimTemplate": {"spec": {"dataSource": {"name": "data-postgresql-0"}}}
                        },
                    }
                ]
            }
        ),
        {
            **pods(),
            "kind": "StatefulSet",
            "spec": {**pods()["spec"], "volumeClaimTemplates": [claim(volumeName="pv-of-another")]},
        },
        certificate(dnsNames=["*.example.com"]),
        certificate(dnsNames=["payments.others"]),
        certificate(dnsNames=["payments.others.svc."]),
        certificate(commonName="system:node:worker-1"),
        certificate(commonName="admin@example.com"),
        rules({"namespace": "others"}),
        rules(partial_response_strategy="warn"),
        rules(interval="1s"),
        rules(expr='label_replace(vector(1), "namespace", "others", "", "")'),
        fetched(template={"templateFrom": [{"target": "Annotations", "literal": "replicate-to: others"}]}),
        pods({"runtimeClassName": "for-control-planes"}),
        pods({"resources": {"limits": {"hugepages-2Mi": "1Gi"}}}),
        certificate(commonName="*.Example.com"),
        certificate(dnsNames=["api.others.svc.cluster.local"]),
        certificate(dnsNames=["*.others.svc"]),
        monitor(targetLabels=["namespace"]),
        monitor(podTargetLabels=["job"]),
        monitor(scrapeClass="with-the-password-of-others"),
        of_all("ClusterRole", "view", rules=[]),
        of_all("ClusterRoleBinding", "system:discovery", roleRef=VIEW),
        fetched("ClusterSecretStore"),
        fetched(creationPolicy="Merge"),
        made("ConfigMap", data={"a": "b"}, labels={"grafana_datasource": "1"}),
        made("ServiceAccount", annotations={"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"}),
        made("Secret", data={}, annotations={"replicator.v1.mittwald.de/replicate-from": "others/password"}),
    ],
)
def test_what_reaches_others_waits_for_a_person(new: Body) -> None:
    assert (added(new), first(new)) == (Verdict.NEEDS_APPROVAL, Verdict.NEEDS_APPROVAL)


@pytest.mark.parametrize(
    "new",
    [
        route(),
        entrance(tls=[{"hosts": ["*.example.com"], "secretName": "new"}]),
        entrance("/x { alias /etc/; }"),
        entrance("/x\n}"),
        entrance(annotations={f"{NGINX}/rewrite-target": "/ last; } location /x { alias /etc/; } #"}),
        entrance(annotations={f"{NGINX}/proxy-body-size": "1m;"}),
        route("HTTPRoute", "*.example.com"),
        route("GRPCRoute"),
        made("VirtualService", "networking.istio.io/v1", spec={"hosts": ["*"], "gateways": ["mesh"]}),
        made("ClusterPolicy", "kyverno.io/v1", spec={"rules": []}),
        made(
            "EndpointSlice",
            "discovery.k8s.io/v1",
            addressType="IPv4",
            endpoints=[{"addresses": ["10.0.0.1"]}],
        ),
        role("", "namespaces", "patch"),
        role("", "services", "create"),
        role("", "pods/binding", "create"),
        role("cilium.io", "ciliumnetworkpolicies", "create"),
        role("external-secrets.io", "externalsecrets", "update"),
        role("gateway.networking.k8s.io", "referencegrants", "create"),
        role("acme.example.com", "anything", "use"),
        of_all("ClusterRoleBinding", "new", roleRef=VIEW),
        made("CSIStorageCapacity", "storage.k8s.io/v1", storageClassName="of-all", capacity="100Ti"),
        made("Binding", target={"kind": "Node", "name": "control-plane-1"}),
        made("PriorityClass", "scheduling.k8s.io/v1", value=1000000),
        *(
            made("ConfigMap", annotations={f"argocd.argoproj.io/{name}": value})
            for name, value in (
                ("ignore-healthcheck", "true"),
                ("compare-options", "IgnoreExtraneous"),
                ("sync-options", "Delete=false,Validate=false"),
                ("tracking-id", "others:/ConfigMap:others/new"),
            )
        ),
        role("", "resourcequotas", "get", "delete"),
        role("networking.k8s.io", "networkpolicies", "deletecollection"),
        role("networking.k8s.io", "ingresses", "create"),
        role("cert-manager.io", "certificates", "create"),
        role("discovery.k8s.io", "endpointslices/restricted", "create"),
        made("Endpoints", subsets=[{"addresses": [{"ip": "10.0.0.1"}]}]),
        made("Service", spec={"type": "ExternalName", "externalName": "x.others.svc.cluster.local"}),
        made(
            "Service", spec={"type": "LoadBalancer", "loadBalancerIP": "192.0.2.1", "ports": [{"port": 80}]}
        ),
        made(
            "Service",
            annotations={"external-dns.alpha.kubernetes.io/hostname": "shop.example.com"},
            spec={"selector": {"app": "new"}, "ports": [{"port": 80}]},
        ),
        *(
            made(
                "Ingress",
                "networking.k8s.io/v1",
                annotations={f"nginx.ingress.kubernetes.io/{name}": "shop.example.com"},
                spec={"rules": [{"host": "own.example.com"}]},
            )
            for name in ("server-alias", "server-snippet", "configuration-snippet")
        ),
    ],
)
def test_a_first_release_that_takes_what_others_have_waits_for_a_person(new: Body) -> None:
    assert first(new) is Verdict.NEEDS_APPROVAL


@pytest.mark.parametrize(
    "new",
    [
        entrance("/api(/|$)(.*)", {f"{NGINX}/rewrite-target": "/$2", f"{NGINX}/use-regex": "true"}),
        entrance(annotations={f"{NGINX}/whitelist-source-range": "10.0.0.0/8,192.0.2.1/32"}),
        entrance(tls=[{"hosts": ["own.example.com"], "secretName": "new"}]),
        role("", "namespaces", "get"),
        role("", "pods", "create", "delete"),
        role("apps", "deployments/scale", "patch"),
        made("Lease", "coordination.k8s.io/v1"),
        made("ConfigMap", annotations={"argocd.argoproj.io/sync-wave": "1"}),
        made("ConfigMap", annotations={"argocd.argoproj.io/sync-options": "Delete=false, Prune=false"}),
        role("networking.k8s.io", "networkpolicies", "get", "list", "watch"),
        certificate(dnsNames=["own.example.com", f"new.{NAMESPACE}.svc", f"*.{NAMESPACE}.svc.cluster.local"]),
    ],
)
def test_a_first_release_that_takes_what_is_its_own_is_safe(new: Body) -> None:
    assert first(new) is Verdict.SAFE


@given(st.from_regex(r"[a-z]{3,12}\.[a-z]{3,12}\.dev/[a-z]{3,12}", fullmatch=True))
def test_no_invented_annotation_is_safe_on_what_controllers_share(name: str) -> None:
    entrance = made(
        "Ingress",
        "networking.k8s.io/v1",
        annotations={name: "x"},
        spec={"rules": [{"host": "own.example.com"}]},
    )
    assert first(entrance) is Verdict.NEEDS_APPROVAL


@given(st.from_regex(r"[a-z]{3,12}\.[a-z]{3,12}\.dev", fullmatch=True), st.from_regex(r"[A-Z][a-z]{3,12}"))
def test_no_invented_kind_is_safe_in_a_first_release(group: str, kind: str) -> None:
    assert first(made(kind, f"{group}/v1", spec={})) is Verdict.NEEDS_APPROVAL


@pytest.mark.parametrize(
    "new",
    [
        pods(envFrom=[{"secretRef": {"name": "web-secret"}}]),
        pods(env=[{"name": "P", "valueFrom": {"secretKeyRef": {"name": "web-secret", "key": "password"}}}]),
        pods({"volumes": [{"name": "s", "secret": {"secretName": "web-secret"}}]}),
        pods({"volumes": [{"name": "s", "projected": {"sources": [{"secret": {"name": "made-by-hand"}}]}}]}),
        pods({"volumes": [{"name": "s", "csi": {"driver": "secrets-store.csi.k8s.io"}}]}),
    ],
)
def test_new_pods_that_read_a_secret_which_does_not_come_with_them_wait_for_a_person(new: Body) -> None:
    assert added(new) is Verdict.NEEDS_APPROVAL


def test_new_pods_that_read_a_secret_which_comes_with_them_are_safe() -> None:
    assert added(pods(envFrom=READS_NEW), made("Secret", data={})) is Verdict.SAFE


def test_new_pods_that_read_what_a_store_had_before_wait_for_a_person() -> None:
    assert added(pods(envFrom=READS_NEW), fetched()) is Verdict.NEEDS_APPROVAL


def test_a_new_account_that_a_binding_names_already_waits_for_a_person() -> None:
    named = {"kind": "ServiceAccount", "name": "new", "namespace": NAMESPACE}
    assert added(made("ServiceAccount"), before=bound(named)) is Verdict.NEEDS_APPROVAL


def test_what_makes_a_secret_that_pods_look_for_already_waits_for_a_person() -> None:
    reading = pods(envFrom=[{"secretRef": {"name": "late", "optional": True}}])
    assert added(fetched(name="late"), before=reading) is Verdict.NEEDS_APPROVAL


@pytest.mark.parametrize(
    "subject",
    [
        {"kind": "ServiceAccount", "name": "default", "namespace": NAMESPACE},
        {"kind": "Group", "name": f"system:serviceaccounts:{NAMESPACE}"},
    ],
)
def test_new_pods_under_the_account_that_all_have_wait_where_it_has_rights(subject: Body) -> None:
    assert added(pods(), before=bound(subject)) is Verdict.NEEDS_APPROVAL


@pytest.mark.parametrize(
    "label",
    [{"team": "payments"}, {"pod-security.kubernetes.io/enforce": "privileged"}],
    ids=["somebody's policies let it in", "pods may do more"],
)
def test_the_labels_of_a_namespace_that_no_platform_makes_wait_for_a_person(label: Body) -> None:
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": dict(label)},
    }
    change = Change(
        before=None,
        after=Manifests((Object(namespace),)),
        chart_before=None,
        chart=ChartUsed(name="new", version="1.0.0"),
        without_platform=True,
    )
    assert "first-release-shared" in {each.rule for each in judge(change, Policy())}


def test_the_labels_that_such_a_namespace_gets_later_are_told_as_what_reaches_others() -> None:
    before, after = (
        Manifests(
            (Object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, **more}}),)
        )
        for more in ({}, {"labels": {"team": "payments"}})
    )
    change = Change(
        before=before,
        after=after,
        chart_before=None,
        chart=ChartUsed(name="new", version="1.0.0"),
        without_platform=True,
    )
    assert "reaches-others" in {each.rule for each in judge(change, Policy())}


def test_what_comes_to_reach_others_later_is_told_as_that() -> None:
    """Whatever else is told of the change."""
    before = pods()
    after = pods({"affinity": {"podAntiAffinity": {ALWAYS: [{**OF_ALL, "namespaceSelector": {}}]}}})
    plan = planned([*BASE, before], [*BASE, after], {})
    assert "reaches-others" in {each.rule for each in plan.reasons}


def store_of_all(key: str) -> Body:
    secret = copy.deepcopy(dict(fetched("ClusterSecretStore")))
    secret["spec"]["data"][0]["remoteRef"]["key"] = key
    return secret


def mounting(path: str) -> Body:
    return pods({"volumes": [{"name": "d", "nfs": {"server": "10.0.0.1", "path": path}}]})


def near(namespace: str) -> Body:
    return pods({"affinity": {"podAffinity": {BEST: [{"podAffinityTerm": {"namespaces": [namespace]}}]}}})


def called(host: str) -> Body:
    name = "external-dns.alpha.kubernetes.io/hostname"
    return made("Service", annotations={name: host}, spec={"ports": [{"port": 80}]})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (store_of_all("own"), store_of_all("others")),
        (mounting("/own"), mounting("/others")),
        (near("own"), near("others")),
        (called("own.example.com"), called("others.example.com")),
        (with_pods({"vault.example/secret": "own"}), with_pods({"vault.example/secret": "others"})),
        (route("HTTPRoute", "*.own.example"), route("HTTPRoute", "*.others.example")),
        (certificate(uris=["spiffe://own"]), certificate(uris=["spiffe://others"])),
        (
            monitor(namespaceSelector={"matchNames": ["own"]}),
            monitor(namespaceSelector={"matchNames": ["others"]}),
        ),
        (
            made("Service", spec={"type": "ExternalName", "externalName": "own"}),
            made("Service", spec={"type": "ExternalName", "externalName": "others"}),
        ),
        (
            made("ClusterPolicy", "kyverno.io/v1", spec={"rules": []}),
            made("ClusterPolicy", "kyverno.io/v1", spec={"rules": [{"name": "all"}]}),
        ),
        (
            made("ConfigMap", data={"a": "b"}, labels={"grafana_datasource": "1"}),
            made("ConfigMap", data={"a": "c"}, labels={"grafana_datasource": "1"}),
        ),
    ],
)
def test_what_reaches_others_and_comes_to_reach_other_ones_is_told_as_that(before: Body, after: Body) -> None:
    plan = planned([*BASE, before], [*BASE, after], {})
    assert "reaches-others" in {each.rule for each in plan.reasons}


def test_what_reaches_the_same_as_before_is_not_told_again() -> None:
    before, after = mounting("/own"), copy.deepcopy(dict(mounting("/own")))
    after["spec"]["template"]["spec"]["containers"][0]["image"] = "ghcr.io/acme/new:1.0.1"
    plan = planned([*BASE, before], [*BASE, after], {})
    assert "reaches-others" not in {each.rule for each in plan.reasons}


@pytest.mark.parametrize(
    ("kind", "api", "said"),
    [
        ("Widget", "example.com/v1", "a Widget names no namespace, and may be for the whole cluster"),
        ("PriorityClass", "scheduling.k8s.io/v1", "a PriorityClass is for the whole cluster"),
    ],
)
def test_what_names_no_namespace_is_said_to_be_for_all_only_where_that_is_known(
    kind: str, api: str, said: str
) -> None:
    one: dict[str, Any] = {**made(kind, api), "metadata": {"name": "new"}}
    plan = planned([*BASE], [*BASE, one], {})
    assert any(said in each.saw for each in plan.reasons)


def test_what_is_for_the_whole_cluster_and_removed_is_told_as_that() -> None:
    issuer: dict[str, Any] = {**made("ClusterIssuer", "cert-manager.io/v1", spec={})}
    issuer["metadata"] = {"name": "new"}
    plan = planned([*BASE, issuer], [*BASE], {})
    assert "reaches-others" in {each.rule for each in plan.reasons}
