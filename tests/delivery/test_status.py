import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deploy_orchestrator.delivery import (
    DeliveryError,
    Health,
    Operation,
    Phase,
    Status,
    Sync,
    SyncFailed,
    SyncTimedOut,
    SyncUnhealthy,
    follow,
)
from deploy_orchestrator.delivery import Hook as RanHook
from deploy_orchestrator.releases import Release
from tests.delivery.publishing import SOON, delivered

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOW = timedelta(0)


@pytest.fixture
def release(publisher):
    return publisher.release(publisher.config_map("a"))


@pytest.fixture
def done(release):
    operation = Operation(release.commit, release.revision, Phase.SUCCEEDED, NOON, NOON + MINUTE)
    return Status(
        "dev",
        "analytics",
        Sync.SYNCED,
        Health.HEALTHY,
        release.revision,
        since=NOON,
        observed=NOON + MINUTE,
        operation=operation,
    )


def test_done_is_our_operation_over_and_its_outcome_seen_since(release, done):
    assert done.done(release)
    operation = done.operation
    for almost in (
        replace(done, operation=None),
        replace(done, operation=replace(operation, key="another")),
        replace(done, operation=replace(operation, revision="another")),
        replace(done, operation=replace(operation, phase=Phase.RUNNING)),
        replace(done, observed=NOON),
        replace(done, revision="another"),
        replace(done, sync=Sync.OUT_OF_SYNC),
        replace(done, health=Health.PROGRESSING),
    ):
        assert not almost.done(release)


def test_what_the_engine_synced_by_itself_is_done_too(release, done):
    automatic = replace(done.operation, key=None)
    assert replace(done, operation=automatic).done(release)
    assert replace(done, operation=replace(automatic, phase=Phase.FAILED)).failed(release)


def test_what_failed_before_fails_until_another_operation_succeeds(release, done):
    running = replace(done.operation, phase=Phase.RUNNING, finished=None, failing=NOON - MINUTE)
    assert replace(done, operation=running).failing_since(release, MINUTE) == NOON - MINUTE
    failed = replace(running, phase=Phase.FAILED, finished=NOON)
    assert replace(done, operation=failed).failing_since(release, MINUTE) == NOON - MINUTE
    succeeded = replace(running, phase=Phase.SUCCEEDED, finished=NOON)
    assert replace(done, operation=succeeded).failing_since(release, MINUTE) is None
    other = replace(failed, key="another")
    assert replace(done, operation=other).failing_since(release, MINUTE) is None


def test_an_attempt_that_waits_for_another_is_no_failure(release, done):
    waiting = replace(done.operation, phase=Phase.RUNNING, finished=NOON)
    assert not replace(done, operation=waiting, health=Health.PROGRESSING).failed(release)


def test_what_keeps_progressing_fails_when_its_deadline_is_over(release, done):
    for health in (Health.PROGRESSING, Health.SUSPENDED):
        slow = replace(done, health=health, since=NOON, observed=NOON + 3 * MINUTE)
        assert slow.failing_since(release, 3 * MINUTE) is None
        assert slow.failing_since(release, 2 * MINUTE) == NOON + 2 * MINUTE


def test_an_operation_that_does_not_end_fails_when_its_deadline_is_over(release, done):
    running = replace(done.operation, phase=Phase.RUNNING, started=NOON, finished=None)
    hanging = replace(done, revision="before", operation=running, observed=NOON + 3 * MINUTE)
    assert hanging.failing_since(release, 3 * MINUTE) is None
    assert hanging.failing_since(release, 2 * MINUTE) == NOON + 2 * MINUTE


def test_what_another_release_left_is_not_held_against_this_one(release, done):
    assert replace(done, health=Health.DEGRADED, revision="another").failing_since(release, MINUTE) is None
    failed = replace(done.operation, key="another", phase=Phase.FAILED)
    assert replace(done, operation=failed).failing_since(release, MINUTE) is None


