"""What a new object does, or may do, to others than its tenant: by what stands in it alone.

Known are the parts that reach nobody else; whatever is none of them is told.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy_orchestrator.manifests import Object, is_built_in, is_cluster_scoped, untyped
from deploy_orchestrator.risk.metadata import is_check_sum, is_for_people, is_inert_annotation
from deploy_orchestrator.risk.pods import is_known, metadata_of, spec_of

_ROUTES: Final = frozenset({"GRPCRoute", "HTTPRoute", "TLSRoute"})
_KNOWN: Final = frozenset(
    {
        ("bitnami.com", "SealedSecret"),
        ("cert-manager.io", "Certificate"),
        ("external-secrets.io", "ExternalSecret"),
        ("monitoring.coreos.com", "PodMonitor"),
        ("monitoring.coreos.com", "PrometheusRule"),
        ("monitoring.coreos.com", "ServiceMonitor"),
        *(("gateway.networking.k8s.io", kind) for kind in _ROUTES),
    }
)
"""Kinds that are no part of Kubernetes, and whose objects are looked at here."""

_OWN_KINDS: Final = frozenset(
    {
        *(
            ("", kind)
            for kind in (
                "ConfigMap",
                "LimitRange",
                "PersistentVolumeClaim",
                "Pod",
                "PodTemplate",
                "ReplicationController",
                "ResourceQuota",
                "Secret",
                "Service",
                "ServiceAccount",
            )
        ),
        *(
            ("apps", kind)
            for kind in ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")
        ),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("batch", "CronJob"),
        ("batch", "Job"),
        ("coordination.k8s.io", "Lease"),
        ("networking.k8s.io", "Ingress"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("policy", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("resource.k8s.io", "ResourceClaimTemplate"),
    }
)
"""Kinds of Kubernetes within a namespace that reach nobody beyond it, or are looked at here. Others tell the
scheduler of room on nodes (CSIStorageCapacity), put pods onto them (Binding) or ask signers.
"""

_POINTERS: Final = frozenset({("", "Endpoints"), ("discovery.k8s.io", "EndpointSlice")})
"""Kinds that lead traffic to any address, other tenants' as well: CVE-2021-25740."""

_LEADS_ELSEWHERE: Final = "it leads to whatever it names, through what is this tenant's"
_WATCHED: Final = frozenset({("", "ConfigMap"), ("", "Secret")})

_OWN_PREFIXES: Final = ("deploy-orchestrator.io/", "helm.sh/", "prometheus.io/")
_WHEN: Final = frozenset(
    f"argocd.argoproj.io/{name}" for name in ("hook", "hook-delete-policy", "hook-weight", "sync-wave")
)
"""What an object says to Argo CD of when it is applied. Whatever else it may say is of whether it is, and of
whether it counts that it does not work: https://argo-cd.readthedocs.io/en/stable/user-guide/annotations-and-labels/.
"""
_HARMLESS_TO_SYNC: Final = frozenset({"Delete=false", "Prune=false", "SkipDryRunOnMissingResource=true"})
"""Options of an object's own by which more is left alone, or which Argo CD has need of:
https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/.
"""
_SYNC_OPTIONS: Final = "argocd.argoproj.io/sync-options"
_OWN_ANNOTATIONS: Final = frozenset(
    {
        *(
            f"cert-manager.io/{name}"
            for name in (
                "cluster-issuer",
                "duration",
                "issuer",
                "issuer-group",
                "issuer-kind",
                "private-key-algorithm",
                "private-key-encoding",
                "private-key-rotation-policy",
                "private-key-size",
                "renew-before",
                "revision-history-limit",
            )
        ),
        "cluster-autoscaler.kubernetes.io/safe-to-evict",
        "kubernetes.io/ingress.class",
        "kubernetes.io/tls-acme",
        *(
            f"nginx.ingress.kubernetes.io/{name}"
            for name in (
                "affinity",
                "backend-protocol",
                "client-body-buffer-size",
                "enable-cors",
                "force-ssl-redirect",
                "limit-connections",
                "limit-rpm",
                "limit-rps",
                "proxy-body-size",
                "proxy-buffer-size",
                "proxy-buffering",
                "proxy-connect-timeout",
                "proxy-read-timeout",
                "proxy-send-timeout",
                "rewrite-target",
                "ssl-redirect",
                "use-regex",
                "whitelist-source-range",
            )
        ),
    }
)
"""Annotations that say something of the object that bears them, and of no other:
https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/,
https://cert-manager.io/docs/reference/annotations/.
"""

