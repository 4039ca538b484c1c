import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy_orchestrator.delivery import (
    DeliveryError,
    EngineUnreachable,
    Health,
    NotDeployed,
    Phase,
    Sandbox,
    Sync,
    SyncFailed,
)
from deploy_orchestrator.manifests import Object
from tests.delivery.publishing import delivered


def live(sandbox: Sandbox) -> dict[str, bytes]:
    files = (sandbox.folder / "main/analytics-dev").iterdir()
    return {file.name: file.read_bytes() for file in files if file.suffix == ".yaml"}


class Killed(BaseException):
    """Stands for the end of the process: nothing handles it."""


class Fuse:
    """Lets this many touches of the disk happen, and kills at the next."""

    def __init__(self, touches: int) -> None:
        self.left = touches

    def before(self, real):
        def touch(*arguments, **named):
            self.left -= 1
            if self.left < 0:
                raise Killed
            return real(*arguments, **named)

        return touch


def test_a_sync_that_is_killed_at_any_moment_is_completed_by_the_next(
    sandbox, publisher, monkeypatch, tmp_path
):
    first = publisher.release(publisher.config_map("a", x="1"), publisher.config_map("gone"))
    second = publisher.release(publisher.config_map("a", x="2"), publisher.config_map("new"))
    expected = publisher.repository.at(second.revision).files(second.path)
    kills = 0
    for touches in range(100):
        engine = Sandbox(tmp_path / f"sandbox-{touches}", sandbox.deployments)
        engine.sync(first)
        fuse = Fuse(touches)
        try:
            with monkeypatch.context() as patch:
                for owner, name in ((Path, "replace"), (Path, "unlink"), (Path, "open"), (os, "fsync")):
                    patch.setattr(owner, name, fuse.before(getattr(owner, name)))
                engine.sync(second)
        except Killed:
            kills += 1
            if not engine.status("dev", "analytics").done(second):
                assert engine.sync(second).phase is Phase.SUCCEEDED
        assert engine.status("dev", "analytics").done(second)
        assert live(engine) == expected
        if fuse.left >= 0:
            break
    assert 15 < kills < 99


