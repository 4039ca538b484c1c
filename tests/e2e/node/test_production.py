"""The chart and the image, from a push until it is live, by pods that run."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from production import NAMESPACE, Production
from signing_in import consent, sign_in

from tests.chromium import chromium, needs_chromium

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
