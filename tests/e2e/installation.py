"""A fleet's deployments repository on the forge, and an Argo CD that follows it as the bootstrap says."""

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import CustomObjectsApi
from rig import Cluster, Gitea, repository

from deploy_orchestrator.delivery import ArgoCD, bootstrap
from deploy_orchestrator.fleet import Fleet, Policy, load
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import ChartUsed, Manifests, Object
from deploy_orchestrator.releases import Conditions, Deployments, Release, SourceChange, make_plan

SERVER = "https://kubernetes.default.svc"
ENVIRONMENTS = ("dev", "production")
APPROVER = (
    "alice@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID0q2DJt8VBQtg2CP6NFpm7iOO9kPXfkdlujAL9Lg1dG\n"
)
ARGO = {"group": "argoproj.io", "version": "v1alpha1", "namespace": "argocd"}

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Installation:
    """`engine` is the orchestrator's ServiceAccount, `deployments` its user of the forge."""

    k8s: Cluster
    fleet: Fleet
    url: str
    deployments: Repository
    engine: ArgoCD

    def release(self, environment: str, tenant: str, *objects: dict[str, Any]) -> Release:
        """Push a candidate of `objects` in the tenant's namespace, and its release."""
        deployment = self.fleet.deployment(environment, tenant)
        namespace = deployment.namespace
        home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        inside = [{**each, "metadata": {"namespace": namespace, **each["metadata"]}} for each in objects]
        candidate = Manifests(tuple(map(Object, (home, *inside))), ChartUsed("app", "1.0.0"))
        releases = Deployments(self.deployments)
        released = releases.release(environment, tenant)
        plan = make_plan(
            replace(deployment, environment=deployment.environment.model_copy(update={"policy": Policy()})),
            source=SourceChange(commit=f"{next(_numbers):040x}", authors=("a@example.com",), signed=True),
            candidate=candidate,
            released=released,
            released_manifests=releases.released_manifests(released) if released else None,
            findings=(),
            after=None,
        )
        assert releases.propose(plan, candidate, lambda older, newer: older <= newer)
        return releases.release_plan(plan, Conditions(Policy(), b"", None, datetime.now(UTC)))

    def revert(self, release: Release, reason: str) -> Release:
        return Deployments(self.deployments).revert(release, reason, datetime.now(UTC))

    def another(self, folder: Path) -> ArgoCD:
        """An engine of another process: with its own clone and connection."""
        folder.mkdir()
        clone = Repository.clone(self.deployments.url, folder / "deployments")
        return _engine(self.k8s, clone, folder)


@contextmanager
def installed(
    k8s: Cluster, forge: Gitea, folder: Path, tenants: list[str], *, automated: tuple[str, ...] = ()
) -> Iterator[Installation]:
    """Everything for a fleet of `tenants`, in dev and production; the Applications are gone at the end."""
    number = next(_numbers)
    owner, orchestrator, argo = (
        forge.user(f"{name}-{number}") for name in ("platform", "orchestrator", "argocd")
    )
    url = forge.repository(owner, "deployments")
    for user in (orchestrator, argo):
        forge.collaborate(owner, "deployments", user)
    forge.protect(owner, "deployments", "main", orchestrator)
    k8s.apply(repository(f"deployments-{number}", url, argo.name, argo.password))

    fleet = _fleet(folder / "fleet", tenants, automated)
    deployments = Repository.clone(forge.signed_in(url, orchestrator), folder / "deployments")
    k8s.apply(*bootstrap(fleet, url, datetime.now(UTC)))
    engine = _engine(k8s, deployments, folder)
    try:
        yield Installation(k8s, fleet, url, deployments, engine)
    finally:
        remove(k8s)


def _engine(k8s: Cluster, deployments: Repository, folder: Path) -> ArgoCD:
    kubeconfig = k8s.account("argocd", "deploy-orchestrator", folder)
    return ArgoCD.connect(deployments, kubeconfig=kubeconfig, url="https://argocd.example")


def _fleet(folder: Path, tenants: list[str], automated: tuple[str, ...]) -> Fleet:
    asks = {"approval": {"approvers": ["alice@example.com"]}}
    environments = [
        {"name": name, "cluster": "rig", "kubernetes": "1.34", "policy": {} if name in automated else asks}
        for name in ENVIRONMENTS
    ]
    files: dict[str, Any] = {
        "fleet.yaml": {
            "clusters": [{"name": "rig", "server": SERVER}],
            "environments": environments,
            "platform": {"name": "app", "version": "1.0.0"},
        },
        "charts/app/Chart.yaml": {"apiVersion": "v2", "name": "app", "version": "1.0.0"},
    }
    for tenant in tenants:
        files[f"tenants/{tenant}/tenant.yaml"] = {
            "chart": {"name": "app", "version": "1.0.0"},
            "environments": list(ENVIRONMENTS),
            "quota": {"cpu": "4", "memory": "8Gi", "storage": "10Gi", "pods": 20},
            "owners": ["owners@example.com"],
        }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(yaml.safe_dump(content))
    (folder / "allowed_signers").write_text(APPROVER)
    git = ("git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=Fleet"], check=True)
    return load(Repository.clone(str(folder), folder.parent / "fleet-clone").at("main"))


def remove(k8s: Cluster) -> None:
    """Delete all Applications and what makes them; their objects stay."""
    ours = {
        "applicationsets": "app.kubernetes.io/part-of=deploy-orchestrator",
        "applications": "deploy-orchestrator.io/tenant",
        "appprojects": "app.kubernetes.io/part-of=deploy-orchestrator",
    }
    with k8s.client() as client:
        for plural, selector in ours.items():
            CustomObjectsApi(client).delete_collection_namespaced_custom_object(
                **ARGO, plural=plural, label_selector=selector
            )
