"""The page that shows every tenant in every environment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from deploy_orchestrator.defs import pages, reports
from deploy_orchestrator.delivery import (
    EngineUnreachable,
    Health,
    Hook,
    Operation,
    Phase,
    Sandbox,
    Status,
    Sync,
)
from deploy_orchestrator.fleet import Destination
from deploy_orchestrator.manifests import ChartUsed
from deploy_orchestrator.pipeline import Overview, RulesWaiting, Standing, State
from deploy_orchestrator.releases import (
    Approval,
    Gate,
    GateState,
    Line,
    Pausing,
    Release,
    SourceChange,
    digest_of,
)
from tests.steps import propose, released

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NEW, OLD, COMMIT = "2" * 40, "1" * 40, "c" * 40
CONTENT = f"sha256:{'a' * 64}"
NOWHERE: Any = None
"""The page asks neither the repository nor the cluster."""


def release(environment: str, tenant: str) -> Release:
    return Release(
        format=2,
        environment=environment,
        tenant=tenant,
        namespace=f"{tenant}-{environment}",
        cluster="main",
        digest=digest_of(
            environment=environment,
            tenant=tenant,
            destination=Destination("main", None, f"{tenant}-{environment}"),
            content=CONTENT,
            base=None,
            replaces=None,
        ),
        content=CONTENT,
        chart=ChartUsed(name="app", version="1.0.0"),
        source=SourceChange(commit=OLD, authors=(), signed=False),
        revision=NEW,
        path=f"manifests/{environment}/{tenant}",
        released_at=NOON,
        commit=COMMIT,
    )


def healthy(environment: str, tenant: str) -> Status:
    ended = NOON + timedelta(seconds=7)
    operation = Operation(COMMIT, NEW, Phase.SUCCEEDED, NOON, ended)
    return Status(environment, tenant, Sync.SYNCED, Health.HEALTHY, NEW, ended, ended, operation=operation)


def standing(release: Release, status: Status | None, message: str = "") -> Standing:
    state = State.LIVE if status and status.live(release) else State.DEGRADED if status else State.UNKNOWN
    said = message or (status.message if status else "")
    since = status.since if status else None
    return Standing(release.environment, release.tenant, state, release, said, "", since, None, status)


def seen(*found: Standing, **more: Any) -> Overview:
    return Overview(NOON, OLD, ("dev", "staging", "production"), found, (), **more)


@pytest.fixture
def page(tmp_path):
    def made(*found: Standing, **more: Any) -> dict[str, Any]:
        return pages.fleet_status(seen(*found, **more), Sandbox(tmp_path, NOWHERE))

    return made


def rows(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(each.data) for each in page["deployments"].records]


def test_21_tenants_in_3_environments_stand_on_one_page_the_worst_first(page):
    keys = [(e, f"tenant-{n:02}") for e in ("dev", "staging", "production") for n in range(21)]
    found = [standing(release(*key), healthy(*key)) for key in keys]
    broken = replace(healthy(*keys[40]), health=Health.DEGRADED, message="Pod main: out of memory")
    found[40] = standing(release(*keys[40]), broken)
    shown = page(*found)
    assert shown["live and healthy"] == "62 of 63"
    lines = rows(shown)
    assert len(lines) == 63
    assert lines[0]["deployment"] == found[40].key
    assert lines[0]["state"] == "Degraded, Synced"
    assert lines[0]["what is wrong"] == "Pod main: out of memory"
    told = [lines[1][name] for name in ("state", "since (UTC)", "chart", "commit")]
    assert told == ["Healthy, Synced", "03-02 12:00:07", "app 1.0.0", "11111111"]
    assert "left out" not in shown


def test_what_is_paused_stands_on_the_page_with_who_and_why(page):
    stop = Approval(
        digest=CONTENT,
        who="bob@example.com",
        decision="pause",
        reason="it burns | **now**",
        at=NOON,
        commit=COMMIT,
        key="SHA256:x",
    )
    ml = standing(release("dev", "ml"), healthy("dev", "ml"))
    shown = page(ml, paused=(Pausing(Line("dev"), (stop,), None),))
    (row,) = shown["paused"].records
    assert dict(row.data) == {
        "line": "dev",
        "by": "bob@example.com",
        "since (UTC)": "2026-03-02 12:00:00",
        "why": "it burns | **now**",
    }
    assert "paused" not in page(ml)


def test_the_last_operation_tells_how_long_it_took_and_which_hook_failed(page):
    done = healthy("dev", "ml")
    assert done.operation
    hook = Hook("Job ml-dev/migrate", "before", Phase.FAILED, "exit code 3")
    failed = replace(done.operation, phase=Phase.FAILED, hooks=(hook,), message="one hook failed")
    shown = rows(
        page(
            standing(release("dev", "a"), done),
            standing(release("dev", "b"), replace(done, tenant="b", operation=failed)),
        )
    )
    operations = {row["deployment"]: row["last operation"] for row in shown}
    assert operations["dev/a"] == "Succeeded, 03-02 12:00:00, 7 s"
    assert operations["dev/b"].endswith(": Job ml-dev/migrate: exit code 3; one hook failed")


def test_an_environment_that_is_out_of_reach_is_unknown_and_not_left_out(page):
    shown = page(
        standing(release("dev", "ml"), None, "nothing answers"),
        standing(release("qa", "ml"), healthy("qa", "ml")),
    )
    assert shown["live and healthy"] == "1 of 2"
    first = rows(shown)[0]
    assert (first["state"], first["what is wrong"]) == ("Unknown", "nothing answers")


def test_the_checks_of_the_fleet_are_red_as_long_as_one_deployment_is():
    fine, bad = (standing(release("dev", each), healthy("dev", each)) for each in ("a", "b"))
    bad = replace(bad, state=State.DEGRADED, message="told to")
    gate = Gate("rules", GateState.WAITING, "0 of 1 approvals")
    rules = RulesWaiting("production", ("approvers: x",), ("alice@example.com",), gate)

    def passed(overview: Overview) -> dict[str, bool]:
        return {str(each.check_name): each.passed for each in reports.standing(overview)}

    assert passed(seen(fine)) == {
        "all_live_and_healthy": True,
        "nothing_blocked": True,
        "nothing_waits": True,
        "everything_can_be_read": True,
    }
    assert not passed(seen(fine, bad))["all_live_and_healthy"]
    assert not passed(seen(fine, rules=(rules,)))["nothing_waits"]
    assert not passed(seen(fine, errors=(EngineUnreachable("no"),)))["everything_can_be_read"]
    (first, *_) = reports.standing(seen(replace(fine, state=State.PROGRESSING)))
    assert (first.passed, first.severity) == (False, dg.AssetCheckSeverity.WARN)
    (first, *_) = reports.standing(seen(bad))
    assert (first.passed, first.severity) == (False, dg.AssetCheckSeverity.ERROR)
    unreleased = replace(fine, release=None, status=None, state=State.NOT_RELEASED)
    assert passed(seen(unreleased))["all_live_and_healthy"]


def test_the_page_is_reported_when_something_changed_and_not_otherwise(laptop):
    def tick() -> list[str]:
        definitions = laptop.definitions
        context = dg.build_sensor_context(
            instance=laptop.instance,
            cursor=laptop.cursors.get("live_releases"),
            definitions=definitions,
            resources={"installation": definitions.resources["installation"]},
        )
        result = definitions.resolve_sensor_def("live_releases")(context)
        laptop.cursors["live_releases"] = result.cursor
        return [event.asset_key.to_user_string() for event in result.asset_events]

    with laptop.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "data")
        assert plan
        released(orchestrator, plan)
    whole = ["fleet_status"] * 5
    one = ["sync_status"] * 3
    assert tick() == whole
    assert tick() == []
    with laptop.orchestrator() as orchestrator:
        orchestrator.deliver(orchestrator.deployments.release("dev", "data"))
    assert tick() == one + whole
    laptop.command("sandbox", "degrade", "dev", "data", "-m", "told to")
    assert tick() == one + whole
    assert tick() == []


def test_rules_that_wait_stand_on_the_page_with_what_changes_in_them(page):
    gate = Gate("rules", GateState.WAITING, "0 of 1 approvals by the rules of dev")
    waits = RulesWaiting("production", ("argocd: argocd in argocd", "cluster: here"), (), gate)
    (row,) = page(rules=(waits,))["rules that wait"].records
    assert dict(row.data) == {
        "of": "production",
        "for": "0 of 1 approvals by the rules of dev",
        "what changes": "argocd: argocd in argocd; cluster: here",
    }
    assert "rules that wait" not in page()
