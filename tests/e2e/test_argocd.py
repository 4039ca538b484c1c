"""What Argo CD makes of the bootstrap and of releases: all tenants from one ApplicationSet, by Git alone."""

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from installation import ARGO, Installation, installed
from kubernetes.client import CoreV1Api, CustomObjectsApi
from kubernetes.watch import Watch
from objects import config_map, deployment, hook, pod
from rig import FAILING_POD, Cluster, Gitea

from deploy_orchestrator.delivery import Health, Phase, Status, Sync, SyncFailed, SyncTimedOut, follow
from deploy_orchestrator.fleet import Syncing
from deploy_orchestrator.git import Changes, Tree
from tests.delivery.publishing import SOON, delivered

MANY = [f"tenant-{number:02}" for number in range(21)]
SINGLE = [f"single-{number:02}" for number in range(15)]

requests = 0


def _count(event: str, arguments: tuple[Any, ...]) -> None:
    """Requests to the API server; their bodies are sent by themselves."""
    global requests
    requests += event == "http.client.send" and b" HTTP/1.1\r\n" in arguments[1]


sys.addaudithook(_count)


@pytest.fixture(scope="module")
def installation(
    k8s: Cluster, forge: Gitea, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Dev syncs by itself, production by the orchestrator's operation."""
    folder = tmp_path_factory.mktemp("installation")
    with installed(k8s, forge, folder, [*MANY, *SINGLE], policies={"dev": {}}) as made:
        yield made


@pytest.fixture(scope="module")
def unused() -> Iterator[str]:
    return iter(SINGLE)


@pytest.fixture
def tenant(unused: Iterator[str]) -> str:
    """A tenant that nothing was released for yet."""
    return next(unused)


@pytest.fixture
def core(k8s: Cluster) -> Iterator[CoreV1Api]:
    with k8s.client() as client:
        yield CoreV1Api(client)


def test_21_tenants_go_live_from_one_application_set(installation: Installation) -> None:
    releases = [installation.release("production", tenant, config_map(), deployment()) for tenant in MANY]
    started, before = time.monotonic(), requests
    outcomes = list(follow(installation.engine, releases, SOON, SOON))
    sent = requests - before
    print(f"21 tenants live and healthy after {time.monotonic() - started:.1f} s, with {sent} requests")
    assert all(isinstance(state, Status) and state.done(release) for release, state in outcomes)
    assert {release.tenant for release, _ in outcomes} == set(MANY)
    assert sent < 3 * len(MANY)
    live = {state.tenant: state for state in installation.engine.statuses("production", MANY)}
    assert all(live[release.tenant].live(release) for release in releases)


def test_what_syncs_by_itself_is_not_synced_twice(installation: Installation, tenant: str) -> None:
    release = installation.release("dev", tenant, config_map(), hook("pre-install,pre-upgrade"))
    operation = delivered(installation.engine, release).operation
    assert operation
    assert operation.phase is Phase.SUCCEEDED
    assert installation.engine.sync(release) == operation
    assert len(_application(installation, "dev", tenant)["status"]["history"]) == 1


def test_what_is_changed_by_hand_heals_in_dev(
    installation: Installation, tenant: str, core: CoreV1Api
) -> None:
    release = installation.release("dev", tenant, config_map(x="released"))
    delivered(installation.engine, release)
    core.patch_namespaced_config_map("settings", f"{tenant}-dev", {"data": {"x": "by hand"}})
    events = Watch().stream(core.list_namespaced_config_map, f"{tenant}-dev", timeout_seconds=300)
    assert any((event["object"].data or {}).get("x") == "by hand" for event in events)
    assert any((event["object"].data or {}).get("x") == "released" for event in events)
    operation = installation.engine.sync(release)
    assert operation
    assert operation.serves(release)


def test_what_a_tenant_says_of_syncs_holds_until_it_is_taken_back(
    installation: Installation, tenant: str, core: CoreV1Api
) -> None:
    ignored = {"kind": "ConfigMap", "name": "settings", "jsonPointers": ["/data/x"]}
    sync = Syncing.model_validate(
        {"options": ["RespectIgnoreDifferences=true"], "ignoreDifferences": [ignored]}
    )
    delivered(
        installation.engine, installation.release("dev", tenant, config_map(x="ours", y="1"), sync=sync)
    )
    spec = _application(installation, "dev", tenant)["spec"]
    assert spec["ignoreDifferences"] == [ignored]
    assert spec["syncPolicy"]["syncOptions"][-1] == "RespectIgnoreDifferences=true"
    assert spec["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}

    core.patch_namespaced_config_map("settings", f"{tenant}-dev", {"data": {"x": "by hand"}})
    delivered(
        installation.engine, installation.release("dev", tenant, config_map(x="ours", y="2"), sync=sync)
    )
    assert core.read_namespaced_config_map("settings", f"{tenant}-dev").data == {"x": "by hand", "y": "2"}

    delivered(installation.engine, installation.release("dev", tenant, config_map(x="ours", y="2")))
    assert core.read_namespaced_config_map("settings", f"{tenant}-dev").data == {"x": "ours", "y": "2"}
    assert "ignoreDifferences" not in _application(installation, "dev", tenant)["spec"]


def test_what_is_changed_by_hand_is_drift_in_production(
    installation: Installation, tenant: str, core: CoreV1Api
) -> None:
    release = installation.release("production", tenant, config_map(x="released"))
    delivered(installation.engine, release)
    core.patch_namespaced_config_map("settings", f"{tenant}-production", {"data": {"x": "by hand"}})
    states = installation.engine.watch("production", [tenant], SOON)
    drifted = next(state for state in states if state.drift)
    assert drifted.drift == (f"ConfigMap {tenant}-production/settings",)
    assert drifted.sync is Sync.OUT_OF_SYNC


def test_production_does_not_sync_until_it_is_told_to(installation: Installation, tenant: str) -> None:
    release = installation.release("production", tenant, config_map())
    _read_releases(installation)
    states = installation.engine.watch("production", [tenant], SOON)
    assert any(state.health is not Health.UNKNOWN for state in states)
    later = installation.engine.watch("production", [tenant], timedelta(seconds=5))
    assert all(state.operation is None and state.revision is None for state in later)
    assert delivered(installation.engine, release).live(release)


def test_an_unhealthy_release_is_rolled_back_by_a_revert(installation: Installation, tenant: str) -> None:
    good = installation.release("production", tenant, config_map(x="good"), pod())
    delivered(installation.engine, good)
    bad = installation.release("production", tenant, config_map(x="bad"), pod("broken", FAILING_POD))
    with pytest.raises(SyncTimedOut):
        delivered(installation.engine, bad, timedelta(seconds=5))
    states = installation.engine.watch("production", [tenant], SOON)
    failing = next(state for state in states if state.failing_since(bad, SOON))
    assert f"Pod {tenant}-production/broken: container failed" in failing.message
    back = installation.revert(bad, "the pods fail")
    status = delivered(installation.engine, back)
    assert (status.revision, status.health) == (good.revision, Health.HEALTHY)


def test_a_failed_hook_stops_the_release_and_is_told_by_name(installation: Installation, tenant: str) -> None:
    good = installation.release("production", tenant, config_map(x="good"))
    delivered(installation.engine, good)
    bad = installation.release(
        "production", tenant, config_map(x="bad"), hook("pre-upgrade", labels=FAILING_POD)
    )
    with pytest.raises(SyncFailed, match=f"Job {tenant}-production/migrate"):
        delivered(installation.engine, bad)
    assert installation.engine.status("production", tenant).revision == good.revision


def test_a_release_ends_the_operation_of_the_one_before(installation: Installation, tenant: str) -> None:
    stuck = hook("pre-install,pre-upgrade", nodeSelector={"kubernetes.io/hostname": "nowhere"})
    hanging = installation.release("production", tenant, config_map(x="1"), stuck)
    with pytest.raises(SyncTimedOut):
        delivered(installation.engine, hanging, timedelta(seconds=5))
    release = installation.release("production", tenant, config_map(x="2"))
    assert delivered(installation.engine, release).live(release)


def test_a_tenant_writes_into_its_own_namespaces_only(installation: Installation, tenant: str) -> None:
    elsewhere = config_map("stolen")
    elsewhere["metadata"]["namespace"] = "default"
    release = installation.release("production", tenant, config_map(), elsewhere)
    with pytest.raises(SyncFailed, match="namespace default is not permitted"):
        delivered(installation.engine, release)


def test_a_broken_release_file_stops_no_other_tenant_and_deletes_nobody(
    installation: Installation, tenant: str
) -> None:
    good = installation.release("production", tenant, config_map())
    delivered(installation.engine, good)
    path = f"releases/production/{tenant}.yaml"
    file = installation.deployments.branch().read(path)
    _push(installation, {path: file.replace(b"cluster: rig", b"cluster: unknown")})
    other = installation.release("production", MANY[0], config_map(x="2"))
    assert delivered(installation.engine, other).live(other)
    assert installation.engine.status("production", tenant).live(good)


def test_release_files_that_are_gone_delete_nobody(installation: Installation, tenant: str) -> None:
    good = installation.release("production", tenant, config_map())
    delivered(installation.engine, good)
    _push(installation, {}, deletes=(f"releases/production/{tenant}.yaml",))
    other = installation.release("production", MANY[1], config_map(x="2"))
    delivered(installation.engine, other)
    assert installation.engine.status("production", tenant).live(good)


def _push(installation: Installation, writes: dict[str, bytes], deletes: tuple[str, ...] = ()) -> None:
    installation.deployments.write("main", lambda _: Changes("By hand", writes, deletes))


def _read_releases(installation: Installation) -> None:
    body = {"metadata": {"annotations": {"argocd.argoproj.io/application-set-refresh": "now"}}}
    with installation.k8s.client() as client:
        CustomObjectsApi(client).patch_namespaced_custom_object(
            **ARGO, plural="applicationsets", name="deploy-orchestrator", body=body
        )


def _application(installation: Installation, environment: str, tenant: str) -> dict[str, Any]:
    with installation.k8s.client() as client:
        return CustomObjectsApi(client).get_namespaced_custom_object(
            **ARGO, plural="applications", name=f"{environment}.{tenant}"
        )


def test_what_others_push_is_not_synced_in_production(
    installation: Installation, tenant: str, core: CoreV1Api
) -> None:
    """Not by a release file of production, nor by one of dev that goes to production's namespace."""
    before = installation.release("production", tenant, config_map(x="released"))
    delivered(installation.engine, before)
    dev = installation.release("dev", tenant, config_map(x="released"))
    delivered(installation.engine, dev)
    candidate = installation.release("dev", tenant, config_map(x="forged"))
    delivered(installation.engine, candidate)
    forged = {
        f"releases/production/{tenant}.yaml": {"revision": candidate.revision, "path": candidate.path},
        f"releases/dev/{tenant}.yaml": {"namespace": before.namespace, "revision": dev.revision},
    }

    def meddle(tree: Tree) -> Changes:
        written = {path: {**yaml.safe_load(tree.read(path)), **edit} for path, edit in forged.items()}
        return Changes("Meddle", {path: yaml.safe_dump(text).encode() for path, text in written.items()})

    assert installation.deployments.write("main", meddle)
    _read_releases(installation)

    for environment, revision in (("production", candidate.revision), ("dev", dev.revision)):
        spec = _application(installation, environment, tenant)["spec"]
        while spec["source"]["targetRevision"] != revision:
            time.sleep(0.2)
            spec = _application(installation, environment, tenant)["spec"]
        assert "automated" not in spec["syncPolicy"], environment
    time.sleep(5)
    assert core.read_namespaced_config_map("settings", before.namespace).data == {"x": "released"}
    states = {name: installation.engine.status(name, tenant).revision for name in ("production", "dev")}
    assert states == {"production": before.revision, "dev": candidate.revision}
