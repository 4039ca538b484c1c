"""An orchestrator that is killed at any step: the next one completes its work, and does nothing twice."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import steps
from installation import ARGO, Installation, installed
from kubernetes.client import CoreV1Api, CustomObjectsApi
from rig import Cluster, Gitea

from deploy_orchestrator.delivery import Status
from deploy_orchestrator.git import Repository
from deploy_orchestrator.pipeline import Orchestrator, Preview
from deploy_orchestrator.releases import Deployments, Plan, Release

WORKER = Path(__file__).parents[1] / "releases" / "worker.py"
TENANTS = [f"crash-{number:02}" for number in range(32)]
STAYING = ["staying-1", "staying-2"]
AT_ONCE = 4


@pytest.fixture
def installation(k8s: Cluster, forge: Gitea, tmp_path: Path) -> Iterator[Installation]:
    with installed(k8s, forge, tmp_path, [*TENANTS, *STAYING]) as made:
        made.make_namespaces()
        with Orchestrator.open(made.settings) as orchestrator:
            deployments = [each for each in made.fleet.deployments() if each.environment.name == "dev"]
            assert all(
                isinstance(each, Preview) for _, each in orchestrator.previews(deployments, made.fleet)
            )
        yield made


def test_orchestrators_that_are_killed_at_any_step_release_and_remove_a_tenant_once(
    installation: Installation,
) -> None:
    shipped = killed_at_any_step(steps.ship, installation)
    ship_together(installation, [each for each in (*TENANTS, *STAYING) if each not in shipped])
    released = {tenant: assert_released_once(installation, tenant) for tenant in TENANTS}
    untouched = {tenant: objects(installation, tenant) for tenant in STAYING}
    assert all(untouched.values())

    installation.set_policy("dev", {"removals": "100%"})
    installation.commit({}, deletes=[f"tenants/{tenant}" for tenant in TENANTS])
    removed = killed_at_any_step(steps.remove, installation)
    for tenant in removed:
        assert_removed_once(installation, tenant, released[tenant])
    left = sorted({*TENANTS, *STAYING} - set(removed))
    main = installation.deployments.branch()
    for folder, ending in (("plans", ".yaml"), ("releases", ".yaml"), ("manifests", "")):
        assert main.names(f"{folder}/dev") == [f"{tenant}{ending}" for tenant in left]
    assert {tenant: objects(installation, tenant) for tenant in STAYING} == untouched


def killed_at_any_step(work: steps.Work, installation: Installation) -> list[str]:
    """Do `work` for one of the `TENANTS` at one go, then for others, each killed before one step more, and
    done again; all that this took.
    """
    settings = installation.settings
    whole, *others = TENANTS
    taken = steps.run(work, settings, "dev", whole)
    assert taken
    assert 10 < taken < len(others)

    def killed_and_restarted(step: int) -> bool:
        tenant = others[step]
        killed = steps.run(work, settings, "dev", tenant, step) is None
        if killed:
            installation.deployments.fetch()
            assert Deployments(installation.deployments).unreadable() == []
            assert steps.run(work, settings, "dev", tenant) is not None
        return killed

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(killed_and_restarted, range(taken)))
    assert all(ends[: taken // 2])
    installation.deployments.fetch()
    return [whole, *others[:taken]]


def ship_together(installation: Installation, tenants: Sequence[str]) -> None:
    with Orchestrator.open(installation.settings) as orchestrator:
        fleet = orchestrator.fleet()
        wanted = [fleet.deployment("dev", tenant) for tenant in tenants]
        previews = [each for _, each in orchestrator.previews(wanted, fleet) if isinstance(each, Preview)]
        plans = [each for each in orchestrator.propose(previews) if isinstance(each, Plan)]
        releases = [each for each in orchestrator.release_all(plans) if isinstance(each, Release)]
        live = [each for each, state in orchestrator.deliver_all(releases) if isinstance(state, Status)]
    assert {each.tenant for each in live} == set(tenants)
    installation.deployments.fetch()


def assert_released_once(installation: Installation, tenant: str) -> Release:
    deployments = Deployments(installation.deployments)
    release = deployments.release("dev", tenant)
    assert release is not None
    assert [event.commit for event in deployments.history("dev", tenant)] == [release.commit]
    assert len(proposals(installation, tenant)) == 1
    assert installation.engine.status("dev", tenant).live(release)
    assert syncs(installation, tenant) == [release.revision]
    return release


def assert_removed_once(installation: Installation, tenant: str, release: Release) -> None:
    cleared, removal, _ = Deployments(installation.deployments).history("dev", tenant)
    assert removal.release is not None
    assert removal.release.removal
    assert proposals(installation, tenant)[:-1] == [cleared.commit, removal.release.revision]
    assert syncs(installation, tenant) == [release.revision, removal.release.revision]
    assert objects(installation, tenant) == {}


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


def proposals(installation: Installation, tenant: str) -> list[str]:
    """The commits that wrote its plan, newest first."""
    return [each.id for each in installation.deployments.log("main", paths=[f"plans/dev/{tenant}.yaml"])]


def syncs(installation: Installation, tenant: str) -> list[str]:
    """The commits that were synced, oldest first."""
    with installation.k8s.client() as client:
        application = CustomObjectsApi(client).get_namespaced_custom_object(
            **ARGO, plural="applications", name=f"dev.{tenant}"
        )
    return [each["revision"] for each in application["status"]["history"]]


def objects(installation: Installation, tenant: str) -> dict[str, str]:
    """The versions of the ConfigMaps that Argo CD has made for a tenant, by their names."""
    with installation.k8s.client() as client:
        found = CoreV1Api(client).list_namespaced_config_map(f"{tenant}-dev").items
    return {
        each.metadata.name: each.metadata.resource_version
        for each in found
        if "argocd.argoproj.io/tracking-id" in (each.metadata.annotations or {})
    }
