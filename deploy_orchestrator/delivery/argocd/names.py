"""What things are called in Argo CD."""

from collections.abc import Container
from typing import Any

API_VERSION = "argoproj.io/v1alpha1"
ACCOUNT = "deploy-orchestrator"
APPLICATION_SET = "deploy-orchestrator"
OURS = {"app.kubernetes.io/part-of": ACCOUNT}
"""The labels of all that the bootstrap makes of Argo CD's kinds."""

BOOTSTRAP = "apply what `deploy-orchestrator argocd bootstrap` prints"

REFRESH = "argocd.argoproj.io/refresh"
SKIP = "argocd.argoproj.io/skip-reconcile"
RELEASE = "deploy-orchestrator.io/release"
ASKED_BY = "deploy-orchestrator.io/asked-by"
FAILING = "deploy-orchestrator.io/failing-since"
REFRESH_SET = "argocd.argoproj.io/application-set-refresh"
ENVIRONMENT = "deploy-orchestrator.io/environment"
TENANT = "deploy-orchestrator.io/tenant"


def application(environment: str, tenant: str) -> str:
    """The name of a deployment's Application. Labels have no dots, so two deployments never share one."""
    return f"{environment}.{tenant}"


def deployment(application: str) -> tuple[str, str]:
    """The environment and the tenant of an Application, by its name."""
    environment, _, tenant = application.partition(".")
    return environment, tenant


def labels(environment: str, tenant: str) -> dict[str, str]:
    return {ENVIRONMENT: environment, TENANT: tenant}


def delivers_release(labels: Container[str]) -> bool:
    """Whether an Application with these labels is one that the bootstrap's ApplicationSet makes."""
    return TENANT in labels


def argo_object(kind: str, name: str, namespace: str, **content: Any) -> dict[str, Any]:
    """An object of one of Argo CD's kinds in its `namespace`."""
    metadata = {"name": name, "namespace": namespace, "labels": OURS}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, **content}
