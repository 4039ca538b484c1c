"""Who comes to take a host name that another has is told."""

from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.releases import GatesClosed
from deploy_orchestrator.risk import Verdict
from tests.desk import FILES, TENANT, Desk
from tests.steps import previewed

ROUTES = """\
{{- if .Values.host }}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
spec:
  rules:
    - host: {{ .Values.host | quote }}
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: web
spec:
  hostnames: [{{ .Values.host | quote }}, own.{{ .Release.Namespace }}.example.com]
{{- end }}
"""


def give_routes(desk: Desk) -> None:
    """Tenants whose values have a host take it."""
    known = "customKinds: {gateway.networking.k8s.io/HTTPRoute: Namespaced}"
    desk.commit("fleet.yaml", FILES["fleet.yaml"].replace("- name: dev\n", f"- name: dev\n    {known}\n"))
    desk.commit("charts/app/templates/routes.yaml", ROUTES)


def told(desk: Desk, environment: str, tenant: str) -> list[str]:
    with desk.orchestrator() as orchestrator:
        plan = previewed(orchestrator, environment, tenant).plan
    found = [each for each in plan.reasons if each.rule == "host-taken"]
    assert all(each.severity is Verdict.NEEDS_APPROVAL for each in found)
    return sorted(f"{each.object}: {each.saw}" for each in found)


def test_a_host_that_another_has_takes_an_approval_also_on_a_first_release(desk: Desk) -> None:
    give_routes(desk)
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


def test_of_two_that_are_planned_at_once_neither_goes_out_before_it_is_told(desk: Desk) -> None:
    give_routes(desk)
    desk.ship()
    for tenant in ("news", "post"):
        desk.commit(f"tenants/{tenant}/tenant.yaml", TENANT.format(environments="dev"))
        desk.commit(f"tenants/{tenant}/values.yaml", "host: www.example.com\n")
    with desk.orchestrator() as orchestrator:
        previews = [previewed(orchestrator, "dev", each) for each in ("news", "post")]
        plans = [raised(each) for each in orchestrator.propose(previews)]
        assert [each.verdict for each in plans if each] == [Verdict.SAFE, Verdict.SAFE]

        outcomes = orchestrator.release_all([each for each in plans if each])

        for each in outcomes:
            assert isinstance(each, GatesClosed)
            assert [(gate.key, gate.outdated) for gate in each.gates] == [("fleet", True)]
    assert told(desk, "dev", "news") == [
        "HTTPRoute news-dev/web: www.example.com is a host of dev/post already",
        "Ingress news-dev/web: www.example.com is a host of dev/post already",
    ]


def test_a_host_below_a_domain_that_another_has_whole_takes_an_approval(desk: Desk) -> None:
    give_routes(desk)
    desk.commit("tenants/blog/values.yaml", 'host: "*.example.com"\n')
    desk.ship()
    desk.commit("tenants/news/tenant.yaml", TENANT.format(environments="dev"))
    desk.commit("tenants/news/values.yaml", "host: a.b.example.com\n")

    assert "Ingress news-dev/web: a.b.example.com is a host of dev/blog already" in told(desk, "dev", "news")
