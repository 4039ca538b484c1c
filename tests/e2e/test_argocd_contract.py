"""The contract of every engine, held by a real Argo CD."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, installed
from kubernetes.client import CoreV1Api
from rig import Cluster, Gitea
from test_engine_contract import *  # noqa: F403

from deploy_orchestrator.delivery import Engine, Health, Status, Sync
from deploy_orchestrator.manifests import Manifests
from deploy_orchestrator.releases import Release
from tests.delivery.publishing import SOON, Publisher, namespaced

TENANTS = ["analytics", "ml"]

HEALTH = """
hs = {status = "Healthy", message = ""}
local told = obj.metadata.annotations or {}
if told["e2e/broken"] ~= nil and told["e2e/broken"] == tostring((obj.data or {}).x) then
  hs.status = "Degraded"
  hs.message = told["e2e/broken-why"]
end
return hs
"""
"""Lets tests break ConfigMaps: one is Degraded while its `x` is the one that was broken."""


@dataclass(frozen=True)
class ArgoCluster:
    """What the contract does from outside: here to the cluster, waiting until Argo CD has seen it."""

    installation: Installation
    api: CoreV1Api
    folder: Path

    @property
    def engine(self) -> Engine:
        return self.installation.engine

    def restarted(self) -> Engine:
        return self.installation.another(self.folder / "restarted")

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


@pytest.fixture(scope="module", autouse=True)
def _breakable(k8s: Cluster) -> None:
    settings = {"data": {"resource.customizations.health.ConfigMap": HEALTH}}
    with k8s.client() as client:
        CoreV1Api(client).patch_namespaced_config_map("argocd-cm", "argocd", settings)


@pytest.fixture
def cluster(k8s: Cluster, forge: Gitea, tmp_path: Path) -> Iterator[ArgoCluster]:
    with k8s.client() as client, installed(k8s, forge, tmp_path, TENANTS) as installation:
        api = CoreV1Api(client)
        namespaces = [each.namespace for each in installation.fleet.deployments()]
        for name in namespaces:
            k8s.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        yield ArgoCluster(installation, api, tmp_path)
        for name in namespaces:
            api.delete_collection_namespaced_config_map(name)


@pytest.fixture
def engine(cluster: ArgoCluster) -> Engine:
    return cluster.engine


@pytest.fixture
def publisher(cluster: ArgoCluster) -> Publisher:
    return Publisher(cluster.installation.deployments, "rig")


def _name(file: str) -> str:
    return file.split(".")[-2]
