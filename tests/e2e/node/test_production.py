"""The chart and the image, from a push until it is live, by pods that run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from playwright.sync_api import Browser, expect
from production import NAMESPACE, Production
from prometheus_client.parser import text_string_to_metric_families
from signing_in import consent, sign_in

from deploy_orchestrator.telemetry import trace_of
from tests.chromium import chromium, needs_chromium
from tests.collector import said
from tests.telemetry.from_git import figures, moment, runs

VALUES = "charts/shop/values.yaml"
MIGRATION = "job-name=shop-migration"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_a_first_release_goes_live_everywhere_by_run_pods(production: Production) -> None:
    production.until(lambda: production.page("dev") == "one", "it is live in dev")
    production.until(lambda: production.page("production") == "one", "it is live in production")
    production.until(lambda: production.page("dev", "rival") == "one", "so is the other tenant")
    assert production.log("shop-production", MIGRATION).strip() == "migrated to schema 1"
    runs = [job.metadata.name for job in production.jobs(NAMESPACE)]
    assert runs
    assert all(name.startswith("dagster-run-") for name in runs)


@needs_chromium
def test_a_migration_waits_until_somebody_who_may_approves_it_on_the_board_and_runs(
    production: Production, browser: Browser
) -> None:
    production.commit(
        "Move to schema 2", {"greeting: one": "greeting: two", "schema: 1": "schema: 2"}, VALUES
    )
    production.until(lambda: production.page("dev") == "two", "it is live in dev")
    assert "schema 2" in production.log("shop-dev", MIGRATION)
    production.until(lambda: "production/shop" in production.orchestrator("pending"), "it waits for people")
    assert production.page("production") == "one"
    assert "schema 2" not in production.log("shop-production", MIGRATION)
    with browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        sign_in(page, production.door, production.people["stranger"])
        expect(page.locator("body")).to_contain_text("nobody gave you a role")
    with browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        sign_in(page, production.door, production.people["alice"])
        page.locator(".attention").get_by_role("link", name="production/shop").click()
        page.get_by_label("Reason").first.fill("the schema is additive")
        page.get_by_role("button", name="Approve").click()
        consent(page)
        expect(page).to_have_url(f"{production.door}/deployments/production/shop", timeout=60_000)
    said = production.approve("production", "shop", "bob")
    production.until(lambda: production.page("production") == "two", f"it is live in production; {said}")
    assert "schema 2" in production.log("shop-production", MIGRATION)


def test_what_does_not_get_ready_is_reverted(production: Production) -> None:
    production.commit("Look elsewhere", {"ready: /": "ready: /missing"}, VALUES)
    production.until(
        lambda: "revert" in production.orchestrator("history", "dev", "shop").lower(), "a revert"
    )
    production.until(lambda: production.page("dev") == "two", "dev answers as before")


def test_metrics_figures_and_traces_of_the_day_agree_with_git(production: Production, tmp_path: Path) -> None:
    def spans() -> dict[str, Span]:
        sent = [each for each in production.collector.spans if each.kind == Span.SPAN_KIND_SERVER]
        found = {said(each.attributes)["cicd.pipeline.run.id"]: each for each in sent}
        assert len(found) == len(sent), "a span was exported twice"
        return found

    def reverts() -> int:
        return sum(each.name == "RUN revert" for each in spans().values())

    production.until(lambda: reverts() > 0, "the revert is exported")
    fleet, deployments = production.copies(tmp_path)
    over = runs(fleet, deployments)
    assert len(over) >= 5
    production.until(lambda: over.keys() <= spans().keys(), "all that is over is exported")
    for commit, span in spans().items():
        source, *times = over[commit]
        assert [span.start_time_unix_nano, span.end_time_unix_nano] == [
            round(each.timestamp() * 1e6) * 1000 for each in times
        ]
        assert int.from_bytes(span.trace_id) == trace_of(source)

    told = json.JSONDecoder().raw_decode(production.orchestrator("dora", "--format", "json"))[0]
    since, until = moment(told["since"]), moment(told["until"])
    assert figures(fleet, deployments, since, until) == told["all"]
    assert told["all"]["failed"] >= 1
    assert told["all"]["approval"]["count"] >= 1

    def scraped() -> dict[tuple[str, ...], float]:
        families = [*text_string_to_metric_families(production.metrics())]
        samples = [each for family in families for each in family.samples]
        return {
            (each.name.removeprefix("deploy_orchestrator_"), *sorted(each.labels.values())): each.value
            for each in samples
        }

    production.until(
        lambda: scraped().get(("deliveries_total", "dev", "healthy", "revert")) == reverts(),
        "the door has seen the revert",
    )
    found = scraped()
    for environment, of in told["environments"].items():
        assert found["releases_total", environment, "release"] == of["deployments"]
        assert found["dora_lead_time_seconds", environment] == of["lead_time"]["median"]
        assert found["dora_change_failure_ratio", environment] == of["failure_rate"]
