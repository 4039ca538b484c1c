"""A chart's tests decide on the real Argo CD whether a release is promoted or reverted."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from installation import SERVER, installed
from rig import Cluster, Gitea
from steps import propose, released

from deploy_orchestrator.delivery import Health, Status, SyncFailed
from deploy_orchestrator.git import Repository
from deploy_orchestrator.manifests import Workspace
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Deployments, Gate, GatesClosed, Release

CONTEXT = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
TEMPLATES: dict[str, dict[str, Any]] = {
    "settings": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"fails": "{{ .Values.fails }}"}},
    "ask": {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"annotations": {"helm.sh/hook": "test", "e2e/fails": "{{ .Values.fails }}"}},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "ask",
                    "image": "registry.example/ask:1",
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                    "securityContext": CONTEXT,
                }
            ],
        },
    },
}
PLATFORM: dict[str, dict[str, Any]] = {
    "namespace": {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "{{ .Release.Namespace }}"},
    },
    "deny": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    },
    "dns": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}],
        },
    },
}


@dataclass(frozen=True)
class Team:
    """One tenant, `shop`, whose fleet is in a folder, and an orchestrator that ships it to Argo CD."""

    folder: Path
    orchestrator: Orchestrator

    def change(self, fails: str) -> None:
        """Commit a change after which the chart's test prints that and fails, if that is anything."""
        (self.folder / "tenants/shop/values.yaml").write_text(yaml.safe_dump({"fails": fails}))
        _commit(self.folder)
        self.orchestrator.fleet_repository.fetch()

    def release(self, environment: str) -> Release:
        plan = propose(self.orchestrator, environment, "shop")
        assert plan
        return released(self.orchestrator, plan)

    def ship(self, environment: str) -> tuple[Release, Status]:
        release = self.release(environment)
        return release, self.orchestrator.deliver(release)

    def promotion(self) -> Gate:
        plan = propose(self.orchestrator, "production", "shop")
        assert plan
        return next(gate for gate in self.orchestrator.gates(plan) if gate.key == "promotion")


@pytest.fixture
def team(k8s: Cluster, forge: Gitea, tmp_path: Path) -> Iterator[Team]:
    folder = tmp_path / "team"
    _write(folder)
    with (
        installed(k8s, forge, tmp_path, ["shop"]) as installation,
        closing(Workspace(tmp_path / "cache", processes=1)) as workspace,
    ):
        fleet = Repository.clone(str(folder), tmp_path / "team-clone")
        deployments = Deployments(installation.deployments)
        yield Team(folder, Orchestrator(fleet, deployments, installation.engine, workspace))


def test_a_release_is_promoted_when_its_tests_pass_and_reverted_when_one_fails(team: Team) -> None:
    good, status = team.ship("dev")
    (test,) = team.orchestrator.verifications(good, status)
    assert (str(test.object), test.passed) == ("Pod shop-dev/ask", True)
    assert team.promotion().passed
    production, status = team.ship("production")
    assert status.live(production)

    team.change("asking the database\nno route to host")
    bad = team.release("dev")
    with pytest.raises(SyncFailed, match="Pod shop-dev/ask:\n  asking the database\n  no route to host"):
        team.orchestrator.deliver(bad)
    status = team.orchestrator.engine.status("dev", "shop")
    (test,) = team.orchestrator.verifications(bad, status)
    assert test.ran
    assert test.ran.message == "asking the database\nno route to host"
    assert status.health is Health.HEALTHY
    assert not status.live(bad)

    gate = team.promotion()
    assert not gate.passed
    assert "Pod shop-dev/ask failed" in gate.reason
    with pytest.raises(GatesClosed, match="Pod shop-dev/ask failed"):
        team.release("production")

    (found,) = team.orchestrator.unhealthy()
    assert found.release == bad
    back = team.orchestrator.revert_unhealthy("dev", "shop")
    assert back
    assert back.content == good.content
    assert team.orchestrator.deliver(back).live(back)
    reverted, *_ = team.orchestrator.deployments.history("dev", "shop")
    assert "Pod shop-dev/ask failed" in (reverted.reason or "")
    assert "no route" not in (reverted.reason or "")
    assert team.orchestrator.engine.status("production", "shop").live(production)


def _write(folder: Path) -> None:
    policy = {"rollbackAfter": "0s", "deadline": "3m"}
    files: dict[str, Any] = {
        "fleet.yaml": {
            "clusters": [{"name": "rig", "server": SERVER}],
            "environments": [
                {"name": name, "cluster": "rig", "kubernetes": "1.34", "policy": policy}
                for name in ("dev", "production")
            ],
            "platform": {"name": "platform", "version": "1.0.0"},
        },
        "tenants/shop/tenant.yaml": {
            "chart": {"name": "app", "version": "1.0.0"},
            "environments": ["dev", "production"],
            "quota": {"cpu": "4", "memory": "8Gi", "storage": "10Gi", "pods": 20},
            "owners": ["owners@example.com"],
        },
        "tenants/shop/values.yaml": {"fails": ""},
        "allowed_signers": "",
    }
    for chart, templates in (("app", TEMPLATES), ("platform", PLATFORM)):
        files[f"charts/{chart}/Chart.yaml"] = {"apiVersion": "v2", "name": chart, "version": "1.0.0"}
        for name, body in templates.items():
            metadata = {"name": name, **body.get("metadata", {})}
            files[f"charts/{chart}/templates/{name}.yaml"] = {**body, "metadata": metadata}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        (folder / path).write_text(text.replace("'{{ .Values.fails }}'", "{{ .Values.fails | quote }}"))
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
    _commit(folder)


def _commit(folder: Path) -> None:
    git = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com")
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=Change"], check=True)
