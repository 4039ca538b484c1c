"""The orchestrator's ServiceAccount can have released commits synced, and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
from installation import ARGO, Installation, installed
from kubernetes.client import ApiClient, ApiException, CoreV1Api, CustomObjectsApi
from kubernetes.config import new_client_from_config
from objects import config_map
from rig import Cluster, Gitea

from tests.delivery.publishing import delivered

NAME = "production.tenant"
SMUGGLED = {"operation": {"sync": {"manifests": ["{}"]}}, "startedAt": "2026-03-02T12:00:00Z"}


@pytest.fixture(scope="module")
def installation(
    k8s: Cluster, forge: Gitea, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(k8s, forge, tmp_path_factory.mktemp("access"), ["tenant"]) as made:
        release = made.release("production", "tenant", config_map())
        delivered(made.engine, release)
        yield made


@pytest.fixture
def orchestrator(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    folder = tmp_path_factory.mktemp("account")
    kubeconfig = installation.k8s.account("argocd", "deploy-orchestrator", folder)
    with new_client_from_config(str(kubeconfig)) as client:
        yield client


def _patch(client: ApiClient, body: dict[str, Any], plural: str = "applications", name: str = NAME) -> None:
    CustomObjectsApi(client).patch_namespaced_custom_object(**ARGO, plural=plural, name=name, body=body)


def _sync(installation: Installation, **fields: Any) -> dict[str, Any]:
    with installation.k8s.client() as client:
        spec = CustomObjectsApi(client).get_namespaced_custom_object(
            **ARGO, plural="applications", name=NAME
        )["spec"]
    released = {
        "revision": spec["source"]["targetRevision"],
        "syncOptions": spec["syncPolicy"]["syncOptions"],
    }
    return {"operation": {"sync": {**released, **fields}}}


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}},
        {"status": {"operationState": {"phase": "Terminating"}}},
        {"status": {"operationState": None}},
    ],
    ids=str,
)
def test_it_asks_for_refreshes_and_ends_and_clears_operations(
    orchestrator: ApiClient, change: dict[str, Any]
) -> None:
    _patch(orchestrator, change)


def test_it_syncs_what_the_application_targets(installation: Installation, orchestrator: ApiClient) -> None:
    _patch(orchestrator, _sync(installation))


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"source": {"targetRevision": "main"}}},
        {"spec": {"project": "default"}},
        {"spec": {"syncPolicy": {"automated": {}}}},
        {"metadata": {"labels": {"deploy-orchestrator.io/tenant": "another"}}},
        {"metadata": {"annotations": {"argocd.argoproj.io/skip-reconcile": "true"}}},
        {"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}},
        {"metadata": {"ownerReferences": []}},
        {"status": {"health": {"status": "Healthy", "message": "says who"}}},
        {"status": {"history": []}},
        {"status": {"operationState": {**SMUGGLED, "phase": "Running"}}},
        {"status": {"operationState": {**SMUGGLED, "phase": "Terminating"}}},
    ],
    ids=str,
)
def test_it_changes_nothing_else_in_an_application(orchestrator: ApiClient, change: dict[str, Any]) -> None:
    with pytest.raises(ApiException, match="the orchestrator changes n"):
        _patch(orchestrator, change)


@pytest.mark.parametrize(
    "fields",
    [
        {"revision": "1" * 40},
        {"revision": None},
        {"source": {"repoURL": "https://git.example/other.git"}},
        {"manifests": ["{}"]},
        {"syncOptions": ["Replace=true"]},
        {"resources": [{"kind": "ConfigMap", "name": "settings"}]},
    ],
    ids=str,
)
def test_it_syncs_nothing_but_what_was_released(
    installation: Installation, orchestrator: ApiClient, fields: dict[str, Any]
) -> None:
    with pytest.raises(ApiException, match="the orchestrator syncs nothing but"):
        _patch(orchestrator, _sync(installation, **fields))


def test_it_does_not_let_a_retry_forget_the_revision(
    installation: Installation, orchestrator: ApiClient
) -> None:
    change = _sync(installation)
    change["operation"]["retry"] = {"limit": 1, "refresh": True}
    with pytest.raises(ApiException, match="the orchestrator syncs nothing but"):
        _patch(orchestrator, change)


def test_it_does_not_change_what_makes_applications(orchestrator: ApiClient) -> None:
    _patch(
        orchestrator,
        {"metadata": {"annotations": {"argocd.argoproj.io/application-set-refresh": "now"}}},
        "applicationsets",
        "deploy-orchestrator",
    )
    with pytest.raises(ApiException, match="the orchestrator changes neither spec nor labels"):
        _patch(orchestrator, {"spec": {"goTemplateOptions": []}}, "applicationsets", "deploy-orchestrator")


def test_it_creates_deletes_and_reads_nothing_else(orchestrator: ApiClient) -> None:
    argo, core = CustomObjectsApi(orchestrator), CoreV1Api(orchestrator)
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "new"}}
    for refused in (
        lambda: argo.create_namespaced_custom_object(**ARGO, plural="applications", body=body),
        lambda: argo.delete_namespaced_custom_object(**ARGO, plural="applications", name=NAME),
        lambda: argo.delete_namespaced_custom_object(
            **ARGO, plural="applicationsets", name="deploy-orchestrator"
        ),
        lambda: argo.list_namespaced_custom_object(**ARGO, plural="appprojects"),
        lambda: core.list_namespaced_secret("argocd"),
        lambda: core.list_namespaced_config_map("tenant-production"),
        lambda: core.list_namespace(),
    ):
        with pytest.raises(ApiException) as raised:
            refused()
        assert raised.value.status == 403
