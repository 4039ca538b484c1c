"""The page that shows every tenant in every environment."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from deploy_orchestrator.defs import pages
from deploy_orchestrator.delivery import (
    ArgoCD,
    EngineUnreachable,
    Health,
    Hook,
    Operation,
    Phase,
    Sandbox,
    Status,
    Sync,
)
from deploy_orchestrator.fleet import ArgoCDInstance, Destination, Rules
from deploy_orchestrator.manifests import ChartUsed
from deploy_orchestrator.releases import (
    Approval,
    Gate,
    GateState,
    Line,
    Pausing,
    Release,
    RulesChange,
    RulesStanding,
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


@pytest.fixture
def page(tmp_path):
    def made(*found, paused=(), rules=()) -> dict[str, Any]:
        return pages.fleet_status(found, Sandbox(tmp_path, NOWHERE), paused, rules)

    return made


def rows(page: dict[str, Any]) -> list[list[str]]:
    lines = [re.sub(r"\\(.)", r"\1", line) for line in page["deployments"].md_str.splitlines()[2:]]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_21_tenants_in_3_environments_stand_on_one_page_the_worst_first(page):
    keys = [(e, f"tenant-{n:02}") for e in ("dev", "staging", "production") for n in range(21)]
    found = [(release(*key), healthy(*key)) for key in keys]
    broken = replace(found[40][1], health=Health.DEGRADED, message="Pod main: out of memory")
    found[40] = (found[40][0], broken)
    shown = page(*found)
    assert shown["live and healthy"] == "62 of 63"
    lines = rows(shown)
    assert len(lines) == 63
    assert lines[0][0] == found[40][0].key
    assert lines[0][3] == "Degraded, Synced: Pod main: out of memory"
    assert lines[1][2:5] == ["the same", "Healthy, Synced", "03-02 12:00:07"]
    assert "left out" not in shown


def test_what_was_changed_by_hand_is_named(page):
    drifted = replace(healthy("dev", "ml"), sync=Sync.OUT_OF_SYNC, drift=("ConfigMap ml-dev/settings",))
    ((*_, drift, _),) = rows(page((release("dev", "ml"), drifted)))
    assert drift == "ConfigMap ml-dev/settings"


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
    shown = page((release("dev", "ml"), healthy("dev", "ml")), paused=[Pausing(Line("dev"), (stop,), None)])
    assert "dev" in shown["paused"].md_str
    assert "bob@example" in shown["paused"].md_str.replace("\\", "")
    assert "**now**" not in shown["paused"].md_str
    assert "paused" not in page((release("dev", "ml"), healthy("dev", "ml")))


def test_the_last_operation_tells_how_long_it_took_and_which_hook_failed(page):
    done = healthy("dev", "ml")
    assert done.operation
    hook = Hook("Job ml-dev/migrate", "before", Phase.FAILED, "exit code 3")
    failed = replace(done.operation, phase=Phase.FAILED, hooks=(hook,), message="one hook failed")
    shown = rows(
        page((release("dev", "a"), done), (release("dev", "b"), replace(done, tenant="b", operation=failed)))
    )
    operations = {row[0]: row[6] for row in shown}
    assert operations["dev/a"] == "Succeeded, 03-02 12:00:00, 7 s"
    assert operations["dev/b"].endswith(": Job ml-dev/migrate: exit code 3; one hook failed")


def test_each_deployment_leads_to_its_application():
    argocd = ArgoCD(ArgoCDInstance(name="argocd", url="https://argocd.example"), NOWHERE, NOWHERE)
    ((first, *_),) = rows(pages.fleet_status([(release("dev", "ml"), healthy("dev", "ml"))], argocd))
    assert first == "[dev/ml](https://argocd.example/applications/argocd/dev.ml)"


def test_an_environment_that_is_out_of_reach_is_unknown_and_not_left_out(page):
    shown = page(
        (release("dev", "ml"), EngineUnreachable("nothing answers")),
        (release("qa", "ml"), healthy("qa", "ml")),
    )
    assert shown["live and healthy"] == "1 of 2"
    assert rows(shown)[0][:4] == ["dev/ml", "22222222", "", "Unknown: nothing answers"]


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
    assert tick() == ["fleet_status"]
    assert tick() == []
    with laptop.orchestrator() as orchestrator:
        orchestrator.deliver(orchestrator.deployments.release("dev", "data"))
    assert tick() == ["sync_status", "fleet_status"]
    laptop.command("sandbox", "degrade", "dev", "data", "-m", "told to")
    assert tick() == ["sync_status", "fleet_status"]
    assert tick() == []


def test_rules_that_wait_stand_on_the_page_with_what_changes_in_them(page):
    wanted = Rules(
        argocd="argocd in argocd", cluster="here", server="https://here.example.com", namespace="{tenant}"
    )
    change = RulesChange("production", wanted, None, {}, {}, False, f"sha256:{'d' * 64}")
    gate = Gate("rules", GateState.WAITING, "0 of 1 approvals by the rules of dev")
    shown = page(rules=[RulesStanding("production", wanted, change, gate)])["rules that wait"].md_str
    assert (
        "the rules of production: 0 of 1 approvals by the rules of dev; argocd: argocd in argocd; " in shown
    )
    assert "rules that wait" not in page()
