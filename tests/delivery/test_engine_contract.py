"""What holds for every engine. Another engine is another parameter of the fixture `cluster`."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from deploy_orchestrator.delivery import (
    Health,
    Phase,
    Sync,
    SyncFailed,
    SyncSuperseded,
    SyncTimedOut,
    SyncUnhealthy,
    follow,
)
from tests.delivery.publishing import SOON, delivered, operation_of

NOW = timedelta(0)
OUTPUT = "connecting to db\nno route to host"


def told(engine, *releases) -> dict[str, Any]:
    """The outcome of each by its key, a Status or an error, followed together."""
    return {release.key: outcome for release, outcome in follow(engine, releases, SOON, SOON)}


def test_what_was_never_synced_is_missing(engine):
    status = engine.status("dev", "analytics")
    assert (status.health, status.revision, status.operation) == (Health.MISSING, None, None)
    (same,) = engine.statuses("dev", ["analytics"])
    assert (same.tenant, same.health, same.revision) == ("analytics", Health.MISSING, None)


def test_a_synced_release_becomes_live_and_healthy(engine, cluster, publisher):
    release = publisher.release(publisher.config_map("a", x="1"), publisher.config_map("b"))
    status = delivered(engine, release)
    assert status.live(release)
    assert status.done(release)
    assert (status.sync, status.health, status.drift) == (Sync.SYNCED, Health.HEALTHY, ())
    assert status.revision == release.revision
    operation = operation_of(status)
    assert (operation.key, operation.phase) == (release.commit, Phase.SUCCEEDED)
    assert operation.finished
    assert operation.started <= operation.finished <= status.observed
    tree = publisher.repository.at(release.revision)
    assert cluster.live(release) == tree.files(release.path)


def test_a_later_release_replaces_changes_and_prunes(engine, cluster, publisher):
    delivered(engine, publisher.release(publisher.config_map("a", x="1"), publisher.config_map("gone")))
    second = publisher.release(publisher.config_map("a", x="2"), publisher.config_map("new"))
    delivered(engine, second)
    assert cluster.live(second) == publisher.repository.at(second.revision).files(second.path)


def test_tests_run_last_and_in_order(engine, publisher):
    release = publisher.release(
        publisher.config_map("a"),
        publisher.hook("late", "post-upgrade"),
        publisher.test("third", 8),
        publisher.test("second", 7),
    )
    operation = operation_of(delivered(engine, release))
    assert [(each.object, each.stage, each.phase) for each in operation.hooks] == [
        ("Job analytics-dev/late", "after", Phase.SUCCEEDED),
        ("Pod analytics-dev/second", "after", Phase.SUCCEEDED),
        ("Pod analytics-dev/third", "after", Phase.SUCCEEDED),
    ]


def test_a_release_whose_test_fails_does_not_count_as_live_until_it_is_reverted(engine, cluster, publisher):
    good = publisher.release(publisher.config_map("a", x="good"), publisher.test("ask"))
    delivered(engine, good)
    cluster.fail_hook(good, "ask", OUTPUT)
    bad = publisher.release(
        publisher.config_map("a", x="bad"), publisher.test("ask", fails=OUTPUT), publisher.test("later", 1)
    )
    with pytest.raises(SyncFailed, match="no route to host"):
        delivered(engine, bad, 3 * SOON)
    status = engine.status("dev", "analytics")
    assert status.failed(bad)
    assert not status.live(bad)
    assert (status.revision, status.health) == (good.revision, Health.HEALTHY)
    assert status.failing_since(bad, SOON) == status.operation.finished
    (failed,) = status.operation.broken
    assert (failed.object, failed.stage, failed.message) == ("Pod analytics-dev/ask", "after", OUTPUT)
    assert "later" not in {each.object.rpartition("/")[2] for each in status.operation.hooks}
    assert "Pod analytics-dev/ask failed" in status.trouble(bad)
    assert "no route" not in status.trouble(bad)
    back = publisher.again(good)
    status = delivered(engine, back)
    assert status.live(back)
    assert [each.phase for each in operation_of(status).hooks] == [Phase.SUCCEEDED]


def test_a_release_that_is_synced_again_is_not_run_again(engine, publisher):
    release = publisher.release(publisher.config_map("a"), publisher.hook("migrate", "pre-upgrade"))
    first = operation_of(delivered(engine, release))
    assert engine.sync(release) == first
    assert delivered(engine, release).operation == first


def test_an_operation_says_who_asked_for_it(engine, publisher):
    first = publisher.release(publisher.config_map("a", x="1"))
    assert operation_of(delivered(engine, first)).by is None
    second = publisher.release(publisher.config_map("a", x="2"))
    engine.announce(second)
    until = time.monotonic() + SOON.total_seconds()
    while not (found := engine.sync(second, by="alice@example.com")) or found.key != second.commit:
        assert time.monotonic() < until
        time.sleep(0.05)
    status = delivered(engine, second)
    assert status.live(second)
    assert operation_of(status).by == "alice@example.com"


def test_a_release_brought_back_by_a_revert_is_a_sync_of_its_own(engine, cluster, publisher):
    good = publisher.release(publisher.config_map("a", x="good"))
    delivered(engine, good)
    bad = publisher.release(publisher.config_map("a", x="bad"))
    delivered(engine, bad)
    back = publisher.again(good)
    status = delivered(engine, back)
    assert operation_of(status).key == back.commit != good.commit
    assert status.revision == good.revision
    assert cluster.live(back) == publisher.repository.at(good.revision).files(good.path)


def test_an_older_release_never_overwrites_a_newer_one(engine, cluster, publisher):
    older = publisher.release(publisher.config_map("a", x="1"))
    newer = publisher.release(publisher.config_map("a", x="2"))
    delivered(engine, newer)
    with pytest.raises(SyncSuperseded):
        delivered(engine, older)
    assert engine.status("dev", "analytics").live(newer)


def test_tenants_and_environments_do_not_touch_each_other(engine, cluster, publisher):
    releases = [
        publisher.release(
            publisher.config_map("a", x=f"{environment} {tenant}"), environment=environment, tenant=tenant
        )
        for environment in ("dev", "production")
        for tenant in ("analytics", "ml")
    ]
    for release in releases:
        delivered(engine, release)
    cluster.break_live(releases[0], "told to")
    states = [engine.status(release.environment, release.tenant) for release in releases]
    assert [state.live(release) for state, release in zip(states, releases, strict=True)] == [
        False,
        True,
        True,
        True,
    ]


def test_the_states_of_many_tenants_are_told_at_once_and_in_their_order(engine, publisher):
    releases = {
        tenant: publisher.release(publisher.config_map("a"), tenant=tenant) for tenant in ("analytics", "ml")
    }
    elsewhere = publisher.release(publisher.config_map("b"), environment="production")
    for release in (*releases.values(), elsewhere):
        delivered(engine, release)
    states = engine.statuses("dev", ["ml", "unknown", "analytics"])
    assert [(each.environment, each.tenant) for each in states] == [
        ("dev", "ml"),
        ("dev", "unknown"),
        ("dev", "analytics"),
    ]
    assert states[0].live(releases["ml"])
    assert states[1].health is Health.MISSING
    assert states[2].live(releases["analytics"])


def test_a_release_of_no_objects_removes_those_of_its_tenant_alone(engine, cluster, publisher):
    release = publisher.release(publisher.config_map("a"), publisher.hook("migrate", "pre-install"))
    others = [
        publisher.release(publisher.config_map("a"), tenant="ml"),
        publisher.release(publisher.config_map("a"), environment="production"),
    ]
    for each in (release, *others):
        delivered(engine, each)
    removal = publisher.release()
    status = delivered(engine, removal)
    assert cluster.live(release) == {}
    assert (status.health, status.drift) == (Health.HEALTHY, ())
    assert engine.sync(removal) == status.operation
    with pytest.raises(SyncSuperseded):
        engine.sync(release)
    assert all(engine.status(each.environment, each.tenant).live(each) for each in others)
    assert delivered(engine, publisher.again(release)).drift == ()


def test_many_go_live_together_and_one_that_fails_stops_no_other(engine, publisher):
    good, better = (
        publisher.release(publisher.config_map("a", x="1"), tenant=tenant) for tenant in ("analytics", "ml")
    )
    outcomes = told(engine, good, better)
    assert outcomes[good.key].done(good)
    assert outcomes[better.key].done(better)
    bad = publisher.release(publisher.config_map("a", x="2"), revision="1" * 40)
    best = publisher.release(publisher.config_map("a", x="2"), tenant="ml")
    outcomes = told(engine, bad, best)
    assert isinstance(outcomes[bad.key], SyncFailed)
    assert outcomes[best.key].done(best)
    assert engine.status("dev", "analytics").revision == good.revision


def test_following_many_again_syncs_only_what_is_not_live(engine, cluster, publisher):
    live = publisher.release(publisher.config_map("a"), publisher.hook("migrate", "pre-install"))
    operation = operation_of(delivered(engine, live))
    waiting = publisher.release(publisher.config_map("a"), tenant="ml")
    outcomes = told(cluster.restarted(), live, waiting)
    assert outcomes[live.key].operation == operation
    assert outcomes[waiting.key].done(waiting)
    again = told(engine, live, waiting)
    assert again[live.key].operation == operation
    assert again[waiting.key].operation == outcomes[waiting.key].operation


def test_an_older_release_among_many_stops_no_other(engine, publisher):
    older = publisher.release(publisher.config_map("a", x="1"))
    newer = publisher.release(publisher.config_map("a", x="2"))
    delivered(engine, newer)
    other = publisher.release(publisher.config_map("a"), tenant="ml")
    outcomes = told(engine, older, other)
    assert isinstance(outcomes[older.key], SyncSuperseded)
    assert outcomes[other.key].done(other)
    assert engine.status("dev", "analytics").live(newer)


def test_one_watch_tells_the_changes_of_each_tenant_that_is_asked_for(engine, cluster, publisher):
    releases = [publisher.release(publisher.config_map("a"), tenant=tenant) for tenant in ("analytics", "ml")]
    told(engine, *releases)
    states = engine.watch("dev", ["analytics", "unknown"], SOON)
    assert {next(states).tenant, next(states).tenant} == {"analytics", "unknown"}
    cluster.break_live(releases[1], "told to")
    cluster.break_live(releases[0], "told to")
    assert next(state for state in states if state.health is Health.DEGRADED).tenant == "analytics"


def test_hooks_run_around_the_other_objects_in_order_and_are_not_kept(engine, cluster, publisher):
    release = publisher.release(
        publisher.config_map("a"),
        publisher.hook("late", "post-install, post-upgrade"),
        publisher.hook("second", "pre-upgrade", weight=5),
        publisher.hook("first", "pre-install,pre-upgrade", weight=-5),
        publisher.hook("smoke", "test"),
    )
    operation = operation_of(delivered(engine, release))
    assert [(each.object.rpartition("/")[2], each.stage) for each in operation.hooks] == [
        ("first", "before"),
        ("second", "before"),
        ("late", "after"),
    ]
    assert {each.phase for each in operation.hooks} == {Phase.SUCCEEDED}
    assert list(cluster.live(release)) == ["ConfigMap.analytics-dev.a.yaml"]


def test_what_is_changed_by_hand_is_drift_that_names_the_object(engine, cluster, publisher):
    release = publisher.release(publisher.config_map("a"), publisher.config_map("b"))
    delivered(engine, release)
    cluster.edit(release, "ConfigMap.analytics-dev.b.yaml")
    status = engine.status("dev", "analytics")
    assert (status.sync, status.health) == (Sync.OUT_OF_SYNC, Health.HEALTHY)
    assert status.drift == ("ConfigMap analytics-dev/b",)
    assert not status.live(release)


def test_what_is_removed_by_hand_is_drift_and_missing_when_nothing_is_left(engine, cluster, publisher):
    release = publisher.release(publisher.config_map("a"), publisher.config_map("b"))
    delivered(engine, release)
    cluster.remove(release, "ConfigMap.analytics-dev.a.yaml")
    assert engine.status("dev", "analytics").drift == ("ConfigMap analytics-dev/a",)
    cluster.remove(release, "ConfigMap.analytics-dev.b.yaml")
    status = engine.status("dev", "analytics")
    assert (status.sync, status.health) == (Sync.OUT_OF_SYNC, Health.MISSING)
    assert status.drift == ("ConfigMap analytics-dev/a", "ConfigMap analytics-dev/b")
    assert status.failing_since(release, SOON) == status.since


def test_syncing_again_puts_back_what_has_drifted(engine, cluster, publisher):
    release = publisher.release(publisher.config_map("a"), publisher.config_map("b"))
    delivered(engine, release)
    cluster.edit(release, "ConfigMap.analytics-dev.a.yaml")
    cluster.remove(release, "ConfigMap.analytics-dev.b.yaml")
    assert delivered(engine, release).drift == ()


def test_a_release_can_become_unhealthy_and_its_predecessor_is_healthy_again(engine, cluster, publisher):
    good = publisher.release(publisher.config_map("a", x="good"))
    bad = publisher.release(publisher.config_map("a", x="bad"))
    healthy = delivered(engine, bad)
    cluster.break_live(bad, "readiness probe failed")
    status = engine.status("dev", "analytics")
    assert (status.sync, status.health) == (Sync.SYNCED, Health.DEGRADED)
    assert "readiness probe failed" in status.message
    assert healthy.since <= status.since == status.failing_since(bad, SOON)
    assert engine.status("dev", "analytics").since == status.since
    assert delivered(engine, publisher.again(good)).health is Health.HEALTHY


def test_health_comes_back(engine, cluster, publisher):
    release = publisher.release(publisher.config_map("a"))
    delivered(engine, release)
    cluster.break_live(release, "told to")
    cluster.mend_live(release)
    status = engine.status("dev", "analytics")
    assert status.live(release)
    assert status.failing_since(release, SOON) is None


def test_the_health_of_what_was_live_before_does_not_count_for_a_new_release(engine, publisher):
    before = delivered(engine, publisher.release(publisher.config_map("a", x="1")))
    after = delivered(engine, publisher.release(publisher.config_map("a", x="2")))
    assert before.since <= before.observed <= after.since


def test_a_restart_forgets_nothing(engine, cluster, publisher):
    release = publisher.release(publisher.config_map("a"), publisher.hook("migrate", "pre-install"))
    delivered(engine, release)
    cluster.break_live(release, "told to")
    before, after = engine.status("dev", "analytics"), cluster.restarted().status("dev", "analytics")
    assert (after.health, after.since, after.operation) == (before.health, before.since, before.operation)


def test_following_what_stays_unhealthy_ends_at_the_deadline_and_may_be_tried_again(
    engine, cluster, publisher
):
    release = publisher.release(publisher.config_map("a"))
    delivered(engine, release)
    cluster.break_live(release, "readiness probe failed")
    with pytest.raises(SyncTimedOut, match="readiness probe failed") as raised:
        delivered(engine, release, NOW)
    assert raised.value.status
    assert raised.value.status.health is Health.DEGRADED
    assert raised.value.release == release
    cluster.mend_live(release)
    assert delivered(engine, release).live(release)


def test_what_stays_unhealthy_for_longer_than_its_grace_is_not_followed_until_the_deadline(
    engine, cluster, publisher
):
    release = publisher.release(publisher.config_map("a"))
    delivered(engine, release)
    cluster.break_live(release, "readiness probe failed")
    with pytest.raises(SyncUnhealthy, match="longer than 0:00:02: Degraded") as raised:
        delivered(engine, release, grace=timedelta(seconds=2))
    assert raised.value.status
    assert datetime.now(UTC) - raised.value.status.since > timedelta(seconds=2)


def test_a_release_that_cannot_be_applied_fails_and_leaves_what_is_live(engine, cluster, publisher):
    good = publisher.release(publisher.config_map("a", x="good"))
    delivered(engine, good)
    live = cluster.live(good)
    bad = publisher.release(publisher.config_map("a"), revision="1" * 40)
    with pytest.raises(SyncFailed) as raised:
        delivered(engine, bad)
    status = raised.value.status
    assert status
    assert status.failed(bad)
    assert status.failing_since(bad, SOON) == operation_of(status).finished
    assert status.revision == good.revision
    assert status.sync is Sync.OUT_OF_SYNC
    assert cluster.live(good) == live
    assert delivered(engine, publisher.again(good)).live(good)


def test_a_release_that_fails_again_has_been_failing_since_it_failed_first(engine, publisher):
    bad = publisher.release(publisher.config_map("a"), revision="1" * 40)
    for _ in range(2):
        with pytest.raises(SyncFailed):
            delivered(engine, bad)
    second = engine.status("dev", "analytics")
    assert second.operation.failing <= second.operation.started
    assert second.failing_since(bad, SOON) == second.operation.failing
    with pytest.raises(SyncFailed):
        delivered(engine, bad)
    assert engine.status("dev", "analytics").failing_since(bad, SOON) == second.operation.failing
    anew = publisher.release(publisher.config_map("a"), revision="2" * 40)
    with pytest.raises(SyncFailed):
        delivered(engine, anew)
    first = engine.status("dev", "analytics")
    assert first.failing_since(anew, SOON) == first.operation.finished
    good = publisher.release(publisher.config_map("a"))
    assert delivered(engine, good).failing_since(good, SOON) is None


def test_every_change_of_state_is_reported_once(engine, cluster, publisher):
    release = publisher.release(publisher.config_map("a"))
    reports = []
    status = delivered(engine, release, report=reports.append)
    assert reports[-1] == status
    assert all(before != after for before, after in pairwise(reports))


def test_an_engine_says_what_it_is_and_where_to_look(engine, publisher):
    assert engine.name
    assert engine.link("dev", "analytics") is None or "://" in engine.link("dev", "analytics")
    delivered(engine, publisher.release(publisher.config_map("a")))
    assert "://" in engine.link("dev", "analytics")
