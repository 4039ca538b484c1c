"""The rig as fixtures.

With `KUBECONFIG` set, the suite uses that cluster and its Argo CD instead of booting its own.
"""

import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes.client import CoreV1Api
from kubernetes.watch import Watch
from rig import CONSENT, ArgoCD, Cluster, ControlPlane, Gitea


def pytest_configure() -> None:
    # SIGTERM ends a run as Ctrl-C does: fixtures are torn down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rig")


@pytest.fixture(scope="session")
def k8s(logs: Path) -> Iterator[Cluster]:
    """A cluster that runs Argo CD in namespace `argocd`."""
    if kubeconfig := os.environ.get("KUBECONFIG"):
        yield _existing(Path(kubeconfig))
        return
    with ControlPlane(logs) as booted, ArgoCD(booted):
        yield booted


@pytest.fixture(scope="session")
def control_plane(k8s: Cluster) -> ControlPlane:
    """The cluster with its processes, to kill and restart."""
    if not isinstance(k8s, ControlPlane):
        pytest.skip("KUBECONFIG is set: this suite does not break a cluster that it has not booted")
    return k8s


@pytest.fixture(scope="session")
def forge(logs: Path) -> Iterator[Gitea]:
    with Gitea(logs) as booted:
        yield booted


@pytest.fixture
def namespace(k8s: Cluster) -> Iterator[str]:
    """A namespace of the test's own, with Pod Security at `restricted`."""
    name = f"e2e-{secrets.token_hex(4)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    k8s.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    with k8s.client() as connection:
        core = CoreV1Api(connection)
        accounts = Watch().stream(core.list_namespaced_service_account, name, timeout_seconds=300)
        assert any(event["object"].metadata.name == "default" for event in accounts)
        yield name
        core.delete_namespace(name)


def _existing(kubeconfig: Path) -> Cluster:
    cluster = Cluster(kubeconfig)
    with cluster.client() as connection:
        labels = CoreV1Api(connection).read_namespace("argocd").metadata.labels or {}
    if CONSENT not in labels:
        pytest.exit(
            "KUBECONFIG names a cluster that was not given to these tests, which make and delete objects.\n"
            f"To give it, type: kubectl label namespace argocd {CONSENT}=allowed"
        )
    return cluster
