"""A fleet's deployments repository on the forge, and an Argo CD that follows it as the bootstrap says."""

import itertools
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import CustomObjectsApi
from objects import config_map, network_policy, quota
from rig import Cluster, Gitea, repository

from deploy_orchestrator.delivery import ArgoCD, ByEnvironment, Contexts, Engine, Instances, bootstrap
from deploy_orchestrator.fleet import AS_USUAL, Fleet, Policy, Syncing, load
from deploy_orchestrator.git import Changes, Repository
from deploy_orchestrator.manifests import ChartUsed, Manifests, Object
from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.releases import Conditions, Deployments, Release, SourceChange, make_plan
from deploy_orchestrator.settings import Settings

SERVER = "https://kubernetes.default.svc"
ENVIRONMENTS = ("dev", "production")
APPROVER = (
    "alice@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID0q2DJt8VBQtg2CP6NFpm7iOO9kPXfkdlujAL9Lg1dG\n"
)
ACCOUNT = "deploy-orchestrator"
KUBECONFIG = "argocds.kubeconfig"
ARGO = {"group": "argoproj.io", "version": "v1alpha1", "namespace": "argocd"}

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Installation:
    """`engine` is the orchestrator's ServiceAccount, `deployments` its user of the forge, `remote` the URL
    with that user's password."""

    k8s: Cluster
    fleet: Fleet
    url: str
    remote: str
    deployments: Repository
    engine: Engine
    folder: Path

    @property
    def settings(self) -> Settings:
        """Those of an orchestrator of this fleet, with the rights of its ServiceAccount."""
        return Settings(
            fleet=str(self.folder / "fleet"),
            deployments=self.remote,
            home=self.folder / "state",
            engine="argocd",
            kubeconfig=self.folder / KUBECONFIG,
            context=self.fleet.argocd[0].name,
        )

    def commit(self, files: Mapping[str, Any], deletes: Iterable[str] = ()) -> None:
        """Write `files` of the fleet, data as YAML, and delete others."""
        _commit(self.folder / "fleet", files, deletes)

    def set_policy(self, environment: str, policy: Mapping[str, Any]) -> None:
        """Commit another policy, and have it trusted; Argo CD goes on as it was bootstrapped."""
        fleet = yaml.safe_load((self.folder / "fleet/fleet.yaml").read_text())
        (asked,) = [each for each in fleet["environments"] if each["name"] == environment]
        asked["policy"] = policy
        self.commit({"fleet.yaml": fleet})
        self.deployments.write(
            "main",
            lambda tree: Changes("Trust the rules anew", deletes=["rules"] if tree.exists("rules") else []),
        )

    def make_namespaces(self) -> None:
        """The fleet's own charts bring none."""
        names = [each.namespace for each in self.fleet.deployments()]
        self.k8s.apply(
            *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names)
        )

    def release(
        self, environment: str, tenant: str, *objects: dict[str, Any], sync: Syncing = AS_USUAL
    ) -> Release:
        """Push a candidate of `objects` in the tenant's namespace, and its release."""
        known = self.fleet.deployment(environment, tenant)
        deployment = replace(known, tenant=known.tenant.model_copy(update={"sync": sync}))
        namespace = deployment.namespace
        home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        inside = [{**each, "metadata": {"namespace": namespace, **each["metadata"]}} for each in objects]
        candidate = Manifests(tuple(map(Object, (home, *inside))), ChartUsed(name="app", version="1.0.0"))
        releases = Deployments(self.deployments)
        released = releases.release(environment, tenant)
        plan = make_plan(
            replace(deployment, environment=deployment.environment.model_copy(update={"policy": Policy()})),
            source=SourceChange(commit=f"{next(_numbers):040x}", authors=("a@example.com",), signed=True),
            candidate=candidate,
            released=released,
            released_manifests=releases.released_manifests(released) if released else None,
            emptied=releases.emptied(environment, tenant),
            findings=(),
            after=(),
        )
        assert releases.propose(plan, candidate, lambda older, newer: older <= newer)
        conditions = Conditions(Policy(), b"", (), datetime.now(UTC))
        return raised(releases.release_plans([plan], lambda: lambda _: conditions)[0])

    def revert(self, release: Release, reason: str) -> Release:
        return Deployments(self.deployments).revert(release, reason, datetime.now(UTC))

    def another(self, folder: Path) -> Engine:
        """An engine of another process: with its own clone and connection."""
        folder.mkdir()
        clone = Repository.clone(self.deployments.url, folder / "deployments")
        return _engine(self.k8s, self.fleet, clone, folder)


