"""An Argo CD in a simulated cluster that follows the releases of a fleet, as the bootstrap says."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy_orchestrator.delivery import (
    ArgoCD,
    ByEnvironment,
    ClusterClient,
    Contexts,
    Engine,
    Instances,
    apply,
    bootstrap,
)
from deploy_orchestrator.fleet import Fleet
from deploy_orchestrator.git import Repository
from tests import simulated
from tests.delivery.publishing import SOON

ASKS = {"approval": {"approvers": ["alice@example.com"]}}
FLEET = {
    "argocd": [{"name": "main", "url": "https://argocd.example"}],
    "clusters": [{"name": "main", "server": "https://kubernetes.default.svc"}],
    "environments": [
        {"name": "preview", "cluster": "main", "kubernetes": "1.34"},
        {"name": "dev", "cluster": "main", "kubernetes": "1.34", "policy": ASKS},
        {"name": "production", "cluster": "main", "kubernetes": "1.34", "policy": ASKS},
    ],
    "platform": {"name": "app", "version": "1.0.0"},
}
TENANTS = {name: ["preview", "dev", "production"] for name in ("analytics", "ml")}
"""Preview syncs by itself, the others by the orchestrator's operation."""


@dataclass(frozen=True)
class Installation:
    """`deployments` is the engine's own clone."""

    api: simulated.ApiServer
    argocd: simulated.ArgoCD
    fleet: Fleet
    deployments: Repository
    kubeconfig: Path

    @property
    def engine(self) -> Engine:
        """One that was started anew."""
        contexts = Contexts(self.kubeconfig, None, {"main": "main"})
        return ByEnvironment(ArgoCD.name, Instances(lambda: self.fleet, self.deployments, contexts))

    @property
    def one(self) -> ArgoCD:
        """The engine of its one Argo CD, without the door that holds back after a failure."""
        return ArgoCD.connect(self.fleet.argocd[0], self.deployments, self.kubeconfig)


@contextmanager
def installed(fleet: Fleet, url: str, folder: Path) -> Generator[Installation]:
    """`url`: of the deployments repository, which has no release yet."""
    with simulated.serving() as api:
        api.namespaces("argocd", *(each.namespace for each in fleet.deployments()))
        kubeconfig = api.kubeconfig(folder / "kubeconfig", "main")
        administrator = ClusterClient(kubeconfig, "main", SOON, "administrator")
        objects = bootstrap(fleet, fleet.argocd[0], url, datetime.now(UTC))
        assert all(done for _, done in apply(administrator, objects, "argocd", dry_run=False))
        argocd = simulated.ArgoCD(api, Repository.clone(url, folder / "of-argocd"))
        with argocd.running():
            engines = Repository.clone(url, folder / "reader")
            yield Installation(api, argocd, fleet, engines, kubeconfig)