class Scripted:
    """An engine that tells one state after another, and notes what it is asked to do."""

    name = "scripted"

    def __init__(self, *states: Status) -> None:
        self.states = list(states)
        self.asked: list[str] = []

    def announce(self, release: Release) -> None:
        self.asked.append("announce")

    def sync(self, release: Release, seen: Status | None = None, by: str | None = None) -> Operation | None:
        self.asked.append("sync")
        return seen.operation if seen else None

    def status(self, environment: str, tenant: str) -> Status:
        return self.states[-1]

    def statuses(self, environment: str, tenants: Iterable[str]) -> list[Status]:
        return [self.states[-1] for _ in tenants]

    def watch(self, environment: str, tenants: Collection[str], limit: timedelta) -> Iterator[Status]:
        yield from self.states
        time.sleep(limit.total_seconds())

    def leftover(self, environment: str, tenant: str) -> None:
        return None

    def link(self, environment: str, tenant: str) -> None:
        return None


def test_following_asks_again_while_another_operation_is_in_the_way(release, done):
    another = replace(done, operation=replace(done.operation, key="another", phase=Phase.RUNNING))
    engine = Scripted(another, another, done)
    assert delivered(engine, release, MINUTE) == done
    assert engine.asked == ["announce", "sync", "sync"]


def test_following_asks_again_for_what_has_drifted(release, done):
    drifted = replace(done, sync=Sync.OUT_OF_SYNC, drift=("ConfigMap analytics-dev/a",))
    engine = Scripted(drifted, done)
    assert delivered(engine, release, MINUTE) == done
    assert engine.asked == ["announce", "sync"]


def test_a_failure_from_before_is_tried_again_and_a_new_one_is_final(release, done):
    before = replace(done, operation=replace(done.operation, phase=Phase.FAILED))
    again = replace(done, operation=replace(before.operation, finished=NOON + 2 * MINUTE))
    engine = Scripted(before, before, again)
    with pytest.raises(SyncFailed) as raised:
        delivered(engine, release, MINUTE)
    assert raised.value.status == again
    assert engine.asked == ["announce", "sync", "sync"]


def test_what_stays_unhealthy_is_given_up_when_its_grace_is_over(release, done):
    now = datetime.now(UTC)
    degraded = replace(done, health=Health.DEGRADED, message="a probe", since=now - MINUTE, observed=now)
    with pytest.raises(SyncUnhealthy, match="unhealthy for longer than 0:00:59: Degraded: a probe") as raised:
        delivered(Scripted(degraded), release, SOON, MINUTE - timedelta(seconds=1))
    assert raised.value.status == degraded
    with pytest.raises(SyncUnhealthy):
        delivered(Scripted(degraded), release, SOON, MINUTE + timedelta(seconds=1))
    assert datetime.now(UTC) - now > timedelta(seconds=1)


@pytest.mark.parametrize(
    "change",
    [
        {"operation": None},
        {"drift": ("ConfigMap analytics-dev/a",)},
        {"observed": NOON},
        {"revision": "another"},
    ],
)
def test_what_no_sync_of_the_release_left_is_not_given_up(release, done, change):
    degraded = replace(done, **{"health": Health.DEGRADED, "message": "a probe", **change})
    with pytest.raises(SyncTimedOut):
        delivered(Scripted(degraded), release, NOW, NOW)


def test_one_outcome_of_many_is_told_before_the_next_state_is_looked_at(publisher, done):
    releases = [publisher.release(publisher.config_map("a"), tenant=tenant) for tenant in ("analytics", "ml")]

    def state(release: Release, phase: Phase) -> Status:
        operation = replace(done.operation, key=release.commit, revision=release.revision, phase=phase)
        return replace(done, tenant=release.tenant, revision=release.revision, operation=operation)

    engine = Scripted(
        *(state(each, Phase.RUNNING) for each in releases),
        replace(done, tenant="unknown"),
        state(releases[1], Phase.FAILED),
        state(releases[0], Phase.SUCCEEDED),
    )
    following = follow(engine, releases, MINUTE, MINUTE)
    release, failure = next(following)
    assert (release, type(failure)) == (releases[1], SyncFailed)
    release, success = next(following)
    assert (release, success) == (releases[0], engine.states[-1])
    assert list(following) == []
    assert list(follow(engine, [], MINUTE, MINUTE)) == []


