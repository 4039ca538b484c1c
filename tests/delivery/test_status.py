from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deploy_orchestrator.delivery import (
    Health,
    Operation,
    Phase,
    Status,
    Sync,
    SyncFailed,
    SyncTimedOut,
    follow,
)
from deploy_orchestrator.delivery import Hook as RanHook

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


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

    def sync(self, release):
        self.asked.append("sync")
        return self.states[0].operation

    def status(self, environment, tenant):
        return self.states[0]

    def statuses(self, environment, tenants):
        return [self.states[0] for _ in tenants]

    def watch(self, environment, tenant, limit):
        yield from self.states

    def refresh(self, environment, tenant):
        self.asked.append("refresh")

    def link(self, environment, tenant):
        return None


def test_following_asks_again_while_another_operation_is_in_the_way(release, done):
    another = replace(done, operation=replace(done.operation, key="another", phase=Phase.RUNNING))
    engine = Scripted(another, another, done)
    assert follow(engine, release, MINUTE) == done
    assert engine.asked == ["sync"] * 3


def test_following_asks_for_a_look_when_there_was_none_since_the_end(release, done):
    engine = Scripted(replace(done, observed=NOON), done)
    follow(engine, release, MINUTE)
    assert engine.asked == ["sync", "refresh"]


def test_following_asks_again_for_what_has_drifted(release, done):
    drifted = replace(done, sync=Sync.OUT_OF_SYNC, drift=("ConfigMap analytics-dev/a",))
    engine = Scripted(drifted, done)
    assert follow(engine, release, MINUTE) == done
    assert engine.asked == ["sync", "sync"]


def test_a_failed_hook_is_told_by_name_and_message(release, done):
    hook = RanHook("Job analytics-dev/migrate", "before", Phase.FAILED, "relation exists")
    operation = replace(done.operation, phase=Phase.FAILED, message="one hook failed", hooks=(hook,))
    with pytest.raises(SyncFailed, match="Job analytics-dev/migrate: relation exists; one hook failed"):
        follow(Scripted(replace(done, operation=operation)), release, MINUTE)


def test_several_lines_of_a_hook_stand_below_its_name_and_where_the_others_are_is_told(release, done):
    hook = RanHook("Pod analytics-dev/ask", "after", Phase.FAILED, "connecting\nno route to host")
    operation = replace(done.operation, phase=Phase.FAILED, message="one hook failed", hooks=(hook,))
    with pytest.raises(SyncFailed) as raised:
        follow(Scripted(replace(done, operation=operation)), release, MINUTE)
    assert "Pod analytics-dev/ask:\n  connecting\n  no route to host\none hook failed" in str(raised.value)
    assert "kubectl logs --namespace analytics-dev pod/ask --all-containers" in raised.value.fix


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
        follow(Scripted(running), release, timedelta(0))
