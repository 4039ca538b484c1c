"""Who comes to take a host name that another has is told."""

from deploy_orchestrator.risk import Verdict
from tests.cli.conftest import FILES, TENANT, Desk
from tests.steps import previewed

ROUTES = """\
{{- if .Values.host }}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
spec:
  rules:
    - host: {{ .Values.host }}
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: web
spec:
  hostnames: [{{ .Values.host }}, own.{{ .Release.Namespace }}.example.com]
{{- end }}
"""


def told(desk: Desk, environment: str, tenant: str) -> list[str]:
    with desk.orchestrator() as orchestrator:
        plan = previewed(orchestrator, environment, tenant).plan
    found = [each for each in plan.reasons if each.rule == "host-taken"]
    assert all(each.severity is Verdict.NEEDS_APPROVAL for each in found)
    return sorted(f"{each.object}: {each.saw}" for each in found)


def test_a_host_that_another_has_takes_an_approval_also_on_a_first_release(desk: Desk) -> None:
    known = "customKinds: {gateway.networking.k8s.io/HTTPRoute: Namespaced}"
    desk.commit("fleet.yaml", FILES["fleet.yaml"].replace("- name: dev\n", f"- name: dev\n    {known}\n"))
    desk.commit("charts/app/templates/routes.yaml", ROUTES)
    desk.commit("tenants/blog/values.yaml", "host: www.example.com\n")
    desk.ship()
    desk.commit("tenants/news/tenant.yaml", TENANT.format(environments="dev"))
    desk.commit("tenants/news/values.yaml", "host: www.example.com\n")

    assert told(desk, "dev", "news") == [
        "HTTPRoute news-dev/web: www.example.com is a host of dev/blog already",
        "Ingress news-dev/web: www.example.com is a host of dev/blog already",
    ]
    assert told(desk, "dev", "blog") == [], "its own host, which stays"

    desk.commit("tenants/news/values.yaml", "host: news.example.com\n")
    assert told(desk, "dev", "news") == []
