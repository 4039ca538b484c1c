import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.fleet import (
    AS_USUAL,
    ApprovalRule,
    ChartReference,
    Deployment,
    Environment,
    Policy,
    Quota,
    Syncing,
    Tenant,
)
from deploy_orchestrator.git import Changes, Ident, Repository, Signer
from deploy_orchestrator.manifests import ChartUsed, Finding, Manifests, Object
from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.releases import (
    After,
    Conditions,
    Deployments,
    Plan,
    Predecessor,
    Release,
    SourceChange,
    make_plan,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
S1, S2, S3 = (f"{number}" * 40 for number in (1, 2, 3))
"""Commits of a fleet repository, oldest first."""


@dataclass(frozen=True)
class Someone:
    """A person with an SSH key."""

    email: str
    key: Path

    @property
    def person(self) -> Ident:
        return Ident(self.email.partition("@")[0].capitalize(), self.email)

    @property
    def signer(self) -> Signer:
        return Signer(self.person, str(self.key))

    @property
    def allowed(self) -> bytes:
        """Their line of `allowed_signers`."""
        return f"{self.email.lower()} {self.key.with_suffix('.pub').read_text()}".encode()


class Build:
    """Makes what tests need, short to write."""

    NOW, S1, S2, S3 = NOW, S1, S2, S3

    @staticmethod
    def is_ancestor(older: str, newer: str) -> bool:
        return older <= newer

    @staticmethod
    def config_map(name: str = "settings", **data: str) -> Object:
        return Object(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": "analytics-dev"},
                "data": data,
            }
        )

    @staticmethod
    def job(name: str = "migrate", image: str = "app:1.0.0", **annotations: str) -> Object:
        return Object(
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": name, "namespace": "analytics-dev", "annotations": annotations},
                "spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
            }
        )

    @staticmethod
    def manifests(*objects: Object, version: str = "1.0.0") -> Manifests:
        return Manifests(objects, ChartUsed(name="dagster-tenant", version=version))

    @staticmethod
    def deployment(
        environment: str = "dev",
        tenant: str = "analytics",
        policy: Policy | None = None,
        cluster: str = "main",
        server: str = "https://main.example.com",
        sync: Syncing = AS_USUAL,
    ) -> Deployment:
        return Deployment(
            Environment(name=environment, cluster=cluster, kubernetes="1.34", policy=policy or Policy()),
            Tenant(
                name=tenant,
                chart=ChartReference(name="dagster-tenant", version="1.0.0"),
                environments=(environment,),
                quota=Quota(cpu="2", memory="4Gi", storage="10Gi", pods=10),
                owners=("owner@example.com",),
                sync=sync,
            ),
            f"{tenant}-{environment}",
            server,
        )

    @staticmethod
    def asks_for(*approvers: str, required: int = 1, **more: Any) -> Policy:
        """A policy by which these people approve."""
        return Policy(approval=ApprovalRule(approvers=approvers, required=required, **more))

    @staticmethod
    def conditions(
        policy: Policy | None = None,
        signers: tuple[Someone, ...] = (),
        predecessor: Predecessor | None = None,
        now: datetime = NOW,
    ) -> Conditions:
        before = () if predecessor is None else (predecessor,)
        return Conditions(policy or Policy(), b"".join(each.allowed for each in signers), before, now)

    @staticmethod
    def release(deployments: Deployments, plan: Plan, conditions: Conditions) -> Release:
        """What comes of releasing one plan."""
        return raised(deployments.release_plans([plan], lambda: lambda _: conditions)[0])

    @staticmethod
    def later(**span: float) -> datetime:
        return NOW + timedelta(**span)

    @staticmethod
    def push(
        repository: Repository,
        branch: str,
        writes: dict[str, bytes],
        deletes: tuple[str, ...] = (),
        **more: Any,
    ) -> str:
        """One commit with any content, as anybody with a clone and nothing to stop them could push it."""
        commit = repository.write(branch, lambda _: Changes("x", writes, deletes), **more)
        assert commit is not None
        return commit.id


@pytest.fixture(scope="session")
def build() -> type[Build]:
    return Build


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Someone]:
    folder = tmp_path_factory.mktemp("keys")
    made: dict[tuple[str, str], Someone] = {}

    def person(email: str, key: str = "first") -> Someone:
        if (email, key) not in made:
            path = folder / f"{len(made)}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
            made[email, key] = Someone(email, path)
        return made[email, key]

    return person


@pytest.fixture(scope="module")
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployments repository, empty but for what the module's function `prepare` puts there."""
    folder = tmp_path_factory.mktemp("prepared")
    path = folder / "deployments.git"
    subprocess.run(["git", "init", "--bare", "--quiet", path], check=True)
    prepare = getattr(request.module, "prepare", None)
    if prepare is not None:
        prepare(Build, Pipeline(Deployments(Repository.clone(str(path), folder / "clone"))))
    return path


@pytest.fixture
def remote(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "deployments.git")


@pytest.fixture
def repository(remote: Path, tmp_path: Path) -> Repository:
    return Repository.clone(str(remote), tmp_path / "clone")


@pytest.fixture
def deployments(repository: Repository) -> Deployments:
    return Deployments(repository)


@dataclass(frozen=True)
class Pipeline:
    """Takes manifests through the deployments repository as the orchestrator does."""

    deployments: Deployments

    def plan(
        self,
        candidate: Manifests,
        *,
        environment: str = "dev",
        tenant: str = "analytics",
        source: str = S1,
        authors: tuple[str, ...] = ("author@example.com",),
        signed: bool = True,
        policy: Policy | None = None,
        findings: tuple[Finding, ...] = (),
        after: After | None = None,
        **where: Any,
    ) -> Plan:
        released = self.deployments.release(environment, tenant)
        return make_plan(
            Build.deployment(environment, tenant, policy, **where),
            source=SourceChange(commit=source, authors=authors, signed=signed),
            candidate=candidate,
            released=released,
            released_manifests=self.deployments.released_manifests(released) if released else None,
            emptied=self.deployments.emptied(environment, tenant),
            findings=findings,
            after=[after] if after else [],
        )

    def propose(self, candidate: Manifests, **plan: Any) -> Plan | None:
        return self.deployments.propose(self.plan(candidate, **plan), candidate, Build.is_ancestor)

    def release(self, candidate: Manifests, *, now: datetime = NOW, **plan: Any) -> Release:
        proposed = self.propose(candidate, **plan)
        assert proposed is not None
        return Build.release(self.deployments, proposed, Build.conditions(now=now))


@pytest.fixture
def pipeline(deployments: Deployments) -> Pipeline:
    return Pipeline(deployments)
