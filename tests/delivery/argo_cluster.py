"""What the contract does to an Argo CD from outside, simulated or real."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubernetes.client import CoreV1Api

from deploy_orchestrator.delivery import Engine, Health, Status, Sync
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import Manifests
from deploy_orchestrator.releases import Release
from tests.delivery.publishing import SOON, namespaced


@dataclass(frozen=True)
class ArgoCluster:
    """What the contract does from outside: here to the cluster, waiting until Argo CD has seen it."""

    engine: Engine
    deployments: Repository
    restarted: Callable[[], Engine]
    api: CoreV1Api

    def live(self, release: Release) -> dict[str, bytes]:
        """The objects that Argo CD applied, as the files that they were."""
        found = self.api.list_namespaced_config_map(release.namespace).items
        mine = [
            namespaced("v1", "ConfigMap", each.metadata.name, namespace=release.namespace, data=each.data)
            for each in found
            if "argocd.argoproj.io/tracking-id" in (each.metadata.annotations or {})
        ]
        return Manifests(tuple(mine)).files() if mine else {}

    def edit(self, release: Release, file: str) -> None:
        self.api.patch_namespaced_config_map(_name(file), release.namespace, {"data": {"name": "by hand"}})
        self._wait(release, lambda status: status.sync is Sync.OUT_OF_SYNC)

    def remove(self, release: Release, file: str) -> None:
        name = _name(file)
        self.api.delete_namespaced_config_map(name, release.namespace)
        self._wait(release, lambda status: f"ConfigMap {release.namespace}/{name}" in status.drift)

    def break_live(self, release: Release, reason: str) -> None:
        for each in self.api.list_namespaced_config_map(release.namespace).items:
            broken = {"e2e/broken": (each.data or {}).get("x", "nil"), "e2e/broken-why": reason}
            self._annotate(each, broken)
        self._wait(release, lambda status: status.health is Health.DEGRADED)

    def fail_hook(self, release: Release, name: str, output: str) -> None:
        """Nothing to do: the pod of the next release says so itself."""

    def mend_live(self, release: Release) -> None:
        for each in self.api.list_namespaced_config_map(release.namespace).items:
            self._annotate(each, {"e2e/broken": None})
        self._wait(release, lambda status: status.health is Health.HEALTHY)

    def _annotate(self, config_map: Any, annotations: dict[str, str | None]) -> None:
        metadata = config_map.metadata
        body = {"metadata": {"annotations": annotations}}
        self.api.patch_namespaced_config_map(metadata.name, metadata.namespace, body)

    def _wait(self, release: Release, seen: Callable[[Status], bool]) -> None:
        assert any(map(seen, self.engine.watch(release.environment, [release.tenant], SOON)))


def _name(file: str) -> str:
    return file.split(".")[-2]
