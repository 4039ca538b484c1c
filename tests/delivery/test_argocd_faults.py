"""What the Argo CD engine does when the API server, or Argo CD, does not do its part."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from deploy_orchestrator.delivery import (
    ArgoCD,
    DeliveryError,
    EngineUnreachable,
    Health,
    Phase,
    Status,
    Sync,
    SyncFailed,
    SyncSuperseded,
    SyncTimedOut,
    follow,
)
from deploy_orchestrator.releases import Release
from tests.delivery.installation import Installation
from tests.delivery.publishing import SOON, Publisher, delivered
from tests.simulated import Fault

ARGO = "/apis/argoproj.io/v1alpha1/namespaces/argocd"
READ, WRITE, ANNOUNCE = (
    f"GET {ARGO}/applications",
    f"PATCH {ARGO}/applications/",
    f"PATCH {ARGO}/applicationsets",
)
SECOND = timedelta(seconds=1)


@pytest.fixture
def release(publisher: Publisher) -> Release:
    return publisher.release(publisher.config_map("a", x="1"))


@pytest.fixture
def engine(installation: Installation) -> ArgoCD:
    return installation.one


def announced(installation: Installation, release: Release) -> Status:
    """As soon as Argo CD has compared it."""
    installation.one.announce(release)
    states = installation.one.watch(release.environment, [release.tenant], SOON)
    return next(status for status in states if status.source and status.health is not Health.UNKNOWN)


def announcements(installation: Installation) -> int:
    return installation.api.asked.count(f"{ANNOUNCE}/deploy-orchestrator")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("request_", [READ, WRITE, ANNOUNCE], ids=["read", "write", "announcement"])
def test_what_an_overloaded_api_server_puts_off_is_asked_again(
    installation: Installation, engine: ArgoCD, release: Release, status: int, request_: str
) -> None:
    installation.api.fails(Fault(request_, times=2, status=status, body=b"{}"))
    assert delivered(engine, release).done(release)


def test_it_waits_for_as_long_as_the_api_server_says(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    installation.api.fails(Fault(ANNOUNCE, status=429, headers={"Retry-After": "1"}))
    started = time.monotonic()
    engine.announce(release)
    assert time.monotonic() - started >= 1
    assert announcements(installation) == 2


@pytest.mark.parametrize("request_", [READ, WRITE, ANNOUNCE], ids=["read", "write", "announcement"])
def test_a_connection_that_is_cut_is_opened_again(
    installation: Installation, engine: ArgoCD, release: Release, request_: str
) -> None:
    installation.api.fails(Fault(request_, times=2))
    assert delivered(engine, release).done(release)


def test_nothing_is_started_on_what_somebody_has_changed_since_it_was_seen(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    seen = announced(installation, release)
    installation.api.patch(
        "Application", "argocd", "dev.analytics", {"metadata": {"labels": {"by": "somebody"}}}
    )
    asked = len(installation.api.asked)
    engine.sync(release, seen)
    assert [each.split()[0] for each in installation.api.asked[asked:]] == ["PATCH"]
    assert "operation" not in (installation.api.read("Application", "argocd", "dev.analytics") or {})
    assert delivered(engine, release).done(release)


def test_an_application_that_is_gone_since_it_was_seen_is_waited_for(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    seen = announced(installation, release)
    installation.api.delete("Application", "argocd", "dev.analytics")
    assert engine.sync(release, seen) is None
    assert engine.sync(release) is None
    assert delivered(engine, release).done(release)


@pytest.mark.parametrize("breaks", ["cut_watches", "forget_history"])
def test_a_watch_that_breaks_off_misses_nothing(
    installation: Installation, engine: ArgoCD, publisher: Publisher, breaks: str
) -> None:
    hanging = publisher.release(publisher.config_map("a"), publisher.hanging_hook("wait"))
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(delivered, engine, hanging)
        for status in engine.watch("dev", ["analytics"], SOON):
            if status.operation and status.operation.hooks:
                break
        getattr(installation.api, breaks)()
        installation.api.patch(
            "Job", "analytics-dev", "wait", {"metadata": {"annotations": {"e2e/hangs": None}}}
        )
        assert following.result(60).done(hanging)


def test_an_announcement_that_argo_cd_loses_is_made_again(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    installation.argocd.lost = 1
    assert delivered(engine, release).done(release)
    assert announcements(installation) == 2


def test_a_refusal_that_passes_is_waited_for_once_the_api_server_had_admitted_the_caller(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    engine.statuses("dev", ["analytics"])
    installation.api.fails(Fault(READ, status=403, body=b"starting"))
    assert engine.status("dev", "analytics").health is Health.MISSING


@pytest.mark.parametrize(
    ("resource", "ask"),
    [
        ("applications.argoproj.io", lambda engine, release: engine.status("dev", "analytics")),
        ("applications.argoproj.io", lambda engine, release: engine.statuses("dev", ["analytics"])),
        ("applicationsets.argoproj.io", lambda engine, release: engine.announce(release)),
    ],
    ids=["status", "statuses", "announcement"],
)
def test_who_may_not_is_told_what_to_apply(
    installation: Installation,
    engine: ArgoCD,
    release: Release,
    resource: str,
    ask: Callable[[ArgoCD, Release], object],
) -> None:
    installation.api.denies = lambda verb, asked: asked == resource
    with pytest.raises(DeliveryError, match="is forbidden: User") as raised:
        ask(engine, release)
    assert raised.value.fix == "apply what `deploy-orchestrator argocd bootstrap` prints"


def test_an_argo_cd_without_our_application_set_is_told(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    installation.api.delete("ApplicationSet", "argocd", "deploy-orchestrator")
    with pytest.raises(
        DeliveryError, match=r'applicationsets.argoproj.io "deploy-orchestrator" not found'
    ) as raised:
        delivered(engine, release)
    assert "bootstrap" in (raised.value.fix or "")


def test_what_one_write_was_refused_concerns_its_release_alone(
    installation: Installation, engine: ArgoCD, publisher: Publisher, release: Release
) -> None:
    other = publisher.release(publisher.config_map("a"), tenant="ml")
    installation.api.fails(
        Fault(f"{WRITE}dev.ml", times=100, status=422, body=b'{"message": "denied request"}')
    )
    outcomes = {each.tenant: outcome for each, outcome in follow(engine, [release, other], SOON, SOON)}
    assert isinstance(outcomes["analytics"], Status)
    assert "denied request" in str(outcomes["ml"])


def test_a_newer_release_ends_what_is_in_its_way(
    installation: Installation, engine: ArgoCD, publisher: Publisher
) -> None:
    hanging = publisher.release(publisher.config_map("a", x="1"), publisher.hanging_hook("wait"))
    with pytest.raises(SyncTimedOut, match="waiting for completion of hook"):
        delivered(engine, hanging, SECOND)
    status = engine.status("dev", "analytics")
    assert status.operation
    assert status.operation.phase is Phase.RUNNING
    assert status.trouble(hanging).startswith("the sync is not over")
    newer = publisher.release(publisher.config_map("a", x="2"))
    assert delivered(engine, newer).done(newer)
    assert installation.api.read("Job", "analytics-dev", "wait") is None


def test_an_older_release_does_not_end_a_newer_one_that_runs(engine: ArgoCD, publisher: Publisher) -> None:
    older = publisher.release(publisher.config_map("a", x="1"))
    hanging = publisher.release(publisher.config_map("a", x="2"), publisher.hanging_hook("wait"))
    with pytest.raises(SyncTimedOut):
        delivered(engine, hanging, SECOND)
    with pytest.raises(SyncSuperseded, match=f"release {hanging.commit[:12]} took its place"):
        engine.sync(older)


def test_an_operation_of_somebody_elses_release_does_not_supersede_ours(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    announced(installation, release)
    asked_by_somebody_else(installation, release)
    assert delivered(engine, release).done(release)


@pytest.mark.parametrize("named", ["main", "another tenant's", "candidate"])
def test_what_is_no_later_release_of_the_tenant_supersedes_none(
    installation: Installation, engine: ArgoCD, publisher: Publisher, release: Release, named: str
) -> None:
    announced(installation, release)
    later = publisher.release(publisher.config_map("a"), tenant="ml")
    key = {"main": "main", "another tenant's": later.commit, "candidate": later.revision}[named]
    asked_by_somebody_else(installation, release, key)
    assert delivered(engine, release).done(release)


def test_an_operation_that_argo_cd_has_yet_to_begin_is_not_ended(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    announced(installation, release)
    with installation.argocd.paused():
        asked_by_somebody_else(installation, release)
        waits = engine.sync(release)
    assert waits
    assert (waits.key, waits.phase) == ("f" * 40, Phase.RUNNING)
    assert delivered(engine, release).done(release)


def test_a_copy_of_an_application_is_not_the_one_that_delivers(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    live = delivered(engine, release)
    made = installation.api.read("Application", "argocd", "dev.analytics") or {}
    metadata = {"name": "dev.analytics-copy", "namespace": "argocd", "labels": made["metadata"]["labels"]}
    source = {**made["spec"]["source"], "targetRevision": "f" * 40}
    with installation.argocd.paused():
        installation.api.put({**made, "metadata": metadata, "spec": {**made["spec"], "source": source}})
        (status,) = engine.statuses("dev", ["analytics"])
        assert status.live(release)
        assert status.revision == live.revision


def looked_long_ago(installation: Installation) -> None:
    long_ago = {"status": {"reconciledAt": "2026-01-01T00:00:00Z"}}
    installation.api.patch("Application", "argocd", "dev.analytics", long_ago)


def test_argo_cd_is_asked_to_look_at_what_it_has_not_looked_at_for_long(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    delivered(engine, release)
    with installation.argocd.paused():
        looked_long_ago(installation)
        before = len(installation.api.asked)
        (status,) = engine.statuses("dev", ["analytics"])
        assert not status.live(release)
        assert engine.statuses("dev", ["analytics"])[0].sync is Sync.UNKNOWN
        asked = installation.api.asked[before:]
    assert any(status.live(release) for status in engine.watch("dev", ["analytics"], SOON))
    assert asked.count(f"{WRITE}dev.analytics") == 1


def test_who_may_only_read_is_told_that_argo_cd_has_not_looked(
    installation: Installation, engine: ArgoCD, release: Release
) -> None:
    delivered(engine, release)
    with installation.argocd.paused():
        looked_long_ago(installation)
        installation.api.denies = lambda verb, asked: verb == "patch"
        assert engine.status("dev", "analytics").sync is Sync.UNKNOWN
        installation.api.denies = lambda verb, asked: False


def asked_by_somebody_else(installation: Installation, release: Release, key: str = "f" * 40) -> None:
    theirs = {
        "info": [{"name": "deploy-orchestrator.io/release", "value": key}],
        "sync": {"revision": release.revision, "prune": True},
    }
    change = {"operation": theirs, "status": {"operationState": None}}
    installation.api.patch("Application", "argocd", "dev.analytics", change)


def test_whoever_cannot_tell_which_release_is_later_asks_again_later(
    installation: Installation, engine: ArgoCD, publisher: Publisher, release: Release
) -> None:
    delivered(installation.one, publisher.release(publisher.config_map("a", x="2")))
    forge = Path(installation.deployments.url)
    forge.rename(forge.with_name("moved.git"))
    with pytest.raises(EngineUnreachable):
        engine.sync(release.model_copy(update={"commit": "e" * 40}))


def test_what_syncs_by_itself_is_not_synced_twice(installation: Installation, publisher: Publisher) -> None:
    engine = installation.engine
    release = publisher.release(
        publisher.config_map("a"), publisher.hook("migrate", "pre-install,pre-upgrade"), environment="preview"
    )
    operation = delivered(engine, release).operation
    assert operation
    assert operation.phase is Phase.SUCCEEDED
    assert engine.sync(release) == operation


def test_what_failed_by_itself_is_tried_once_more(installation: Installation, publisher: Publisher) -> None:
    bad = publisher.release(
        publisher.config_map("a"), publisher.test("ask", fails="no"), environment="preview"
    )
    with pytest.raises(SyncFailed, match="ask"):
        delivered(installation.engine, bad)


@pytest.fixture(autouse=True)
def _answered(installation: Installation) -> Iterator[None]:
    """Every fault that a test plants is one that was met."""
    yield
    assert not installation.api.unmet
