"""Releases for engines, and how tests follow one; shared with tests/e2e."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy_orchestrator import documents
from deploy_orchestrator.delivery import Engine, Operation, Status, follow
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Destination
from deploy_orchestrator.git import Changes, Repository
from deploy_orchestrator.manifests import ChartUsed, Manifests, Object
from deploy_orchestrator.releases import Release, SourceChange, digest_of

SOON = timedelta(minutes=5)


def delivered(
    engine: Engine,
    release: Release,
    deadline: timedelta = SOON,
    grace: timedelta = SOON,
    report: Callable[[Status], None] = lambda status: None,
) -> Status:
    """Follow one release to its end, and raise what it failed by."""
    ((_, outcome),) = follow(engine, [release], deadline, grace, report)
    if isinstance(outcome, OrchestratorError):
        raise outcome
    return outcome


def operation_of(status: Status) -> Operation:
    """The operation of a status that has one."""
    assert status.operation
    return status.operation


@dataclass(frozen=True)
class Publisher:
    """Releases objects by commits, as the releases room does."""

    repository: Repository
    cluster: str = "main"

    @staticmethod
    def config_map(name: str, **data: str) -> Object:
        return namespaced("v1", "ConfigMap", name, data={"name": name, **data})

    @staticmethod
    def hook(name: str, events: str, weight: int = 0) -> Object:
        annotations = {"helm.sh/hook": events, "helm.sh/hook-weight": str(weight)}
        pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example/app:1"}]}
        spec = {"backoffLimit": 0, "template": {"spec": pod}}
        return namespaced("batch/v1", "Job", name, annotations, spec=spec)

    @staticmethod
    def hanging_hook(name: str) -> Object:
        """A Job before the others that never ends."""
        before = Publisher.hook(name, "pre-install, pre-upgrade")
        annotations = {**before.body["metadata"]["annotations"], "e2e/hangs": ""}
        return Object({**before.body, "metadata": {**before.body["metadata"], "annotations": annotations}})

    @staticmethod
    def test(name: str, weight: int = 0, fails: str | None = None) -> Object:
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
        spec = {"restartPolicy": "Never", "containers": [container]}
        return namespaced("v1", "Pod", name, annotations, spec=spec)

    def release(
        self, *objects: Object, environment: str = "dev", tenant: str = "analytics", **fields: str
    ) -> Release:
        """`fields` are put into the release unchecked, as a hostile release file would have them."""
        namespace = f"{tenant}-{environment}"
        manifests = Manifests(tuple(_within(namespace, each) for each in objects))
        folder = f"manifests/{environment}/{tenant}"
        files = {f"{folder}/{file}": content for file, content in manifests.files().items()}
        candidate = self._commit(files, deletes=(folder,))
        digest = digest_of(
            environment=environment,
            tenant=tenant,
            destination=Destination(self.cluster, "https://kubernetes.default.svc", namespace),
            content=manifests.content,
            base=None,
            replaces=None,
        )
        return self.again(
            Release(
                format=2,
                environment=environment,
                tenant=tenant,
                namespace=namespace,
                cluster=self.cluster,
                server="https://kubernetes.default.svc",
                digest=digest,
                content=manifests.content,
                chart=ChartUsed(name="app", version="1.0.0"),
                source=SourceChange(commit="1" * 40, authors=(), signed=False),
                revision=candidate,
                path=folder,
                released_at=datetime.now(UTC),
                commit=candidate,
            ).model_copy(update=fields)
        )

    def again(self, release: Release) -> Release:
        """What a revert of all later releases leaves: the same file, brought back by a new commit."""
        file = release.model_dump(mode="json", exclude={"commit"}, exclude_none=True)
        path = f"releases/{release.environment}/{release.tenant}.yaml"
        return release.model_copy(update={"commit": self._commit({path: documents.dump(file)})})

    def _commit(self, writes: dict[str, bytes], deletes: tuple[str, ...] = ()) -> str:
        commit = self.repository.write("main", lambda _: Changes("x", writes, deletes))
        return commit.id if commit else self.repository.resolve("main")


def namespaced(
    api_version: str,
    kind: str,
    name: str,
    annotations: dict[str, str] | None = None,
    namespace: str = "analytics-dev",
    **content: Any,
) -> Object:
    metadata = {"name": name, "namespace": namespace, **({"annotations": annotations} if annotations else {})}
    return Object({"apiVersion": api_version, "kind": kind, "metadata": metadata, **content})


def _within(namespace: str, each: Object) -> Object:
    return Object({**each.body, "metadata": {**each.body["metadata"], "namespace": namespace}})