_PLAIN: Final = re.compile(r"[^{};\"'`#\\\s]*")
"""What a controller may write into the configuration of its server without anything else beginning there. By
braces, semicolons and line breaks in paths and annotations whole clusters were taken: CVE-2021-25742,
CVE-2023-5043, CVE-2025-24514.
"""

_OWN_LABELS: Final = frozenset(
    {
        "app",
        "component",
        "grafana_dashboard",
        "instance",
        "k8s-app",
        "name",
        "release",
        "role",
        "tier",
        "version",
    }
)
"""Labels without a domain by which software is called, and the one by which Grafana finds dashboards:
https://github.com/kiwigrid/k8s-sidecar.
"""

_ASKED: Final = frozenset(
    {"honorTimestamps", "interval", "path", "port", "scheme", "scrapeTimeout", "targetPort"}
)
"""What a monitor may say of an endpoint that concerns that endpoint alone:
https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.Endpoint.
"""

_OF_FIGURES: Final = re.compile(r"(?i)metric|prometheus|stats|federate|exporter|telemetry")
_OFTEN: Final = re.compile(r"(?:[0-4]s)?(?:\d+ms)?(?<=s)")

_BOUNDED: Final = frozenset({"cpu", "ephemeral-storage", "memory"})
"""What pods ask for that a tenant's quota bounds."""

_MONITORS: Final = frozenset(
    {
        "bodySizeLimit",
        "endpoints",
        "jobLabel",
        "keepDroppedTargets",
        "labelLimit",
        "labelNameLengthLimit",
        "labelValueLengthLimit",
        "namespaceSelector",
        "podMetricsEndpoints",
        "podTargetLabels",
        "sampleLimit",
        "scrapeProtocols",
        "selector",
        "targetLabels",
        "targetLimit",
    }
)
"""What a monitor may say of itself that is looked at here, or concerns its own targets alone."""
_TELLS_WHOSE: Final = frozenset(
    {"cluster", "container", "endpoint", "instance", "job", "namespace", "node", "pod", "service", "tenant"}
)
"""Labels of series by which people and alerts tell whose they are."""

_GROUPS_OWN: Final = frozenset({"interval", "labels", "limit", "name", "query_offset", "rules"})
"""What a group of rules may say that is looked at here, or concerns its own rules alone:
https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.RuleGroup.
"""
_RELABELLED: Final = re.compile(r"""label_(?:replace|join)\s*\(.*?,\s*["'`](\w+)["'`]""", re.DOTALL)
"""The label that an expression writes."""

_PODS_OWN: Final = frozenset(
    {
        "activeDeadlineSeconds",
        "affinity",
        "automountServiceAccountToken",
        "containers",
        "dnsConfig",
        "dnsPolicy",
        "enableServiceLinks",
        "ephemeralContainers",
        "hostAliases",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostUsers",
        "hostname",
        "hostnameOverride",
        "imagePullSecrets",
        "initContainers",
        "nodeName",
        "nodeSelector",
        "os",
        "overhead",
        "preemptionPolicy",
        "priorityClassName",
        "readinessGates",
        "resources",
        "restartPolicy",
        "schedulerName",
        "schedulingGates",
        "securityContext",
        "serviceAccount",
        "serviceAccountName",
        "setHostnameAsFQDN",
        "shareProcessNamespace",
        "subdomain",
        "terminationGracePeriodSeconds",
        "tolerations",
        "topologySpreadConstraints",
        "volumes",
    }
)
"""What a pod may say of itself that concerns no other, is looked at here, or is refused by a check."""

