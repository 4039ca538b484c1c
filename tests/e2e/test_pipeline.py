"""The whole product: Dagster, both repositories on a forge, a real Argo CD in a real cluster."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from installation import remove
from kubernetes.client import CoreV1Api
from kubernetes.watch import Watch
from objects import restricted_pod
from rig import FAILING_POD, Cluster, Gitea, repository
from typer.testing import CliRunner

from deploy_orchestrator.cli import app
from deploy_orchestrator.cli.init import init
from deploy_orchestrator.delivery import Status
from deploy_orchestrator.releases import Release
from deploy_orchestrator.settings import Settings
from tests.defs.conftest import Laptop
from tests.defs.test_pipeline import more_runs, yaml_line

PROBE = "charts/dagster-tenant/templates/probe.yaml"
FAILING = f"""\
{{{{- if eq .Release.Namespace "analytics-dev" }}}}
{yaml.safe_dump(restricted_pod("probe", FAILING_POD))}
{{{{- end }}}}
"""
PATIENT, IMPATIENT = "rollbackAfter: 0s", "rollbackAfter: 0s\n      deadline: 30s"
SOON, SHORT = timedelta(minutes=5), timedelta(seconds=30)
NAMESPACES = {"analytics-dev", "analytics-production", "ml-dev"}


@dataclass(kw_only=True)
class Platform(Laptop):
    """What a laptop is, with Argo CD and a forge. `user` is who runs what is run."""

    k8s: Cluster
    urls: dict[str, dict[str, str]]
    kubeconfig: Path
    user: str = "orchestrator"

    @property
    def settings(self) -> Settings:
        return Settings(
            fleet=self.urls[self.user]["fleet"],
            deployments=self.urls[self.user]["deployments"],
            home=self.folder / "state" / self.user,
            engine="argocd",
            kubeconfig=self.kubeconfig,
        )

    def commit(self, path: str, edit: Callable[[str], str]) -> str:
        commit = super().commit(path, edit)
        self.push()
        return commit

    def push(self) -> None:
        command = ["git", "push", "--quiet", self.urls["alice"]["fleet"], "main"]
        subprocess.run(command, cwd=self.folder / "fleet", check=True)

    def sign(self, *arguments: str, person: str, counts: bool = True) -> None:
        super(Platform, replace(self, user=person)).sign(*arguments, person=person, counts=counts)

    def status(self, environment: str, tenant: str) -> Status:
        with self.orchestrator() as orchestrator:
            return orchestrator.engine.status(environment, tenant)

    def until(self, environment: str, tenant: str, reached: Callable[[Status, Release], bool]) -> None:
        release = self.released(environment, tenant)
        with self.orchestrator() as orchestrator:
            states = orchestrator.engine.watch(environment, [tenant], SOON)
            assert any(reached(state, release) for state in states)

    def configuration(self, namespace: str) -> str:
        """All that stands in its ConfigMaps."""
        with self.k8s.client() as client:
            maps = CoreV1Api(client).list_namespaced_config_map(namespace).items
        return "".join(text for each in maps for text in (each.data or {}).values())

    def bootstrap(self, deployments: str) -> None:
        """What Argo CD's administrator does."""
        answer = CliRunner().invoke(
            app, ["argocd", "bootstrap", "--deployments", deployments], env=self.environment
        )
        assert answer.exit_code == 0, answer.output
        self.k8s.apply(*yaml.safe_load_all(answer.stdout))


