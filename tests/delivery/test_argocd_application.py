"""How an Application as the Kubernetes API gives it reads; the real ones are in tests/e2e."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy_orchestrator.delivery import Health, Hook, Phase, Sync
from deploy_orchestrator.delivery.argocd.application import Application
from deploy_orchestrator.releases import Release
from tests.delivery.publishing import Publisher

NEW, OLD = "2" * 40, "1" * 40
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AFTERWARDS = NOON + timedelta(minutes=1)


@pytest.fixture
def release(publisher: Publisher) -> Release:
    """The one that operations are asked for."""
    return publisher.release(publisher.config_map("a"), revision=NEW).model_copy(update={"commit": "c" * 40})


def at(seconds: int) -> str:
    return (NOON + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def application(*, operation: dict[str, Any] | None = None, **status: Any) -> Application:
    labels = {"deploy-orchestrator.io/environment": "dev", "deploy-orchestrator.io/tenant": "shop"}
    metadata = {
        "name": "dev.shop",
        "resourceVersion": "7",
        "labels": labels,
        "creationTimestamp": at(-60),
    }
    spec = {"source": {"targetRevision": NEW}, "syncPolicy": {"retry": {"limit": 2}, "syncOptions": []}}
    body = {"metadata": metadata, "spec": spec, "status": status}
    return Application(body if operation is None else {**body, "operation": operation}, read=AFTERWARDS)


def asked(key: str | None = "c" * 40, revision: str = NEW) -> dict[str, Any]:
    info = [{"name": "deploy-orchestrator.io/release", "value": key}] if key else []
    return {"info": info, "sync": {"revision": revision}}


def ended(phase: str = "Succeeded", **state: Any) -> dict[str, Any]:
    return {"operation": asked(), "phase": phase, "startedAt": at(0), "finishedAt": at(5), **state}


def live(revision: str = NEW, **status: Any) -> dict[str, Any]:
    return {
        "history": [{"revision": revision, "deployedAt": at(5)}],
        "sync": {"status": "Synced", "revision": NEW},
        "health": {"status": "Healthy", "lastTransitionTime": at(1)},
        "reconciledAt": at(20),
        **status,
    }


def test_one_that_argo_cd_has_not_looked_at_yet() -> None:
    status = application().status
    assert (status.environment, status.tenant) == ("dev", "shop")
    assert (status.sync, status.health, status.revision) == (Sync.OUT_OF_SYNC, Health.UNKNOWN, None)
    assert status.operation is None


def test_an_operation_that_was_asked_for_runs_before_argo_cd_takes_it_up() -> None:
    operation = application(operation=asked("abc"), operationState=ended()).status.operation
    assert operation
    assert (operation.key, operation.revision, operation.phase) == ("abc", NEW, Phase.RUNNING)


def test_an_operation_of_somebody_else_has_no_key() -> None:
    operation = application(operationState=ended(operation=asked(None))).status.operation
    assert operation
    assert (operation.key, operation.revision) == (None, NEW)


@pytest.mark.parametrize(
    ("told", "failing"), [(at(3), NOON + timedelta(seconds=3)), ("yesterday", None), ("", None)]
)
def test_an_operation_tells_since_when_its_release_fails_where_that_can_be_read(
    told: str, failing: datetime | None
) -> None:
    again = asked()
    again["info"].append({"name": "deploy-orchestrator.io/failing-since", "value": told})
    operation = application(operationState=ended("Failed", operation=again)).status.operation
    assert operation
    assert operation.failing == failing


def test_an_old_comparison_is_out_of_sync() -> None:
    assert application(**live()).status.sync is Sync.SYNCED
    assert application(**live(sync={"status": "Synced", "revision": OLD})).status.sync is Sync.OUT_OF_SYNC
    assert application(**live(OLD)).status.sync is Sync.OUT_OF_SYNC


def test_a_word_that_only_a_newer_argo_cd_knows_is_unknown() -> None:
    status = application(
        **live(health={"status": "Thoughtful"}, sync={"status": "Almost", "revision": NEW})
    ).status
    assert (status.sync, status.health) == (Sync.UNKNOWN, Health.UNKNOWN)


def test_health_is_that_of_what_is_live_and_healing_does_not_make_it_younger() -> None:
    deployed = [{"revision": revision, "deployedAt": at(second)} for revision, second in HISTORY]
    assert application(**live(history=deployed)).status.since == NOON + timedelta(seconds=5)
    worse = {"status": "Degraded", "lastTransitionTime": at(9)}
    assert application(**live(health=worse)).status.since == NOON + timedelta(seconds=9)


HISTORY = [(NEW, 1), (OLD, 3), (NEW, 5), (NEW, 7)]


def test_what_an_operation_left_counts_as_seen_when_argo_cd_has_looked_since() -> None:
    before = application(**live(reconciledAt=at(4)), operationState=ended()).status
    assert before.observed == NOON + timedelta(seconds=4)
    assert application(**live(), operationState=ended()).status.observed > NOON + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("reconciled", "drifted", "settled"),
    [(4, False, False), (5, True, False), (8, True, False), (9, True, True)],
)
def test_drift_is_certain_only_when_the_look_began_after_the_sync(
    reconciled: int, drifted: bool, settled: bool
) -> None:
    out_of_sync = {"status": "OutOfSync", "revision": NEW}
    seen = application(**live(sync=out_of_sync, reconciledAt=at(reconciled)), operationState=ended())
    assert (seen.drifted, seen.settled) == (drifted, settled)


@pytest.mark.parametrize(
    ("health", "drifted"),
    [({"health": {"status": "Progressing", "message": "Pending deletion"}}, False), ({}, True)],
)
def test_what_is_still_being_deleted_calls_for_no_other_sync(health: dict[str, Any], drifted: bool) -> None:
    held = {"kind": "ConfigMap", "name": "held", "status": "OutOfSync", "requiresPruning": True, **health}
    out_of_sync = {"status": "OutOfSync", "revision": NEW}
    seen = application(**live(sync=out_of_sync, resources=[held]), operationState=ended())
    assert seen.drifted is drifted
    edited = {"kind": "Service", "name": "web", "status": "OutOfSync"}
    seen = application(**live(sync=out_of_sync, resources=[held, edited]), operationState=ended())
    assert seen.drifted


def test_drift_names_the_objects_but_not_while_a_release_waits() -> None:
    resources = [
        {
            "group": "apps",
            "kind": "Deployment",
            "namespace": "shop-dev",
            "name": "web",
            "status": "OutOfSync",
        },
        {"kind": "Service", "namespace": "shop-dev", "name": "web", "status": "Synced"},
    ]
    assert application(**live(resources=resources)).status.drift == ("Deployment shop-dev/web",)
    assert application(**live(OLD, resources=resources)).status.drift == ()


def test_messages_tell_what_is_unhealthy_and_why() -> None:
    resources = [
        {
            "kind": "Pod",
            "namespace": "shop-dev",
            "name": "web",
            "health": {"status": "Degraded", "message": "container failed"},
        }
    ]
    conditions = [{"type": "ComparisonError", "message": "no such path"}]
    degraded = {"status": "Degraded", "message": "Caused by Pod:shop-dev/web"}
    status = live(health=degraded, conditions=conditions)
    assert application(**status).status.message == "Caused by Pod:shop-dev/web; no such path"
    assert (
        application(**status, resources=resources).status.message
        == "Pod shop-dev/web: container failed; no such path"
    )


def told(message: str) -> str:
    """What becomes of the words of a hook that failed."""
    ran = {"kind": "Pod", "namespace": "shop-dev", "name": "ask", "hookType": "PostSync"}
    results = {"revision": NEW, "resources": [{**ran, "hookPhase": "Failed", "message": message}]}
    operation = application(operationState=ended("Failed", syncResult=results)).status.operation
    assert operation
    (hook,) = operation.broken
    return hook.message


def test_what_a_pod_printed_is_told_by_its_last_lines() -> None:
    assert told("one\r\n\n  two  \n") == "one\ntwo"
    lines = told("".join(f"line {number}\n" for number in range(1000))).split("\n")
    assert lines == [f"line {number}" for number in range(980, 1000)]
    assert len(told("x" * 100_000)) == 2001


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[31mred\x1b[0m and \x1b]0;title\x07plain", "red and plain"),
        ("back\x08space \u202eturned", "back space  turned"),
        ("PGPASSWORD=hunter2 in the environment", "PGPASSWORD=(hidden) in the environment"),
        ('{"api_key": "hunter2", "user": "ann"}', '{"api_key": (hidden), "user": "ann"}'),
        ("Authorization: Bearer hunter2", "Authorization: Bearer (hidden)"),
        ("curl -H 'authorization: basic hunter2' x", "curl -H 'authorization: basic (hidden)' x"),
        ("cannot reach postgresql://ann:hunter2@db:5432/x", "cannot reach postgresql://db:5432/x"),
        ('password authentication failed for user "ann"', 'password authentication failed for user "ann"'),
    ],
)
def test_neither_terminal_codes_nor_passwords_are_told(printed: str, shown: str) -> None:
    assert told(printed) == shown


def test_the_message_names_a_hook_that_failed_and_keeps_what_it_printed_apart() -> None:
    ran = {"kind": "Pod", "namespace": "shop-dev", "name": "ask", "hookType": "PostSync"}
    results = {"revision": NEW, "resources": [{**ran, "hookPhase": "Failed", "message": "no route"}]}
    status = application(**live(OLD), operationState=ended("Failed", syncResult=results)).status
    assert status.message == "Pod shop-dev/ask failed"


def test_hooks_are_told_with_their_outcome() -> None:
    ran = {"kind": "Job", "namespace": "shop-dev", "hookPhase": "Failed", "message": "exit code 1"}
    results = [
        {**ran, "group": "batch", "name": "migrate", "hookType": "PreSync"},
        {**ran, "group": "batch", "name": "smoke", "hookType": "PostSync"},
        {"kind": "Service", "namespace": "shop-dev", "name": "web", "status": "Synced"},
    ]
    state = ended("Failed", syncResult={"revision": NEW, "resources": results})
    operation = application(operationState=state).status.operation
    assert operation
    assert operation.hooks == (
        Hook("Job shop-dev/migrate", "before", Phase.FAILED, "exit code 1"),
        Hook("Job shop-dev/smoke", "after", Phase.FAILED, "exit code 1"),
    )


def test_one_that_had_several_sources_is_read() -> None:
    several = {"revisions": [OLD, NEW], "deployedAt": at(3)}
    status = application(**live(history=[several])).status
    assert (status.revision, status.sync) == (None, Sync.OUT_OF_SYNC)
    assert application(**live(history=[several, *live()["history"]])).status.sync is Sync.SYNCED


def test_a_phase_that_only_a_newer_argo_cd_knows_is_not_over() -> None:
    operation = application(operationState=ended("Thinking")).status.operation
    assert operation
    assert operation.phase is Phase.RUNNING


def test_an_application_is_that_of_its_name_whatever_its_labels_say() -> None:
    found = application(**live())
    found.body["metadata"]["labels"].update({"deploy-orchestrator.io/tenant": "another"})
    assert (found.status.environment, found.status.tenant) == ("dev", "shop")


BY_HAND = {"username": "ann"}
OURS = {"username": "deploy-orchestrator"}


@pytest.mark.parametrize(
    "part",
    [
        {"dryRun": True},
        {"resources": [{"kind": "Service", "name": "web"}]},
        {"syncStrategy": {"apply": {"force": False}}},
        {"manifests": ["{}"]},
        {"source": {"repoURL": "https://elsewhere.example", "path": "x"}},
        {"sources": [{"repoURL": "https://elsewhere.example", "path": "x"}]},
    ],
    ids=lambda part: next(iter(part)),
)
@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_what_somebody_synced_in_part_or_without_hooks_serves_no_release(
    part: dict[str, Any], phase: str, release: Release
) -> None:
    operation = {**asked(None), "initiatedBy": BY_HAND}
    operation["sync"] |= part
    seen = application(**live(), operationState=ended(phase, operation=operation))
    assert not seen.status.done(release)
    assert not seen.status.failed(release)
    change = seen.towards(release)
    assert change
    assert change["operation"]["sync"]["syncStrategy"] == {"hook": {}}


def test_what_was_applied_without_its_hooks_is_not_live() -> None:
    bare = {**asked(None), "initiatedBy": BY_HAND, "sync": {"revision": NEW, "syncStrategy": {"apply": {}}}}
    entries = [(OLD, -9), (NEW, 0)]
    history = [{"revision": each, "deployStartedAt": at(s), "deployedAt": at(s + 5)} for each, s in entries]
    status = application(**live(history=history), operationState=ended(operation=bare)).status
    assert status.sync is Sync.OUT_OF_SYNC
    assert "without its hooks" in status.message
    before = {"revision": NEW, "deployStartedAt": at(-5), "deployedAt": at(-4), "initiatedBy": OURS}
    status = application(**live(history=[before, history[1]]), operationState=ended(operation=bare)).status
    assert status.sync is Sync.SYNCED


@pytest.mark.parametrize(
    ("by", "sync"), [(BY_HAND, Sync.OUT_OF_SYNC), (OURS, Sync.SYNCED), ({"automated": True}, Sync.SYNCED)]
)
def test_a_dry_run_hides_nothing_of_what_was_applied_before_it(by: dict[str, Any], sync: Sync) -> None:
    trial = {**asked(None), "initiatedBy": BY_HAND, "sync": {"revision": NEW, "dryRun": True}}
    entry = {"revision": NEW, "deployStartedAt": at(-5), "deployedAt": at(-4), "initiatedBy": by}
    assert application(**live(history=[entry]), operationState=ended(operation=trial)).status.sync is sync


def test_what_argo_cd_heals_by_itself_serves_its_release(release: Release) -> None:
    healing = {**asked(None), "initiatedBy": {"automated": True}}
    healing["sync"] |= {"resources": [{"kind": "Service", "name": "web"}]}
    assert application(**live(), operationState=ended(operation=healing)).status.done(release)


@pytest.mark.parametrize("told", ["true", "1", "T"])
def test_one_that_argo_cd_is_told_to_skip_is_not_known_to_be_live(told: str, release: Release) -> None:
    seen = application(**live(), operationState=ended())
    assert seen.status.live(release)
    seen.body["metadata"]["annotations"] = {"argocd.argoproj.io/skip-reconcile": told}
    assert seen.status.sync is Sync.UNKNOWN
    assert not seen.status.live(release)
    assert "argocd.argoproj.io/skip-reconcile" in seen.status.message
    assert application(**live(OLD)).towards(release)
    assert replace(seen, body={**seen.body, "status": live(OLD)}).towards(release) is None


@pytest.mark.parametrize("told", ["false", "0", "perhaps"])
def test_who_is_not_skipped_is_looked_at(told: str, release: Release) -> None:
    seen = application(**live())
    seen.body["metadata"]["annotations"] = {"argocd.argoproj.io/skip-reconcile": told}
    assert seen.status.live(release)


def test_one_that_is_being_deleted_is_not_live(release: Release) -> None:
    seen = application(**live(), operationState=ended())
    seen.body["metadata"]["deletionTimestamp"] = at(30)
    assert seen.status.sync is Sync.UNKNOWN
    assert not seen.status.live(release)
    assert "being deleted" in seen.status.message
    assert seen.towards(release) is None


def test_what_argo_cd_saw_long_ago_is_not_known_to_be_so_and_gets_a_look_when_it_is_asked_for(
    release: Release,
) -> None:
    seen = application(**live(reconciledAt=at(-1200)), operationState=ended(finishedAt=at(-1300)))
    assert seen.status.sync is Sync.UNKNOWN
    assert not seen.status.live(release)
    assert seen.status.observed == NOON - timedelta(seconds=1200)
    assert "has not looked" in seen.status.message
    look = seen.towards(release)
    assert look
    assert look["metadata"]["annotations"] == {"argocd.argoproj.io/refresh": "normal"}
    assert "operation" not in look


def test_what_progressed_when_argo_cd_saw_it_last_does_not_fail_by_the_time_that_it_does_not_look(
    release: Release,
) -> None:
    progressing = {"status": "Progressing", "lastTransitionTime": at(-1300)}
    seen = application(**live(health=progressing, reconciledAt=at(-1200)))
    assert seen.status.failing_since(release, timedelta(minutes=5)) is None


@pytest.mark.parametrize(("seconds", "overdue"), [(-100, False), (-400, True), (-1200, True)])
def test_a_look_is_overdue_after_minutes_and_asked_for_once(seconds: int, overdue: bool) -> None:
    seen = application(**live(reconciledAt=at(seconds)))
    assert (seen.look is not None) is overdue
    seen.body["metadata"]["annotations"] = {"argocd.argoproj.io/refresh": "normal"}
    assert seen.look is None