_VOLUMES_OWN: Final = frozenset(
    {
        "configMap",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "hostPath",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
"""The kinds of volumes that hold what is the tenant's, are looked at by name, or are refused by a check."""

_CERTIFIED: Final = frozenset(
    {
        "commonName",
        "dnsNames",
        "duration",
        "issuerRef",
        "privateKey",
        "renewBefore",
        "renewBeforePercentage",
        "revisionHistoryLimit",
        "secretName",
        "secretTemplate",
        "usages",
    }
)
"""What a certificate may ask for of which the host names, which are looked up, say whose it is:
https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.CertificateSpec.
"""
_HOST: Final = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|")
_OF_SERVERS: Final = frozenset({"digital signature", "key encipherment", "server auth"})
_SERIES: Final = ":"
"""What the name of a recorded series has in it, and no measured one:
https://prometheus.io/docs/practices/rules/.
"""
_SECURITY_OF_PODS: Final = "pod-security.kubernetes.io/"


@dataclass(frozen=True, slots=True)
class Reach:
    """A way in which an object reaches others: in words, and `by` which part of it. Where that part is
    another, it may reach somebody else.
    """

    said: str
    by: Any = None

    def __str__(self) -> str:
        return self.said


def reaching(each: Object, *, without_platform: bool = False) -> Iterator[Reach]:
    """What of an object reaches others than its tenant; nothing where all of it is known not to.

    `without_platform`: the tenant's own chart makes its namespace, and says what that is called.
    """
    yield from shared(each)
    yield from _reaches(each)
    yield from _told_to_others(each)
    if without_platform:
        yield from _labels_of_namespace(each)


def shared(each: Object) -> Iterator[Reach]:
    """What of an object others of the whole cluster have, whoever they are."""
    kind = (each.key.group, each.kind)
    if kind == ("rbac.authorization.k8s.io", "ClusterRole"):
        labels = {name: value for name, value in each.labels.items() if not is_for_people(name)}
        if labels:
            said = f"roles may gather its rights by the label {', '.join(sorted(labels))}"
            yield Reach(said, (labels, _content(each)))
    if kind in _OF_ROLES and (each.name in _KUBERNETES or each.name.startswith("system:")):
        yield Reach(
            f"it takes the place of the {each.kind} {each.name}, which is Kubernetes' own", _content(each)
        )
    elif kind == _BINDING:
        yield Reach("it gives rights in every namespace", _content(each))
    elif _is_of_cluster(each) and kind not in _OWN | _KNOWN:
        scope = "is" if is_cluster_scoped(each.key, {}) else "names no namespace, and may be"
        yield Reach(f"a {each.kind} {scope} for the whole cluster", None if kind == _CRD else _content(each))


def _is_of_cluster(each: Object) -> bool:
    """Whether an object has no namespace, whatever it says."""
    return each.namespace is None or is_cluster_scoped(each.key, {}) is True


def _content(each: Object) -> Mapping[str, Any]:
    """What an object says beside its metadata, and beside its pods where these are looked at themselves."""
    said = {
        name: value
        for name, value in each.body.items()
        if name not in ("apiVersion", "metadata") and value not in (None, [], {})
    }
    if is_known(each.key) and isinstance(said.get("spec"), dict):
        said["spec"] = {name: value for name, value in said["spec"].items() if name != "template"}
    return said


_BINDING: Final = ("rbac.authorization.k8s.io", "ClusterRoleBinding")
_CRD: Final = ("apiextensions.k8s.io", "CustomResourceDefinition")
"""What it says is judged by rules of its own."""

_ROLES: Final = frozenset(
    {("rbac.authorization.k8s.io", "ClusterRole"), ("rbac.authorization.k8s.io", "Role")}
)
_STAYS_WITHIN: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset(
        {
            "configmaps",
            "events",
            "persistentvolumeclaims",
            "pods",
            "replicationcontrollers",
            "secrets",
            "serviceaccounts",
        }
    ),
    "apps": frozenset({"controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"}),
    "autoscaling": frozenset({"horizontalpodautoscalers"}),
    "batch": frozenset({"cronjobs", "jobs"}),
    "coordination.k8s.io": frozenset({"leases"}),
    "events.k8s.io": frozenset({"events"}),
    "policy": frozenset({"poddisruptionbudgets"}),
    "rbac.authorization.k8s.io": frozenset({"rolebindings", "roles"}),
}
"""What may be written without taking anything of others, by API group, where Pod Security and quotas hold.
All else is written past those who look at manifests: whoever may patch a Namespace by a Role there takes Pod
Security off it, a Service may take any address (CVE-2020-8554), and a custom kind whatever its controller
gives. Roles have a check of their own.
"""
_PLACING: Final = "pods/binding"
"""What puts a pod onto any node, past the scheduler."""
_READING: Final = frozenset({"get", "list", "watch"})

_OF_ROLES: Final = frozenset(
    {
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    }
)
_KUBERNETES: Final = frozenset({"admin", "cluster-admin", "edit", "view"})
"""The roles and bindings that each cluster begins with, beside those that are called `system:…`:
https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings.
"""

_OWN: Final = frozenset({("", "Namespace"), *_OF_ROLES})
"""Kinds of the whole cluster of which each object is one tenant's; what they give is checked by itself."""

_LOOKED_AT: Final = _KNOWN | _OWN | _OWN_KINDS | _POINTERS


def _reaches(each: Object) -> Iterator[Reach]:
    kind = (each.key.group, each.kind)
    if kind not in _LOOKED_AT and not (_is_of_cluster(each) and is_built_in(each.key.group)):
        yield Reach(f"a {each.kind}, of which no rule knows whom it reaches", _content(each))
    spec = untyped.mapping(each.body.get("spec"))
    yield from _placed(spec_of(each), each.namespace)
    for asked in _claims(each):
        yield from _taken_up(asked)
    if kind in _ROLES:
        yield from _lets_out(each)
    elif kind in _POINTERS:
        yield Reach(_LEADS_ELSEWHERE, _content(each))
    elif kind == ("", "Service"):
        yield from _serves(spec)
    elif kind == ("monitoring.coreos.com", "PrometheusRule"):
        yield from _records(spec)
    elif each.key.group == "monitoring.coreos.com":
        yield from _scrapes(spec, each.namespace)
    elif kind == ("cert-manager.io", "Certificate"):
        yield from _certifies(spec, each.namespace)
    elif kind == ("external-secrets.io", "ExternalSecret"):
        yield from _fetches(spec)
    else:
        yield from _takes_every_host(kind, spec)


def _told_to_others(each: Object) -> Iterator[Reach]:
    """The annotations and labels of an object by which controllers that others share may do something else
    than for this object alone.
    """
    for metadata in (untyped.mapping(each.body["metadata"]), *_made_with(each)):
        for name, value in untyped.mapping(metadata.get("annotations")).items():
            if not is_own_annotation(name) or (name == _SYNC_OPTIONS and not _leaves_alone(value)):
                yield Reach(f"annotation {name}", (value, _watched_content(each)))
            elif name in _OWN_ANNOTATIONS and not _PLAIN.fullmatch(str(value)):
                yield Reach(f"annotation {name}, which says more than its value", value)
    for name, value in untyped.mapping(metadata_of(each).get("annotations")).items():
        if not is_own_annotation(name, value):
            yield Reach(f"annotation {name} of its pods", value)
    yield from _watched_labels(each)


def _watched_labels(each: Object) -> Iterator[Reach]:
    """The labels of a ConfigMap or Secret, or of one that is made of an object, that sidecars and operators
    of any namespace may look for.
    """
    labels: dict[str, Any] = {**each.labels} if (each.key.group, each.kind) in _WATCHED else {}
    for metadata in _made_with(each):
        labels |= untyped.mapping(metadata.get("labels"))
    for name, value in labels.items():
        if not is_for_people(name) and name not in _OWN_LABELS and not name.startswith("app.kubernetes.io/"):
            yield Reach(f"label {name}", (value, _content(each)))


def _watched_content(each: Object) -> Mapping[str, Any] | None:
    """What others get who take what an object holds; None for what holds nothing to take."""
    return _content(each) if (each.key.group, each.kind) in _WATCHED or any(_made_with(each)) else None


def _labels_of_namespace(each: Object) -> Iterator[Reach]:
    """The labels of a Namespace by which the policies and gateways of others may let in what is there."""
    for name, value in each.labels.items() if (each.key.group, each.kind) == ("", "Namespace") else ():
        is_strict = name.endswith("-version") or value == "restricted"
        if not is_for_people(name) and not (name.startswith(_SECURITY_OF_PODS) and is_strict):
            yield Reach(f"label {name}", value)


def _leaves_alone(options: object) -> bool:
    """Whether the options of an object ask nothing of Argo CD but to leave more alone."""
    return {option.strip() for option in str(options).split(",")} <= _HARMLESS_TO_SYNC


def is_own_annotation(name: str, value: object = None) -> bool:
    """Whether an annotation, or one of pods with its `value`, says something of what bears it alone."""
    return (
        is_inert_annotation(name)
        or name in _OWN_ANNOTATIONS | _WHEN
        or name == _SYNC_OPTIONS
        or name.startswith(_OWN_PREFIXES)
        or (value is not None and is_check_sum(name, value))
    )


def _made_with(each: Object) -> Iterator[Mapping[str, Any]]:
    """The metadata of what controllers make of an object: of Secrets, and of the claims of pods."""
    spec = untyped.mapping(each.body.get("spec"))
    match (each.key.group, each.kind):
        case ("bitnami.com", "SealedSecret"):
            yield untyped.mapping(untyped.at(spec, "template", "metadata"))
        case ("cert-manager.io", "Certificate"):
            yield untyped.mapping(spec.get("secretTemplate"))
        case ("external-secrets.io", "ExternalSecret"):
            yield untyped.mapping(untyped.at(spec, "target", "template", "metadata"))
        case _:
            pass


def _placed(pods: Mapping[str, Any], namespace: str | None) -> Iterator[Reach]:
    for name in sorted(pods.keys() - _PODS_OWN):
        yield Reach(f"its pods say {name}, of which no rule knows whom it reaches", pods[name])
    for volume in untyped.mappings(pods.get("volumes")):
        for kind in sorted(volume.keys() - _VOLUMES_OWN - {"name"}):
            said = f"its pods mount what is kept elsewhere, by a volume of the kind {kind}"
            yield Reach(said, volume[kind])
    for kind in ("podAffinity", "podAntiAffinity"):
        asked = untyped.at(pods, "affinity", kind)
        if any(_names_others(each, namespace) for each in _terms(asked)):
            yield Reach("its pods go near those of other namespaces, or keep them away", (kind, asked))
    for name in sorted(_devices(pods)):
        yield Reach(f"its pods take {name} of nodes, which nobody has a share of", name)
    if priority := pods.get("priorityClassName"):
        yield Reach(f"its pods go before others, by the priority {untyped.text(priority)}")
    if node := pods.get("nodeName"):
        yield Reach(f"its pods go to the node {untyped.text(node)}, past the scheduler")
    for each in untyped.mappings(pods.get("tolerations")):
        key = untyped.text(each.get("key"))
        if not key or key.startswith("node-role.kubernetes.io/"):
            said = f"its pods go to nodes that are kept free of tenants, by tolerating {key or 'everything'}"
            yield Reach(said, each)


def _devices(pods: Mapping[str, Any]) -> set[str]:
    """What its pods take of nodes that the quota of a tenant does not bound: devices, large pages."""
    containers = (
        container
        for kind in ("containers", "initContainers")
        for container in untyped.mappings(pods.get(kind))
    )
    asked = (
        untyped.mapping(untyped.at(each, "resources", side))
        for each in (pods, *containers)
        for side in ("requests", "limits")
    )
    return {name for each in asked for name in each} - _BOUNDED


def _terms(affinity: Any) -> Iterator[Mapping[str, Any]]:
    at = untyped.mapping(affinity)
    yield from untyped.mappings(at.get("requiredDuringSchedulingIgnoredDuringExecution"))
    for each in untyped.mappings(at.get("preferredDuringSchedulingIgnoredDuringExecution")):
        yield untyped.mapping(each.get("podAffinityTerm"))


def _names_others(term: Mapping[str, Any], namespace: str | None) -> bool:
    named = set(untyped.texts(term.get("namespaces"))) - {namespace}
    return bool(named) or term.get("namespaceSelector") is not None


def _claims(each: Object) -> Iterator[Mapping[str, Any]]:
    """What an object asks of the claims that it is, or makes for its pods."""
    if (each.key.group, each.kind) == ("", "PersistentVolumeClaim"):
        yield untyped.mapping(each.body.get("spec"))
    for template in untyped.mappings(untyped.at(each.body, "spec", "volumeClaimTemplates")):
        yield untyped.mapping(template.get("spec"))
    for volume in untyped.mappings(spec_of(each).get("volumes")):
        yield untyped.mapping(untyped.at(volume, "ephemeral", "volumeClaimTemplate", "spec"))


def _lets_out(role: Object) -> Iterator[Reach]:
    for rule in untyped.mappings(role.body.get("rules")):
        if _READING.issuperset(untyped.texts(rule.get("verbs"))):
            continue
        named = untyped.texts(rule.get("resources"))
        resources = {each if each == _PLACING else each.partition("/")[0] for each in named}
        groups = untyped.texts(rule.get("apiGroups"))
        within = [_STAYS_WITHIN.get(group, frozenset()) for group in groups]
        if written := {each for each in resources for known in within if each not in known}:
            said = f"it allows to write {', '.join(sorted(written))}, at which nobody looks then"
            yield Reach(said, rule)


def _serves(spec: Mapping[str, Any]) -> Iterator[Reach]:
    if spec.get("type") == "ExternalName":
        yield Reach(_LEADS_ELSEWHERE, spec.get("externalName"))
    if addresses := spec.get("externalIPs"):
        yield Reach("it takes traffic for external addresses of its own choice", addresses)
    for field in ("loadBalancerIP", "clusterIP"):
        if untyped.text(spec.get(field)) not in ("", "None"):
            yield Reach(f"it asks for the address {untyped.text(spec[field])}")


def _takes_every_host(kind: tuple[str, str], spec: Mapping[str, Any]) -> Iterator[Reach]:
    if kind == ("networking.k8s.io", "Ingress"):
        hosts = [untyped.text(rule.get("host")) for rule in untyped.mappings(spec.get("rules"))]
        hosts += [host for host in _of_tls(spec) if host[:1] == "*"]
        everything = spec.get("defaultBackend") is not None
        for path in _paths(spec):
            if not _PLAIN.fullmatch(path):
                yield Reach("a path of it says more than a path", path)
    elif kind[0] == "gateway.networking.k8s.io" and kind[1] in _ROUTES:
        hosts = [*untyped.texts(spec.get("hostnames"))]
        everything = not hosts
    else:
        return
    wide = {host for host in hosts if not host or host[:1] == "*"} | ({""} if everything else set[str]())
    if wide:
        yield Reach("it takes every host that nobody else has", wide)


def _of_tls(ingress: Mapping[str, Any]) -> Iterator[str]:
    for each in untyped.mappings(ingress.get("tls")):
        yield from untyped.texts(each.get("hosts"))


def _paths(ingress: Mapping[str, Any]) -> Iterator[str]:
    for rule in untyped.mappings(ingress.get("rules")):
        for each in untyped.mappings(untyped.at(rule, "http", "paths")):
            yield untyped.text(each.get("path"))


def _taken_up(spec: Mapping[str, Any]) -> Iterator[Reach]:
    if spec.get("volumeName"):
        yield Reach(f"it asks for the volume {untyped.text(spec['volumeName'])} by its name")
    if selector := spec.get("selector"):
        yield Reach("it asks for a volume that is there, by its labels", selector)
    if any(sources := (spec.get("dataSource"), spec.get("dataSourceRef"))):
        yield Reach("it begins as a copy of data that is there already", sources)


def _scrapes(spec: Mapping[str, Any], namespace: str | None) -> Iterator[Reach]:
    where = untyped.mapping(spec.get("namespaceSelector"))
    if where.get("any") or set(untyped.texts(where.get("matchNames"))) - {namespace}:
        yield Reach("it looks into other namespaces", where)
    for name in sorted(spec.keys() - _MONITORS):
        yield Reach(f"{name}, of which no rule knows whom it reaches", spec[name])
    labels = {*untyped.texts(spec.get("targetLabels")), *untyped.texts(spec.get("podTargetLabels"))}
    for name in sorted(labels & _TELLS_WHOSE):
        yield Reach(f"its series say by themselves whose they are, by the label {name}")
    endpoints = (*untyped.mappings(spec.get("endpoints")), *untyped.mappings(spec.get("podMetricsEndpoints")))
    for endpoint in endpoints:
        path, interval = (untyped.text(endpoint.get(name)) for name in ("path", "interval"))
        if path and not _OF_FIGURES.search(path):
            yield Reach(f"Prometheus asks for {path}, which by its name gives no figures", endpoint)
        if _OFTEN.fullmatch(interval):
            yield Reach(f"Prometheus asks every {interval}", endpoint)
    for name in sorted({name for endpoint in endpoints for name in endpoint} - _ASKED):
        said = f"{name}, by which Prometheus may give what is its own, or take what is others'"
        yield Reach(said, [endpoint.get(name) for endpoint in endpoints])


def _records(spec: Mapping[str, Any]) -> Iterator[Reach]:
    for group in untyped.mappings(spec.get("groups")):
        for name in sorted(group.keys() - _GROUPS_OWN):
            yield Reach(f"its rules say {name}, of which no rule knows whom it reaches", group[name])
        if _OFTEN.fullmatch(interval := untyped.text(group.get("interval"))):
            yield Reach(f"Prometheus asks every {interval}", group)
        for rule in untyped.mappings(group.get("rules")):
            name = untyped.text(rule.get("record"))
            if name and _SERIES not in name:
                yield Reach(f"it writes the series {name}, which others may read", rule)
            written = untyped.mapping(rule.get("labels")).keys() | untyped.mapping(group.get("labels")).keys()
            written |= set(_RELABELLED.findall(untyped.text(rule.get("expr"))))
            for label in sorted(written & _TELLS_WHOSE):
                yield Reach(
                    f"its alerts and series say by themselves whose they are, by the label {label}",
                    (rule, group.get("labels")),
                )


def _certifies(spec: Mapping[str, Any], namespace: str | None) -> Iterator[Reach]:
    hosts = {*untyped.texts(spec.get("dnsNames")), untyped.text(spec.get("commonName"))}
    for host in sorted(each.casefold().rstrip(".") for each in hosts):
        _, *zone = host.split(".")
        if not _HOST.fullmatch(host):
            yield Reach(f"its certificate is good for {host}, which is no host's name")
        elif len(zone) == 1 and zone[0] != namespace:
            yield Reach(f"its certificate is good for {host}, as a Service of another namespace is called")
        elif zone[1:2] == ["svc"] and zone[0] != namespace:
            yield Reach(f"its certificate is good for {host}, a Service of another namespace")
        elif host[:1] == "*" and zone[1:2] != ["svc"]:
            yield Reach(f"its certificate is good for {host}, whoever has one of these hosts")
    for name in sorted(spec.keys() - _CERTIFIED):
        yield Reach(f"its certificate says {name}, of which nobody knows whose it is", spec[name])
    for usage in sorted(set(untyped.texts(spec.get("usages"))) - _OF_SERVERS):
        yield Reach(f"its certificate is good for {usage}")


def _fetches(spec: Mapping[str, Any]) -> Iterator[Reach]:
    target = untyped.mapping(spec.get("target"))
    if untyped.at(spec, "secretStoreRef", "kind") not in (None, "SecretStore"):
        yield Reach("it reads a store that others keep their secrets in, too", spec)
    if "manifest" in target:
        yield Reach("it makes another object than a Secret, at which nobody looks", target)
    for each in untyped.mappings(untyped.at(target, "template", "templateFrom")):
        if each.get("target") not in (None, "Data"):
            yield Reach("it makes labels or annotations of what a store says", target)
    if target.get("creationPolicy") not in (None, "Owner"):
        yield Reach("it writes into a Secret of others", spec)
    if any(
        "sourceRef" in each for field in ("data", "dataFrom") for each in untyped.mappings(spec.get(field))
    ):
        yield Reach("it names a source of its own", spec)