def test_what_the_engine_refuses_for_one_stops_no_other(publisher, done):
    releases = [publisher.release(publisher.config_map("a"), tenant=tenant) for tenant in ("analytics", "ml")]

    class Refusing(Scripted):
        def sync(
            self, release: Release, seen: Status | None = None, by: str | None = None
        ) -> Operation | None:
            if release == releases[0]:
                raise DeliveryError("refused")
            return None

    waiting = [replace(done, tenant=each.tenant, operation=None) for each in releases]
    operation = replace(done.operation, key=releases[1].commit, revision=releases[1].revision)
    live = replace(waiting[1], revision=releases[1].revision, operation=operation)
    (first, refused), second = follow(Refusing(*waiting, live), releases, MINUTE, MINUTE)
    assert (first, str(refused)) == (releases[0], "refused")
    assert second == (releases[1], live)


def test_a_failed_hook_is_told_by_name_and_message(release, done):
    hook = RanHook("Job analytics-dev/migrate", "before", Phase.FAILED, "relation exists")
    operation = replace(done.operation, phase=Phase.FAILED, message="one hook failed", hooks=(hook,))
    with pytest.raises(SyncFailed, match="Job analytics-dev/migrate: relation exists; one hook failed"):
        delivered(Scripted(replace(done, operation=None), replace(done, operation=operation)), release)


def test_several_lines_of_a_hook_stand_below_its_name_and_where_the_others_are_is_told(release, done):
    hook = RanHook("Pod analytics-dev/ask", "after", Phase.FAILED, "connecting\nno route to host")
    operation = replace(done.operation, phase=Phase.FAILED, message="one hook failed", hooks=(hook,))
    with pytest.raises(SyncFailed) as raised:
        delivered(Scripted(replace(done, operation=None), replace(done, operation=operation)), release)
    assert "Pod analytics-dev/ask:\n  connecting\n  no route to host\none hook failed" in str(raised.value)
    assert "kubectl logs --namespace analytics-dev pod/ask --all-containers" in str(raised.value.fix)


def test_only_what_makes_pods_has_logs():
    assert RanHook("ConfigMap analytics-dev/ask", "before", Phase.FAILED).logs is None


def test_a_release_whose_last_sync_failed_is_not_live_even_where_its_objects_are(release, done):
    assert done.live(release)
    failed = replace(done, operation=replace(done.operation, phase=Phase.FAILED))
    assert not failed.live(release)
    assert failed.failing_since(release, MINUTE)


def test_what_keeps_a_release_from_being_live_is_told_in_a_line(release, done):
    failed = replace(done, operation=replace(done.operation, phase=Phase.FAILED), message="Pod x\nfailed")
    assert failed.trouble(release) == "the sync failed: Pod x failed"
    running = replace(done, operation=replace(done.operation, phase=Phase.RUNNING), message="")
    assert running.trouble(release) == "the sync is not over"
    assert replace(done, health=Health.DEGRADED, message="a probe").trouble(release) == "Degraded: a probe"
    assert len(replace(done, health=Health.DEGRADED, message="a " * 10_000).trouble(release)) <= 400
    other = replace(done, revision="other", operation=None)
    assert (done.trouble(release), other.trouble(release)) == ("", "")


def test_an_operation_that_never_ends_ends_the_following(release, done):
    running = replace(done, operation=replace(done.operation, phase=Phase.RUNNING), health=Health.PROGRESSING)
    with pytest.raises(SyncTimedOut):
        delivered(Scripted(running), release, NOW)


def test_what_was_changed_by_hand_after_the_release_had_proven_itself_is_not_its_fault(release, done):
    changed = replace(done, sync=Sync.OUT_OF_SYNC, drift=("ConfigMap a/b",), health=Health.MISSING)
    late = replace(changed, since=done.operation.finished + 2 * MINUTE, observed=NOON + 5 * MINUTE)
    assert late.failing_since(release, MINUTE) is None
    assert replace(late, drift=()).failing_since(release, MINUTE) == late.since
    early = replace(changed, since=done.operation.finished, observed=NOON + 5 * MINUTE)
    assert early.failing_since(release, MINUTE) == early.since
