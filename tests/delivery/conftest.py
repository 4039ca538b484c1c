import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kubernetes.client import CoreV1Api
from kubernetes.config import new_client_from_config

from deploy_orchestrator.delivery import ByEnvironment, Engine, Sandbox
from deploy_orchestrator.fleet import Fleet
from deploy_orchestrator.git import Repository
from deploy_orchestrator.releases import Release
from tests.delivery.argo_cluster import ArgoCluster
from tests.delivery.fleets import laid_out
from tests.delivery.installation import FLEET, TENANTS, Installation, installed
from tests.delivery.publishing import Publisher


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    subprocess.run(["git", "init", "--bare", "-q", tmp_path / "deployments.git"], check=True)
    return Publisher(Repository.clone(str(tmp_path / "deployments.git"), tmp_path / "writer"))


@pytest.fixture
def sandbox(publisher: Publisher, tmp_path: Path) -> Sandbox:
    """A sandbox with a clone of its own, which knows of no release yet."""
    return Sandbox(tmp_path / "sandbox", Repository.clone(publisher.repository.url, tmp_path / "reader"))


@dataclass(frozen=True)
class SandboxCluster:
    """What the contract does to an engine from outside: here with files."""

    sandbox: Sandbox
    engine: Engine

    def restarted(self) -> Engine:
        deployments = self.sandbox.deployments
        return Sandbox(self.sandbox.folder, Repository.clone(deployments.url, deployments.path))

    def live(self, release: Release) -> dict[str, bytes]:
        """The bytes of what is live, by kind and name."""
        folder = self.sandbox.folder / release.cluster / release.namespace
        return {file.name: file.read_bytes() for file in folder.glob("*.yaml")}

    def edit(self, release: Release, file: str) -> None:
        path = self.sandbox.folder / release.cluster / release.namespace / file
        path.write_bytes(path.read_bytes() + b"edited: by hand\n")

    def remove(self, release: Release, file: str) -> None:
        (self.sandbox.folder / release.cluster / release.namespace / file).unlink()

    def break_live(self, release: Release, reason: str) -> None:
        self.sandbox.degrade(release.environment, release.tenant, reason)

    def fail_hook(self, release: Release, name: str, output: str) -> None:
        """From the next release on."""
        self.sandbox.fail(release.environment, release.tenant, name, output)

    def mend_live(self, release: Release) -> None:
        self.sandbox.recover(release.environment, release.tenant)


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return laid_out(tmp_path_factory.mktemp("fleet"), FLEET, TENANTS)


@pytest.fixture
def installation(fleet: Fleet, publisher: Publisher, tmp_path: Path) -> Iterator[Installation]:
    with installed(fleet, publisher.repository.url, tmp_path) as made:
        yield made


@pytest.fixture
def argo_cluster(installation: Installation) -> Iterator[ArgoCluster]:
    with new_client_from_config(str(installation.kubeconfig)) as client:
        yield ArgoCluster(
            installation.engine, installation.deployments, lambda: installation.engine, CoreV1Api(client)
        )


@pytest.fixture(params=["sandbox", "by environment", "argo cd"])
def cluster(request: pytest.FixtureRequest) -> SandboxCluster | ArgoCluster:
    if request.param == "argo cd":
        return request.getfixturevalue("argo_cluster")
    sandbox = request.getfixturevalue("sandbox")
    engines = {"sandbox": sandbox, "by environment": ByEnvironment("sandboxes", lambda _: sandbox)}
    return SandboxCluster(sandbox, engines[request.param])


@pytest.fixture
def engine(cluster: SandboxCluster | ArgoCluster) -> Engine:
    return cluster.engine
