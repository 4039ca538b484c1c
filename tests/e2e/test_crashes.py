"""An orchestrator that is killed at any step: the next one completes its work, and does nothing twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from installation import ARGO, Installation, installed
from kubernetes.client import CustomObjectsApi
from rig import Cluster, Gitea

from deploy_orchestrator.git import Repository
from deploy_orchestrator.releases import Deployments

SHIP = Path(__file__).with_name("ship.py")
WORKER = Path(__file__).parents[1] / "releases" / "worker.py"
TENANTS = [f"crash-{number:02}" for number in range(40)]
AT_ONCE = 4


@pytest.fixture
def installation(k8s: Cluster, forge: Gitea, tmp_path: Path) -> Iterator[Installation]:
    with installed(k8s, forge, tmp_path, TENANTS) as made:
        for tenant in TENANTS:
            namespace = made.fleet.deployment("dev", tenant).namespace
            k8s.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        yield made


def test_an_orchestrator_killed_at_any_step_is_taken_up_by_the_next_that_does_nothing_twice(
    installation: Installation, tmp_path: Path
) -> None:
    whole, *others = TENANTS
    steps = int(ship(installation, tmp_path, whole).stdout)
    assert 10 < steps < len(others)

    def killed_and_restarted(step: int) -> int:
        tenant = others[step]
        killed = ship(installation, tmp_path, tenant, step)
        assert ship(installation, tmp_path, tenant).returncode == 0
        return killed.returncode

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(killed_and_restarted, range(steps)))

    assert ends[: steps // 2] == [-signal.SIGKILL] * (steps // 2)
    deployments = Deployments(installation.deployments)
    deployments.repository.fetch()
    for tenant in (whole, *others[:steps]):
        release = deployments.release("dev", tenant)
        assert release is not None
        assert [event.commit for event in deployments.history("dev", tenant)] == [release.commit]
        proposals = deployments.repository.log("main", paths=[f"plans/dev/{tenant}.yaml"])
        assert len(proposals) == 1
        assert installation.engine.status("dev", tenant).live(release)
        assert syncs(installation, tenant) == [release.revision]


def test_eight_writers_at_once_on_a_protected_branch_lose_nothing(forge: Gitea, tmp_path: Path) -> None:
    owner, orchestrator = forge.user("raced"), forge.user("racer")
    url = forge.repository(owner, "deployments")
    forge.collaborate(owner, "deployments", orchestrator)
    forge.protect(owner, "deployments", "main", orchestrator)
    remote = forge.signed_in(url, forge.token(orchestrator))
    writers = [[f"tenant-{writer}-{number}" for number in range(2)] for writer in range(8)]

    def write(tenants: list[str]) -> bool:
        """As a run is started again where the forge did not answer in time."""
        command = [sys.executable, WORKER, "release", remote, tmp_path / tenants[0], *tenants]
        return any(subprocess.run(command, timeout=600).returncode == 0 for _ in range(5))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write, writers))

    deployments = Deployments(Repository.clone(remote, tmp_path / "reader"))
    released = {release.tenant for release in deployments.releases()}
    assert released == {tenant for tenants in writers for tenant in tenants}
    assert len(deployments.repository.log("main")) == 2 * 16


def ship(
    installation: Installation, folder: Path, tenant: str, step: int = -1
) -> subprocess.CompletedProcess[str]:
    """`ship.py` as a process of its own, with the state that the one before for this tenant has left."""
    settings = {
        "FLEET": folder / "fleet",
        "DEPLOYMENTS": installation.remote,
        "HOME": folder / "state" / tenant,
        "ENGINE": "argocd",
        "KUBECONFIG": folder / "argocds.kubeconfig",
        "CONTEXT": "argocd",
    }
    environment = {f"DEPLOY_ORCHESTRATOR_{name}": str(value) for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, SHIP, "dev", tenant, str(step)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def syncs(installation: Installation, tenant: str) -> list[str]:
    """The commits that were synced, oldest first."""
    with installation.k8s.client() as client:
        application = CustomObjectsApi(client).get_namespaced_custom_object(
            **ARGO, plural="applications", name=f"dev.{tenant}"
        )
    return [each["revision"] for each in application["status"]["history"]]