@contextmanager
def installed(
    k8s: Cluster,
    forge: Gitea,
    folder: Path,
    tenants: list[str],
    *,
    policies: Mapping[str, Any] | None = None,
    argocds: Mapping[str, str] | None = None,
) -> Iterator[Installation]:
    """Everything for a fleet of `tenants`, in dev and production; the Applications are gone at the end.

    An environment asks for approval unless one of the `policies` is its own. `argocds` are the namespaces of
    the Argo CDs of environments that have one of their own.
    """
    number = next(_numbers)
    owner, orchestrator, argo = (
        forge.user(f"{name}-{number}") for name in ("platform", "orchestrator", "argocd")
    )
    url = forge.repository(owner, "deployments")
    for user in (orchestrator, argo):
        forge.collaborate(owner, "deployments", user)
    forge.protect(owner, "deployments", "main", orchestrator)
    fleet = _fleet(folder / "fleet", tenants, policies or {}, argocds or {})
    remote = forge.signed_in(url, orchestrator)
    deployments = Repository.clone(remote, folder / "deployments")
    for each in fleet.argocd:
        k8s.apply(repository(f"deployments-{number}", url, argo.name, argo.password, each.namespace))
        k8s.apply(*bootstrap(fleet, each, url, datetime.now(UTC)))
    engine = _engine(k8s, fleet, deployments, folder)
    try:
        yield Installation(k8s, fleet, url, remote, deployments, engine, folder)
    finally:
        for each in fleet.argocd:
            remove(k8s, each.namespace)


def _engine(k8s: Cluster, fleet: Fleet, deployments: Repository, folder: Path) -> Engine:
    contexts = Contexts(kubeconfig(k8s, fleet, folder), None, {each.name: each.name for each in fleet.argocd})
    return ByEnvironment(ArgoCD.name, Instances(lambda: fleet, deployments, contexts))


def kubeconfig(k8s: Cluster, fleet: Fleet, folder: Path) -> Path:
    """It has a context for each Argo CD of the fleet, with the orchestrator's rights there."""
    merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    for each in fleet.argocd:
        account = yaml.safe_load(k8s.account(each.namespace, ACCOUNT, folder).read_text())
        for kind in ("clusters", "users"):
            merged.setdefault(kind, []).append({**account[kind][0], "name": each.name})
        context = {"cluster": each.name, "user": each.name}
        merged.setdefault("contexts", []).append({"name": each.name, "context": context})
    path = folder / KUBECONFIG
    path.write_text(yaml.safe_dump(merged))
    return path


def _fleet(
    folder: Path, tenants: list[str], policies: Mapping[str, Any], argocds: Mapping[str, str]
) -> Fleet:
    asks = {"approval": {"approvers": ["alice@example.com"]}}
    environments = [
        {
            "name": name,
            "cluster": argocds.get(name, "rig"),
            "kubernetes": "1.34",
            "policy": policies.get(name, asks),
        }
        for name in ENVIRONMENTS
    ]
    files: dict[str, Any] = {
        "fleet.yaml": {
            "argocd": [
                {"name": name, "namespace": name, "url": f"https://{name}.example"}
                for name in ("argocd", *argocds.values())
            ],
            "clusters": [
                {"name": "rig", "server": SERVER},
                *({"name": name, "server": SERVER, "argocd": name} for name in argocds.values()),
            ],
            "environments": environments,
            "platform": {"name": "app", "version": "1.0.0"},
        },
        "charts/app/Chart.yaml": {"apiVersion": "v2", "name": "app", "version": "1.0.0"},
        "charts/app/templates/settings.yaml": config_map("{{ .Release.Name }}"),
        "charts/app/templates/deny.yaml": network_policy("{{ .Release.Name }}"),
        "charts/app/templates/quota.yaml": quota("{{ .Release.Name }}"),
    }
    for tenant in tenants:
        files[f"tenants/{tenant}/tenant.yaml"] = {
            "chart": {"name": "app", "version": "1.0.0"},
            "environments": list(ENVIRONMENTS),
            "quota": {"cpu": "4", "memory": "8Gi", "storage": "10Gi", "pods": 20},
            "owners": ["owners@example.com"],
        }
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
    _commit(folder, {**files, "allowed_signers": APPROVER})
    return load(Repository.clone(str(folder), folder.parent / "fleet-clone").at("main"))


def _commit(folder: Path, files: Mapping[str, Any], deletes: Iterable[str] = ()) -> None:
    git = ("git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.com")
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    for path in deletes:
        subprocess.run([*git, "rm", "--quiet", "-r", path], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message=Change"], check=True)


def remove(k8s: Cluster, namespace: str = "argocd") -> None:
    """Delete all Applications and what makes them; their objects stay."""
    ours = {
        "applicationsets": "app.kubernetes.io/part-of=deploy-orchestrator",
        "applications": "deploy-orchestrator.io/tenant",
        "appprojects": "app.kubernetes.io/part-of=deploy-orchestrator",
    }
    with k8s.client() as client:
        for plural, selector in ours.items():
            CustomObjectsApi(client).delete_collection_namespaced_custom_object(
                **{**ARGO, "namespace": namespace}, plural=plural, label_selector=selector
            )
