"""What a new object does, or may do, to others than its tenant: by what stands in it alone.

Known are the parts that reach nobody else; whatever is none of them is told.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import Object, is_built_in, untyped
from deploy_orchestrator.risk.metadata import is_for_people, is_inert_annotation
from deploy_orchestrator.risk.pods import spec_of

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

_POINTERS: Final = frozenset({("", "Endpoints"), ("discovery.k8s.io", "EndpointSlice")})
"""Kinds that lead traffic to any address, other tenants' as well: CVE-2021-25740."""

_LEADS_ELSEWHERE: Final = "it leads to whatever it names, through what is this tenant's"
_WATCHED: Final = frozenset({("", "ConfigMap"), ("", "Secret")})

_OWN_PREFIXES: Final = (
    "argocd.argoproj.io/",
    "cert-manager.io/",
    "deploy-orchestrator.io/",
    "helm.sh/",
    "prometheus.io/",
)
_OWN_ANNOTATIONS: Final = frozenset(
    {
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
https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/.
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


def reaches(each: Object) -> Iterator[str]:
    """What of an object reaches others than its tenant, in words; nothing where all of it is known not to."""
    kind = (each.key.group, each.kind)
    if not is_built_in(each.key.group) and kind not in _KNOWN:
        yield f"a {each.kind}, of which no rule knows whom it reaches"
    spec = untyped.mapping(each.body.get("spec"))
    yield from _placed(spec_of(each))
    for asked in _claims(each):
        yield from _taken_up(asked)
    if kind in _POINTERS:
        yield _LEADS_ELSEWHERE
    elif kind == ("", "Service"):
        yield from _serves(spec)
    elif each.key.group == "monitoring.coreos.com" and each.kind != "PrometheusRule":
        yield from _scrapes(spec, each.namespace)
    elif kind == ("external-secrets.io", "ExternalSecret"):
        yield from _fetches(spec)
    elif _takes_every_host(kind, spec):
        yield "it takes every host that nobody else has"


def told_to_others(each: Object) -> Iterator[str]:
    """The annotations and labels of an object by which controllers that others share may do something else
    than for this object alone.
    """
    metadata = untyped.mapping(each.body["metadata"])
    for name in untyped.mapping(metadata.get("annotations")):
        own = is_inert_annotation(name) or name in _OWN_ANNOTATIONS or name.startswith(_OWN_PREFIXES)
        if not own:
            yield f"annotation {name}"
    yield from watched_labels(each)


def watched_labels(each: Object) -> Iterator[str]:
    """The labels of a ConfigMap or Secret that sidecars and operators of any namespace may look for."""
    for name in each.labels if (each.key.group, each.kind) in _WATCHED else ():
        if not is_for_people(name) and name not in _OWN_LABELS and not name.startswith("app.kubernetes.io/"):
            yield f"label {name}"


def secret_brought_by(each: Object) -> str | None:
    """The name of the Secret whose values come with an object, or are made for it; None for any other."""
    match (each.key.group, each.kind):
        case ("", "Secret") | ("bitnami.com", "SealedSecret"):
            return each.name
        case ("cert-manager.io", "Certificate"):
            return untyped.text(untyped.at(each.body, "spec", "secretName")) or None
        case _:
            return None


def secret_made_by(each: Object) -> str | None:
    """The name of the Secret that an object is, or that a controller makes of it; None for any other."""
    if (each.key.group, each.kind) == ("external-secrets.io", "ExternalSecret"):
        return untyped.text(untyped.at(each.body, "spec", "target", "name")) or each.name
    return secret_brought_by(each)


def _placed(pods: Mapping[str, Any]) -> Iterator[str]:
    if priority := pods.get("priorityClassName"):
        yield f"its pods go before others, by the priority {untyped.text(priority)}"
    if node := pods.get("nodeName"):
        yield f"its pods go to the node {untyped.text(node)}, past the scheduler"
    for each in untyped.mappings(pods.get("tolerations")):
        key = untyped.text(each.get("key"))
        if not key or key.startswith("node-role.kubernetes.io/"):
            yield f"its pods go to nodes that are kept free of tenants, by tolerating {key or 'everything'}"


def _claims(each: Object) -> Iterator[Mapping[str, Any]]:
    """What an object asks of the claims that it is, or makes for its pods."""
    if (each.key.group, each.kind) == ("", "PersistentVolumeClaim"):
        yield untyped.mapping(each.body.get("spec"))
    for template in untyped.mappings(untyped.at(each.body, "spec", "volumeClaimTemplates")):
        yield untyped.mapping(template.get("spec"))
    for volume in untyped.mappings(spec_of(each).get("volumes")):
        yield untyped.mapping(untyped.at(volume, "ephemeral", "volumeClaimTemplate", "spec"))


def _serves(spec: Mapping[str, Any]) -> Iterator[str]:
    if spec.get("type") == "ExternalName":
        yield _LEADS_ELSEWHERE
    if spec.get("externalIPs"):
        yield "it takes traffic for external addresses of its own choice"
    if spec.get("loadBalancerIP"):
        yield f"it asks for the address {untyped.text(spec['loadBalancerIP'])}"


def _takes_every_host(kind: tuple[str, str], spec: Mapping[str, Any]) -> bool:
    if kind == ("networking.k8s.io", "Ingress"):
        hosts = [untyped.text(rule.get("host")) for rule in untyped.mappings(spec.get("rules"))]
        everything = spec.get("defaultBackend") is not None
    elif kind[0] == "gateway.networking.k8s.io" and kind[1] in _ROUTES:
        hosts = untyped.texts(spec.get("hostnames"))
        everything = not hosts
    else:
        return False
    return everything or any(not host or host[:1] == "*" for host in hosts)


def _taken_up(spec: Mapping[str, Any]) -> Iterator[str]:
    if spec.get("volumeName"):
        yield f"it asks for the volume {untyped.text(spec['volumeName'])} by its name"
    if spec.get("dataSource") or spec.get("dataSourceRef"):
        yield "it begins as a copy of data that is there already"


def _scrapes(spec: Mapping[str, Any], namespace: str | None) -> Iterator[str]:
    where = untyped.mapping(spec.get("namespaceSelector"))
    if where.get("any") or set(untyped.texts(where.get("matchNames"))) - {namespace}:
        yield "it looks into other namespaces"
    endpoints = (*untyped.mappings(spec.get("endpoints")), *untyped.mappings(spec.get("podMetricsEndpoints")))
    for name in sorted({name for endpoint in endpoints for name in endpoint} - _ASKED):
        yield f"{name}, by which Prometheus may give what is its own, or take what is others'"


def _fetches(spec: Mapping[str, Any]) -> Iterator[str]:
    target = untyped.mapping(spec.get("target"))
    if untyped.at(spec, "secretStoreRef", "kind") not in (None, "SecretStore"):
        yield "it reads a store that others keep their secrets in, too"
    if target.get("creationPolicy") not in (None, "Owner"):
        yield "it writes into a Secret of others"
    if any(
        "sourceRef" in each for field in ("data", "dataFrom") for each in untyped.mappings(spec.get(field))
    ):
        yield "it names a source of its own"