def test_what_an_interrupted_release_left_is_pruned_by_the_one_after_it(sandbox, publisher, monkeypatch):
    sandbox.sync(publisher.release(publisher.config_map("a")))
    interrupted = publisher.release(publisher.config_map("left-behind"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            sandbox.sync(interrupted)
    status = sandbox.status("dev", "analytics")
    assert (status.sync, status.health, status.operation.phase) == (
        Sync.OUT_OF_SYNC,
        Health.PROGRESSING,
        Phase.RUNNING,
    )
    sandbox.sync(publisher.release(publisher.config_map("b")))
    assert list(live(sandbox)) == ["ConfigMap.analytics-dev.b.yaml"]
    assert [each.phase for each in sandbox.history("dev", "analytics")] == [
        Phase.SUCCEEDED,
        Phase.ERROR,
        Phase.SUCCEEDED,
    ]


def test_a_killed_process_keeps_nobody_out(sandbox, publisher):
    release = publisher.release(publisher.config_map("a"))
    sandbox.sync(release)
    lock = next((sandbox.folder / ".state").glob("*/*.lock"))
    script = (
        f"import filelock; filelock.FileLock({str(lock)!r}).acquire(); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        os.kill(process.pid, signal.SIGKILL)
    assert sandbox.sync(release).phase is Phase.SUCCEEDED


def test_many_may_sync_one_release_at_once_and_it_runs_once(sandbox, publisher):
    release = publisher.release(publisher.config_map("a"), publisher.hook("migrate", "pre-install"))
    with ThreadPoolExecutor(8) as pool:
        operations = set(pool.map(lambda _: sandbox.sync(release), range(8)))
    assert len(operations) == 1
    assert len(sandbox.history("dev", "analytics")) == 1


def test_files_of_others_in_the_folder_stay(sandbox, publisher):
    sandbox.sync(publisher.release(publisher.config_map("a")))
    (sandbox.folder / "main/analytics-dev/mine.yaml").write_text("kept")
    sandbox.sync(publisher.release(publisher.config_map("b")))
    assert live(sandbox)["mine.yaml"] == b"kept"
    assert sandbox.status("dev", "analytics").sync is Sync.SYNCED


def test_a_tenant_that_moves_to_another_cluster_leaves_nothing_behind(sandbox, publisher):
    sandbox.sync(publisher.release(publisher.config_map("a")))
    sandbox.sync(publisher.release(publisher.config_map("a", x="1"), cluster="other"))
    assert live(sandbox) == {}
    assert (sandbox.folder / "other/analytics-dev/ConfigMap.analytics-dev.a.yaml").exists()


def test_a_release_of_nothing_empties_the_folder_and_is_healthy(sandbox, publisher):
    sandbox.sync(publisher.release(publisher.config_map("a")))
    empty = publisher.release()
    assert delivered(sandbox, empty).live(empty)
    assert live(sandbox) == {}


def test_manifests_that_are_not_the_released_ones_are_not_applied(sandbox, publisher):
    forged = publisher.release(publisher.config_map("a", x="released")).model_copy(
        update={"revision": publisher.release(publisher.config_map("a", x="other")).revision}
    )
    with pytest.raises(SyncFailed, match="not those that were released"):
        delivered(sandbox, forged)
    assert not (sandbox.folder / "main").exists()


@pytest.mark.parametrize("cluster", ["../out", "..", "", "/abs", "a/b", ".state"])
def test_a_cluster_that_would_lead_out_of_the_folder_is_refused(cluster, sandbox, publisher, tmp_path):
    release = publisher.release(publisher.config_map("a"), cluster=cluster)
    before = set(tmp_path.iterdir())
    with pytest.raises(SyncFailed, match="not a name that a folder may have"):
        delivered(sandbox, release)
    kept = sandbox.deployments.path.with_name(f"{sandbox.deployments.path.name}.kept")
    assert set(tmp_path.iterdir()) - before <= {sandbox.folder, kept}
    assert [path.name for path in sandbox.folder.iterdir()] == [".state"]


@pytest.mark.parametrize("name", ["../x", "", "A", "a.json", "a/b", "a" * 64])
def test_a_name_that_would_lead_out_of_the_folder_is_refused(name, sandbox):
    for question in (sandbox.status, sandbox.link, sandbox.history, sandbox.recover):
        with pytest.raises(DeliveryError, match="not a name"):
            question("dev", name)


def test_nothing_can_be_degraded_before_it_is_live(sandbox, publisher):
    for tell in (
        lambda: sandbox.degrade("dev", "analytics", "x"),
        lambda: sandbox.fail("dev", "analytics", "migrate", "x"),
        lambda: sandbox.recover("dev", "analytics"),
    ):
        with pytest.raises(NotDeployed):
            tell()
    with pytest.raises(SyncFailed):
        delivered(sandbox, publisher.release(publisher.config_map("a"), cluster=".."))
    with pytest.raises(NotDeployed):
        sandbox.degrade("dev", "analytics", "x")


def test_a_hook_that_fails_before_the_others_leaves_what_is_live(sandbox, publisher):
    good = publisher.release(publisher.config_map("a"), publisher.hook("migrate", "pre-upgrade"))
    sandbox.sync(good)
    before = live(sandbox)
    sandbox.fail("dev", "analytics", "migrate", "relation exists")
    assert sandbox.sync(good).phase is Phase.SUCCEEDED
    bad = publisher.release(publisher.config_map("b"), publisher.hook("migrate", "pre-upgrade"))
    operation = sandbox.sync(bad)
    assert (operation.phase, operation.message) == (Phase.FAILED, "Job analytics-dev/migrate failed")
    status = sandbox.status("dev", "analytics")
    assert (live(sandbox), status.health, status.revision) == (before, Health.HEALTHY, good.revision)
    sandbox.recover("dev", "analytics")
    assert sandbox.sync(bad).phase is Phase.SUCCEEDED


def test_what_argo_cd_calls_a_hook_is_one(sandbox, publisher):
    def annotated(name, hook):
        body = publisher.config_map(name).body
        return Object({**body, "metadata": {**body["metadata"], "annotations": hook}})

    hook = "argocd.argoproj.io/hook"
    operation = sandbox.sync(
        publisher.release(
            publisher.config_map("stays"),
            annotated("before", {hook: "PreSync"}),
            annotated("both", {hook: "PreSync,PostSync", "argocd.argoproj.io/sync-wave": "1"}),
            annotated("skipped", {hook: "Skip", "helm.sh/hook": "post-upgrade"}),
            annotated("deleted", {"helm.sh/hook": "pre-delete"}),
        )
    )
    assert [(each.object.rpartition("/")[2], each.stage) for each in operation.hooks] == [
        ("before", "before"),
        ("both", "before"),
        ("both", "after"),
    ]
    assert list(live(sandbox)) == ["ConfigMap.analytics-dev.stays.yaml"]


def test_a_revision_told_to_be_unhealthy_is_so_again_when_it_comes_back(sandbox, publisher):
    bad = publisher.release(publisher.config_map("a", x="bad"))
    sandbox.sync(bad)
    sandbox.degrade("dev", "analytics", "broken")
    sandbox.sync(publisher.release(publisher.config_map("a", x="good")))
    assert sandbox.status("dev", "analytics").health is Health.HEALTHY
    sandbox.sync(publisher.again(bad))
    status = sandbox.status("dev", "analytics")
    assert (status.health, status.message) == (Health.DEGRADED, "broken")


def test_the_state_of_one_tenant_that_cannot_be_read_stops_no_other(sandbox, publisher):
    release = publisher.release(publisher.config_map("a"))
    sandbox.sync(release)
    other = publisher.release(publisher.config_map("a"), tenant="ml")
    sandbox.sync(other)
    file = sandbox.folder / ".state/dev/analytics.json"
    file.write_text("{")
    broken, fine = sandbox.statuses("dev", ["analytics", "ml"])
    assert (broken.sync, broken.health) == (Sync.UNKNOWN, Health.UNKNOWN)
    assert str(file) in broken.message
    assert fine.live(other)
    with pytest.raises(DeliveryError, match="cannot be read"):
        sandbox.sync(release)
    file.unlink()
    assert sandbox.sync(release).phase is Phase.SUCCEEDED


def test_a_release_that_cannot_be_fetched_changes_nothing_and_may_be_tried_again(
    sandbox, publisher, tmp_path
):
    good = publisher.release(publisher.config_map("a"))
    sandbox.sync(good)
    before = sandbox.status("dev", "analytics")
    release = publisher.release(publisher.config_map("b"))
    away = (tmp_path / "deployments.git").rename(tmp_path / "away")
    with pytest.raises(EngineUnreachable):
        sandbox.sync(release)
    assert sandbox.status("dev", "analytics").operation == before.operation
    away.rename(tmp_path / "deployments.git")
    assert sandbox.sync(release).phase is Phase.SUCCEEDED


def test_a_folder_that_cannot_be_written_is_told_and_may_be_tried_again(sandbox, publisher):
    release = publisher.release(publisher.config_map("a"))
    (sandbox.folder).mkdir()
    (sandbox.folder / "main").write_text("a file in the way")
    with pytest.raises(EngineUnreachable, match="cannot be written"):
        sandbox.sync(release)
    assert sandbox.status("dev", "analytics").operation.phase is Phase.RUNNING
    (sandbox.folder / "main").unlink()
    assert sandbox.sync(release).phase is Phase.SUCCEEDED


def test_the_history_is_bounded_and_newest_first(sandbox, publisher, monkeypatch):
    monkeypatch.setattr("deploy_orchestrator.delivery.sandbox.application._KEPT_OPERATIONS", 2)
    releases = [publisher.release(publisher.config_map("a", x=str(number))) for number in range(5)]
    for release in releases:
        sandbox.sync(release)
    keys = [operation.key for operation in sandbox.history("dev", "analytics")]
    assert keys == [release.commit for release in reversed(releases[2:])]
