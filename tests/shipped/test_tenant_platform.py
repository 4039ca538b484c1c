"""What each setting of the chart tenant-platform does to the objects."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_python
import pytest

Object = dict[str, Any]
Render = Callable[..., list[Object]]

MONITORING = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}


def by_name(objects: list[Object], kind: str) -> dict[str, Object]:
    return {body["metadata"]["name"]: body for body in objects if body["kind"] == kind}


def openings(**values: Any) -> Object:
    return {"network": {"openings": values}}


def test_the_namespace_is_restricted_and_outlives_a_mistake(render: Render) -> None:
    [namespace] = by_name(
        render("tenant-platform", {"tenant": "ml", "environment": "staging", "namespace": "ml-staging"}),
        "Namespace",
    ).values()
    assert namespace["metadata"]["name"] == "ml-staging"
    labels = namespace["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    assert (labels["platform/tenant"], labels["platform/environment"]) == ("ml", "staging")
    assert namespace["metadata"]["annotations"] == {
        "argocd.argoproj.io/sync-options": "Delete=false,Prune=false",
        "helm.sh/resource-policy": "keep",
    }


def test_everything_else_is_in_that_namespace(render: Render) -> None:
    objects = render("tenant-platform", {"namespace": "ml-staging", "owners": ["ml-team@example.com"]})
    assert {body["metadata"].get("namespace") for body in objects if body["kind"] != "Namespace"} == {
        "ml-staging"
    }


def test_without_a_namespace_the_releases_own_is_meant(render: Render) -> None:
    assert set(by_name(render("tenant-platform", namespace="somewhere"), "Namespace")) == {"somewhere"}


def test_all_traffic_is_denied_but_for_named_openings(render: Render) -> None:
    extra = {"metrics": {"from": [MONITORING], "ports": [9090]}}
    policies = by_name(render("tenant-platform", openings(extra=extra)), "NetworkPolicy")
    assert set(policies) == {"default-deny", "allow-dns", "allow-same-namespace", "allow-metrics"}
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert policies["allow-metrics"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [MONITORING], "ports": [{"port": 9090, "protocol": "TCP"}]}],
    }


def test_every_opening_can_be_closed_and_the_denial_stays(render: Render) -> None:
    extra = openings(extra={"metrics": {"from": [MONITORING]}})
    closed = openings(dns=False, sameNamespace=False, extra={"metrics": None})
    assert set(by_name(render("tenant-platform", extra, closed), "NetworkPolicy")) == {"default-deny"}


def test_the_quota_is_the_tenants(render: Render) -> None:
    quota = {"cpu": "6", "memory": "16Gi", "storage": "40Gi", "pods": 30}
    objects = render("tenant-platform", {"quota": quota})
    assert by_name(objects, "ResourceQuota")["quota"]["spec"]["hard"] == {
        "requests.cpu": "6",
        "requests.memory": "16Gi",
        "limits.memory": "16Gi",
        "requests.storage": "40Gi",
        "pods": "30",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def test_a_container_without_resources_gets_all_that_the_quota_counts(render: Render) -> None:
    objects = render("tenant-platform")
    hard = by_name(objects, "ResourceQuota")["quota"]["spec"]["hard"]
    [container, _] = by_name(objects, "LimitRange")["limits"]["spec"]["limits"]
    counted = {
        name for name in hard if name in ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
    }
    given = {f"requests.{name}" for name in container["defaultRequest"]}
    given |= {f"limits.{name}" for name in container["default"]}
    assert counted <= given


def test_owners_look_and_restart_but_neither_change_nor_read_secrets(render: Render) -> None:
    objects = render("tenant-platform", {"owners": ["ml-team@example.com", "ml-oncall@example.com"]})
    binding = by_name(objects, "RoleBinding")["tenant-owners"]
    assert [subject["name"] for subject in binding["subjects"]] == [
        "ml-team@example.com",
        "ml-oncall@example.com",
    ]
    assert {subject["kind"] for subject in binding["subjects"]} == {"Group"}
    rules = by_name(objects, "Role")[binding["roleRef"]["name"]]["rules"]
    grants = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    beyond_looking = {grant for grant in grants if grant[1] not in ("get", "list", "watch")}
    assert beyond_looking == {("pods", "delete"), ("jobs", "delete")}
    assert not {resource for resource, _ in grants} & {"*", "secrets", "pods/exec", "serviceaccounts/token"}
    assert not any("*" in rule["apiGroups"] for rule in rules)


def test_owners_can_be_kept_to_looking(render: Render) -> None:
    objects = render("tenant-platform", {"owners": ["ml-team@example.com"], "ownersMayRestart": False})
    verbs = {verb for rule in by_name(objects, "Role")["tenant-owner"]["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch"}


def test_without_owners_nobody_gets_rights(render: Render) -> None:
    assert not {"Role", "RoleBinding"} & {body["kind"] for body in render("tenant-platform")}


WRONG: dict[str, tuple[Object, str]] = {
    "misspelt": ({"qouta": {}}, "'qouta' not allowed"),
    "no quantity": ({"quota": {"memory": "a lot"}}, "/quota/memory"),
    "a quota removed": ({"quota": {"pods": None}}, "missing property 'pods'"),
    "illegal namespace": ({"namespace": "ML_staging"}, "/namespace"),
    "no version": ({"podSecurity": {"version": "1.34"}}, "/podSecurity/version"),
    "one owner as text": ({"owners": "ml-team@example.com"}, "/owners"),
    "opening to everyone": (openings(extra={"x": {"to": []}}), "/network/openings/extra/x/to"),
    "opening to nobody": (openings(extra={"x": {"ports": [80]}}), "/network/openings/extra/x"),
    "opening of a taken name": (openings(extra={"dns": {"to": [MONITORING]}}), "'not' failed"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_schema_refuses_a_mistake_and_names_its_place(charts: Path, mistake: str) -> None:
    values, complaint = WRONG[mistake]
    with (
        helm_python.Chart.load(charts / "tenant-platform") as chart,
        pytest.raises(helm_python.HelmValuesError) as refused,
    ):
        chart.render(values)
    assert complaint in str(refused.value)