@pytest.fixture(scope="module")
def platform(k8s: Cluster, forge: Gitea, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Two tenants of the example fleet, live and healthy."""
    folder = tmp_path_factory.mktemp("platform")
    init(folder)
    for tenant in ("data", "vision"):
        shutil.rmtree(folder / "fleet/tenants" / tenant)
    _edit(folder / "fleet/fleet.yaml", r"soak: \d+s", "soak: 0s")
    _edit(folder / "fleet/fleet.yaml", r"rollbackAfter: 30s", "rollbackAfter: 0s")
    _edit(
        folder / "fleet/tenants/analytics/tenant.yaml", r"environments: .*", "environments: [dev, production]"
    )
    _edit(folder / "fleet/tenants/ml/tenant.yaml", r"environments: .*", "environments: [dev]")
    # There is no ingress controller here.
    _edit(folder / "fleet/tenants/analytics/values-production.yaml", "enabled: true", "enabled: false")

    owner = forge.user("pipeline")
    users = {
        name: forge.token(forge.user(f"pipeline-{name}"))
        for name in ("orchestrator", "alice", "bob", "argocd")
    }
    names = ("fleet", "deployments")
    plain = {name: forge.repository(owner, name) for name in names}
    for name in names:
        for user in users.values():
            forge.collaborate(owner, name, user)
    forge.protect(owner, "deployments", "main", users["orchestrator"])
    argo = users["argocd"]
    k8s.apply(repository("pipeline", plain["deployments"], argo.name, argo.password))
    urls = {who: {name: forge.signed_in(plain[name], user) for name in names} for who, user in users.items()}
    with dg.DagsterInstance.ephemeral() as instance:
        made = Platform(folder, instance, k8s=k8s, urls=urls, kubeconfig=k8s.kubeconfig)
        made.commit("tenants/analytics/README.md", lambda _: "Reports\n")
        made.bootstrap(plain["deployments"])
        made = replace(made, kubeconfig=k8s.account("argocd", "deploy-orchestrator", folder))
        try:
            made.settle()
            yield made
        finally:
            remove(k8s)
            _delete_namespaces(k8s)


def _edit(file: Path, pattern: str, replacement: str) -> None:
    text = file.read_text()
    assert re.search(pattern, text)
    file.write_text(re.sub(pattern, replacement, text))


def _delete_namespaces(k8s: Cluster) -> None:
    with k8s.client() as client:
        core = CoreV1Api(client)
        left = {each.metadata.name for each in core.list_namespace().items} & NAMESPACES
        for name in left:
            core.delete_namespace(name)
        for event in Watch().stream(core.list_namespace, timeout_seconds=300):
            if event["type"] == "DELETED":
                left.discard(event["object"].metadata.name)
            if not left:
                return


def test_everything_goes_live_from_the_first_commit(platform: Platform) -> None:
    with platform.orchestrator() as orchestrator:
        live = {
            release.key: isinstance(state, Status) and state.live(release)
            for release, state in orchestrator.live()
        }
    assert live == {"dev/analytics": True, "production/analytics": True, "dev/ml": True}
    assert platform.failures() == []


def test_a_committed_value_goes_live_in_dev_and_nowhere_else(platform: Platform) -> None:
    before = platform.released("production", "analytics")
    platform.commit("tenants/analytics/values-dev.yaml", more_runs)

    platform.settle()

    assert platform.live("dev", "analytics")
    assert "max_concurrent_runs: 3" in platform.configuration("analytics-dev")
    assert platform.released("production", "analytics") == before


def test_a_changed_migration_waits_for_a_signed_approval_and_then_goes_live(platform: Platform) -> None:
    before = platform.released("production", "analytics")
    platform.commit("tenants/analytics/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 999}}"))
    platform.settle()
    assert platform.live("dev", "analytics")
    assert platform.released("production", "analytics") == before

    platform.sign("approve", "production", "analytics", person="alice", counts=False)
    assert platform.settle() == []
    platform.sign("approve", "production", "analytics", person="bob")
    assert platform.settle() == ["promote production analytics"]

    release = platform.released("production", "analytics")
    assert release.revision != before.revision
    assert [approval.who for approval in release.approvals] == ["bob@example.com"]
    assert platform.live("production", "analytics")
    operation = platform.status("production", "analytics").operation
    assert operation is not None
    assert any("migration" in hook.object for hook in operation.hooks)


def test_a_broken_tenant_stops_nobody_else(platform: Platform) -> None:
    before = platform.released("dev", "ml")
    platform.commit("tenants/ml/tenant.yaml", lambda text: text.replace("cpu:", "cpus:"))
    platform.commit("tenants/analytics/values-dev.yaml", lambda text: re.sub("Runs: .", "Runs: 5", text))

    platform.settle()

    assert "max_concurrent_runs: 5" in platform.configuration("analytics-dev")
    assert platform.released("dev", "ml") == before
    assert platform.live("dev", "ml")
    (failure,) = platform.failures()
    assert failure.startswith("dev/ml: tenants/ml/tenant.yaml:")
    platform.commit("tenants/ml/tenant.yaml", lambda text: text.replace("cpus:", "cpu:"))


def test_a_release_whose_pods_fail_is_reverted_and_not_released_again(platform: Platform) -> None:
    good = platform.released("dev", "analytics")
    platform.commit("fleet.yaml", lambda text: text.replace(PATIENT, IMPATIENT))
    platform.settle()
    platform.commit(PROBE, lambda _: FAILING)

    ran = platform.settle()
    if "roll_back dev analytics" not in ran:
        platform.until("dev", "analytics", lambda state, release: bool(state.failing_since(release, SHORT)))
        ran = platform.settle()

    assert "roll_back dev analytics" in ran
    assert platform.released("dev", "analytics").content == good.content
    platform.until("dev", "analytics", Status.live)
    with platform.orchestrator() as orchestrator:
        revert, bad, *_ = orchestrator.deployments.history("dev", "analytics")
        (quarantined,) = orchestrator.deployments.quarantine("dev", "analytics")
    assert (revert.kind, quarantined.content) == ("revert", bad.release and bad.release.content)

    platform.commit("fleet.yaml", lambda text: text.replace(IMPATIENT, PATIENT))
    platform.commit(PROBE, lambda text: f"{{{{/* Look at it again. */}}}}\n{text}")
    platform.settle()
    assert platform.released("dev", "analytics").content == good.content
    with platform.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "analytics")
        assert plan is not None
        assert [gate.key for gate in orchestrator.gates(plan) if not gate.passed] == ["quarantine"]
