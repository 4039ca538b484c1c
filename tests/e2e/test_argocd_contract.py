"""The contract of every engine, held by a real Argo CD."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from installation import installed
from kubernetes.client import CoreV1Api
from rig import Cluster, Gitea
from test_engine_contract import *  # noqa: F403

from deploy_orchestrator.delivery import Engine
from tests.delivery.argo_cluster import ArgoCluster
from tests.delivery.publishing import Publisher

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
        again = partial(installation.another, tmp_path / "restarted")
        yield ArgoCluster(installation.engine, installation.deployments, again, api)
        for name in namespaces:
            api.delete_collection_namespaced_config_map(name)


@pytest.fixture
def engine(cluster: ArgoCluster) -> Engine:
    return cluster.engine


@pytest.fixture
def publisher(cluster: ArgoCluster) -> Publisher:
    return Publisher(cluster.deployments, "rig")
