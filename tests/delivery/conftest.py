import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy_orchestrator.delivery import ByEnvironment, Engine, Sandbox
from deploy_orchestrator.git import Changes, Repository
from deploy_orchestrator.manifests import Manifests, Object
from deploy_orchestrator.releases import Chart, Release, SourceChange, digest_of


def config_map(name: str, **data: str) -> Object:
    metadata = {"name": name, "namespace": "analytics-dev"}
    return Object({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def hook(name: str, events: str, weight: int = 0) -> Object:
    annotations = {"helm.sh/hook": events, "helm.sh/hook-weight": str(weight)}
    metadata = {"name": name, "namespace": "analytics-dev", "annotations": annotations}
    return Object({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {}})


def helm_test(name: str, weight: int = 0, fails: str | None = None) -> Object:
    """A pod of `helm test` as it is rendered; one that `fails` prints that."""
    annotations = {
        "helm.sh/hook": "test",
        "helm.sh/hook-weight": str(weight),
        "argocd.argoproj.io/hook": "PostSync",
        **({"e2e/fails": fails} if fails else {}),
    }
    container = {
        "name": "main",
        "image": "registry.example/app:1",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    metadata = {"name": name, "namespace": "analytics-dev", "annotations": annotations}
    spec = {"restartPolicy": "Never", "containers": [container]}
    return Object({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


@dataclass(frozen=True)
class Publisher:
    """Releases objects by commits, as the releases room does."""

    repository: Repository

    config_map = staticmethod(config_map)
    hook = staticmethod(hook)
    test = staticmethod(helm_test)

    def release(
        self, *objects: Object, environment: str = "dev", tenant: str = "analytics", **fields: str
    ) -> Release:
        """`fields` are put into the release unchecked, as a hostile release file would have them."""
        manifests = Manifests(objects)
        path = f"manifests/{environment}/{tenant}"
        candidate = self._commit(
            {f"{path}/{file}": content for file, content in manifests.files().items()}, deletes=(path,)
        )
        return self._released(
            Release(
                environment=environment,
                tenant=tenant,
                namespace=f"{tenant}-{environment}",
                cluster="main",
                digest=digest_of(
                    environment=environment, tenant=tenant, content=manifests.content, replaces=None
                ),
                content=manifests.content,
                chart=Chart(name="app", version="1.0.0"),
                source=SourceChange(commit="1" * 40, authors=(), signed=False),
                revision=candidate,
                path=path,
                released_at=datetime.now(UTC),
                commit=candidate,
            ).model_copy(update=fields)
        )

    def again(self, release: Release) -> Release:
        """What a revert of all later releases leaves: the same file, brought back by a new commit."""
        return self._released(release)

    def _released(self, release: Release) -> Release:
        file = f"releases/{release.environment}/{release.tenant}.yaml"
        commit = self._commit({file: f"{release.revision} {datetime.now(UTC)}".encode()})
        return release.model_copy(update={"commit": commit})

    def _commit(self, writes: dict[str, bytes], deletes: tuple[str, ...] = ()) -> str:
        commit = self.repository.write("main", lambda _: Changes("x", writes, deletes))
        return commit.id if commit else self.repository.resolve("main")


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


@pytest.fixture(params=["sandbox", "by environment"])
def cluster(request: pytest.FixtureRequest, sandbox: Sandbox) -> SandboxCluster:
    engines = {"sandbox": sandbox, "by environment": ByEnvironment("sandboxes", lambda _: sandbox)}
    return SandboxCluster(sandbox, engines[request.param])


@pytest.fixture
def engine(cluster: SandboxCluster) -> Engine:
    return cluster.engine
