"""No tenant is called into the namespace of Argo CD, of Kubernetes or of the orchestrator, or steers them."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.fleet import (
    ChartReference,
    CheckException,
    Deployment,
    Environment,
    Quota,
    Tenant,
    load,
)
from deploy_orchestrator.git import Changes, Repository
from deploy_orchestrator.manifests import Manifests, Object, check

FLEET = """\
argocd:
  - {name: here, namespace: gitops}
clusters:
  - {name: workshop, server: "https://kubernetes.default.svc"}
environments:
  - name: production
    cluster: workshop
    kubernetes: "1.34"
    namespace: "TEMPLATE"
platform: {name: tenant-platform, version: 0.1.0}
"""
TENANT = """\
chart: {name: web, version: 0.1.0}
environments: [production]
quota: {cpu: 4, memory: 8Gi, storage: 20Gi, pods: 30}
owners: [shop-team@example.com]
"""


def broken(tmp_path: Path, template: str, name: str) -> str:
    """What is wrong with the tenant `name` where namespaces are made by `template`."""
    remote = tmp_path / "fleet.git"
    subprocess.run(["git", "init", "--bare", "--quiet", remote], check=True)
    charts = {
        f"charts/{each}/Chart.yaml": f"apiVersion: v2\nname: {each}\nversion: 0.1.0\n".encode()
        for each in ("web", "tenant-platform")
    }
    files = {
        **charts,
        "fleet.yaml": FLEET.replace("TEMPLATE", template).encode(),
        f"tenants/{name}/tenant.yaml": TENANT.encode(),
        "tenants/shop/tenant.yaml": TENANT.encode(),
    }
    repository = Repository.clone(str(remote), tmp_path / "clone")
    repository.write("main", lambda _: Changes("x", files))
    fleet = load(repository.branch())
    assert "shop" in fleet.tenants
    return str(fleet.broken[name])


@pytest.mark.parametrize(
    ("template", "name", "said"),
    [
        ("{tenant}-{environment}", "default", "choose another name: Argo CD's own project is called so"),
        ("{tenant}-{environment}", "gitops", "the namespace of the Argo CD here is called so"),
        ("{tenant}-{environment}", "deploy-orchestrator", "the orchestrator is called so"),
        (
            "{tenant}ops",
            "git",
            "environments[0]: its namespace 'gitops' belongs to the Argo CD",
        ),
        ("deploy-{tenant}", "orchestrator", "'deploy-orchestrator' belongs to the orchestrator"),
        ("{tenant}-x", "kube", "its namespace 'kube-x' belongs to Kubernetes"),
        ("de{tenant}", "fault", "its namespace 'default' belongs to Kubernetes"),
    ],
)
def test_a_name_or_a_namespace_that_is_taken_is_refused_when_the_fleet_is_loaded(
    tmp_path: Path, template: str, name: str, said: str
) -> None:
    error = broken(tmp_path, template, name)
    assert said in error
    assert error.startswith(f"tenants/{name}")
    assert "fix: " in error


def an_object(api_version: str, kind: str, name: str, **metadata: Any) -> Object:
    whole = {"name": name, "namespace": "shop-dev", **metadata}
    return Object({"apiVersion": api_version, "kind": kind, "metadata": whole})


def steering(each: Object, *exceptions: CheckException) -> list[str]:
    tenant = Tenant(
        name="shop",
        chart=ChartReference(name="web", version="1.0.0"),
        environments=("dev",),
        quota=Quota(cpu="2", memory="4Gi", storage="10Gi", pods=4),
        owners=("shop@example.com",),
        exceptions=exceptions,
    )
    deployment = Deployment(
        Environment(name="dev", cluster="here", kubernetes="1.34"),
        tenant,
        "shop-dev",
        server="https://kubernetes.default.svc",
    )
    found = check(Manifests((each,)), deployment)
    return [finding.severity for finding in found if finding.rule == "argocd-steered"]


@pytest.mark.parametrize(
    "each",
    [
        an_object("argoproj.io/v1alpha1", "Application", "owned"),
        an_object("argoproj.io/v1alpha1", "AppProject", "evil"),
        an_object("argoproj.io/v1alpha1", "ApplicationSet", "evil"),
        an_object("argoproj.io/v2", "WhatComesNext", "evil"),
        an_object("v1", "ConfigMap", "argocd-rbac-cm"),
        an_object("v1", "Secret", "cluster", labels={"argocd.argoproj.io/secret-type": "cluster"}),
    ],
    ids=lambda each: str(each.key),
)
def test_what_steers_argo_cd_blocks(each: Object) -> None:
    assert steering(each) == ["error"]


@pytest.mark.parametrize(
    "each",
    [
        an_object("argoproj.io/v1alpha1", "Rollout", "web"),
        an_object("argoproj.io/v1alpha1", "CronWorkflow", "nightly"),
        an_object("v1", "ConfigMap", "settings"),
        an_object("v1", "Secret", "login", labels={"app": "web"}),
    ],
    ids=lambda each: str(each.key),
)
def test_what_other_programs_go_by_does_not(each: Object) -> None:
    assert steering(each) == []


def test_an_exception_in_the_fleet_lets_it_through() -> None:
    exception = CheckException.model_validate(
        {"rule": "argocd-steered", "reason": "runs Argo CD for all", "expires": "2999-01-01T00:00:00Z"}
    )
    assert steering(an_object("v1", "ConfigMap", "argocd-cm"), exception) == ["warning"]
