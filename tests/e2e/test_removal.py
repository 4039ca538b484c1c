"""A tenant that is removed leaves nothing in the cluster, and Argo CD is told by Git alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from installation import ARGO, Installation, installed
from kubernetes.client import ApiException, CoreV1Api, CustomObjectsApi
from objects import config_map, deployment
from rig import Cluster, Gitea

from deploy_orchestrator.fleet import Policy
from deploy_orchestrator.manifests import NOTHING
from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.releases import Conditions, Deployments, Release, SourceChange, make_removal
from tests.delivery.publishing import delivered

CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data", "annotations": {"helm.sh/resource-policy": "keep"}},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
"""Helm would keep it when a release is uninstalled; Argo CD prunes it like any other object."""


@pytest.fixture(scope="module")
def installation(
    k8s: Cluster, forge: Gitea, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Dev syncs by itself, production by the orchestrator's operation."""
    folder = tmp_path_factory.mktemp("installation")
    with installed(k8s, forge, folder, ["leaving", "staying"], policies={"dev": {}}) as made:
        yield made


def removed(installation: Installation, release: Release) -> Release:
    releases = Deployments(installation.deployments)
    source = SourceChange(commit="f" * 40, authors=("a@example.com",), signed=True)
    policy = Policy.model_validate({"removals": "100%"})
    plan = make_removal(release, releases.released_manifests(release), source, policy)
    assert releases.propose(plan, NOTHING, lambda older, newer: older <= newer)
    conditions = Conditions(policy, b"", (), datetime.now(UTC))
    return raised(releases.release_plans([plan], lambda: lambda _: conditions)[0])


def application(installation: Installation, environment: str) -> Any:
    with installation.k8s.client() as client:
        return CustomObjectsApi(client).get_namespaced_custom_object(
            **ARGO, plural="applications", name=f"{environment}.leaving"
        )


@pytest.mark.parametrize("environment", ["dev", "production"])
def test_a_removed_tenant_leaves_nothing_but_its_application_whatever_helm_would_keep(
    installation: Installation, environment: str
) -> None:
    stays = installation.release(environment, "staying", config_map())
    release = installation.release(environment, "leaving", config_map(), deployment(), CLAIM)
    for each in (stays, release):
        delivered(installation.engine, each)

    removal = removed(installation, release)
    status = delivered(installation.engine, removal)

    assert status.live(removal)
    assert application(installation, environment)["status"].get("resources", []) == []
    with installation.k8s.client() as client:
        core = CoreV1Api(client)
        with pytest.raises(ApiException, match="404"):
            core.read_namespace(f"leaving-{environment}")
        assert core.read_namespaced_config_map("settings", f"staying-{environment}")

    Deployments(installation.deployments).clear(environment, "leaving", removal)
    refreshed = installation.release(environment, "staying", config_map(x="later"))
    assert delivered(installation.engine, refreshed).live(refreshed)
    assert application(installation, environment)["spec"]["source"]["targetRevision"] == removal.revision
    assert f"{environment}.leaving" in (installation.engine.leftover(environment, "leaving") or "")


def test_a_tenant_that_comes_back_is_released_as_a_new_one(installation: Installation) -> None:
    release = installation.release("production", "leaving", config_map(x="first"))
    delivered(installation.engine, release)
    removal = removed(installation, release)
    delivered(installation.engine, removal)
    Deployments(installation.deployments).clear("production", "leaving", removal)

    back = installation.release("production", "leaving", config_map(x="back"))
    assert back.base is None
    assert delivered(installation.engine, back).live(back)
