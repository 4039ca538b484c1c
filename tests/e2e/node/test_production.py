"""The chart and the image, from a push until it is live, by pods that run."""

from production import APPROVERS, NAMESPACE, Production

VALUES = "charts/shop/values.yaml"
MIGRATION = "job-name=shop-migration"


def test_a_first_release_goes_live_everywhere_by_run_pods(production: Production) -> None:
    production.until(lambda: production.page("dev") == "one", "it is live in dev")
    production.until(lambda: production.page("production") == "one", "it is live in production")
    assert production.log("shop-production", MIGRATION).strip() == "migrated to schema 1"
    runs = [job.metadata.name for job in production.jobs(NAMESPACE)]
    assert runs
    assert all(name.startswith("dagster-run-") for name in runs)


def test_a_migration_waits_until_it_is_approved_and_runs(production: Production) -> None:
    production.commit(
        "Move to schema 2", {"greeting: one": "greeting: two", "schema: 1": "schema: 2"}, VALUES
    )
    production.until(lambda: production.page("dev") == "two", "it is live in dev")
    assert "schema 2" in production.log("shop-dev", MIGRATION)
    production.until(lambda: "production/shop" in production.orchestrator("pending"), "it waits for people")
    assert production.page("production") == "one"
    assert "schema 2" not in production.log("shop-production", MIGRATION)
    said = [production.approve("production", "shop", person) for person in APPROVERS]
    production.until(lambda: production.page("production") == "two", f"it is live in production; {said}")
    assert "schema 2" in production.log("shop-production", MIGRATION)


def test_what_does_not_get_ready_is_reverted(production: Production) -> None:
    production.commit("Look elsewhere", {"ready: /": "ready: /missing"}, VALUES)
    production.until(
        lambda: "revert" in production.orchestrator("history", "dev", "shop").lower(), "a revert"
    )
    production.until(lambda: production.page("dev") == "two", "dev answers as before")
