from collections.abc import Callable

import dagster as dg
import pytest

from deploy_orchestrator.defs.partitions import partition_key
from deploy_orchestrator.defs.runs import run_of
from deploy_orchestrator.delivery import Status
from deploy_orchestrator.git import Changes
from tests.defs.conftest import Laptop
from tests.steps import propose, released

PLATFORM = "platform:\n  name: tenant-platform\n  version: ~0.1.0\n"
ASSETS = ["rendered_manifests", "container_images", "change_plan", "release", "sync_status"]


def yaml_line(line: str) -> Callable[[str], str]:
    """Append a line to a values file."""
    return lambda text: f"{text.rstrip()}\n{line}\n"


def more_runs(text: str) -> str:
    return text.replace("maxConcurrentRuns: 2", "maxConcurrentRuns: 3")


def without_hooks(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("hooks:"))


def checked(laptop: Laptop, check: str) -> list[dg.AssetCheckEvaluation]:
    """How a check of `sync_status` ended, the last first."""
    key = dg.AssetCheckKey(dg.AssetKey("sync_status"), check)
    records = laptop.instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    ended = [record.evaluation for record in records]
    return [each for each in ended if isinstance(each, dg.AssetCheckEvaluation)]


def test_everything_is_live_after_the_first_pass_without_anybody_doing_anything(laptop: Laptop) -> None:
    laptop.settle()

    with laptop.orchestrator() as orchestrator:
        live = {
            release.key: isinstance(state, Status) and state.live(release)
            for release, state in orchestrator.live()
        }
        everything = {each.key for each in orchestrator.fleet().deployments()}
        waiting = {plan.key for plan in orchestrator.deployments.pending_plans()}
    assert waiting == {"dev/catalog", "dev/scoring"}
    everything -= waiting
    assert live == dict.fromkeys(everything, True)
    assert len(everything) == 10
    for asset in ["charts", "dependency_graph", "conflict_report", "upgrade_report"]:
        assert laptop.materialized(asset) == {asset}
    planned = {"rendered_manifests", "container_images", "change_plan"}
    for asset in ASSETS:
        told = everything | (waiting if asset in planned else set())
        assert laptop.materialized(asset) == {str(partition_key(*key.split("/"))) for key in told}, asset


def test_a_changed_value_reaches_its_environment_and_nobody_else(bench: Laptop) -> None:

    bench.commit("tenants/analytics/values-dev.yaml", more_runs)
    ran = bench.settle()

    assert "ship dev analytics" in ran
    with bench.orchestrator() as orchestrator:
        first, *_ = orchestrator.deployments.history("dev", "analytics")
        assert first.release is not None
        assert first.release.source.authors == ("alice@example.com",)
        assert len(orchestrator.deployments.history("production", "analytics")) == 1
        objects = orchestrator.deployments.released_manifests(first.release).objects
    assert any("max_concurrent_runs: 3" in each.canonical.decode() for each in objects)
    assert bench.live("dev", "analytics")


def test_a_changed_migration_waits_in_production_until_it_is_approved(bench: Laptop) -> None:

    bench.commit("tenants/analytics/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 999}}"))
    bench.settle()

    with bench.orchestrator() as orchestrator:
        assert len(orchestrator.deployments.history("dev", "analytics")) == 2
        plan = orchestrator.deployments.pending("production", "analytics")
        assert plan is not None
        assert plan.verdict == "needs-approval"
        assert [gate.key for gate in orchestrator.gates(plan) if not gate.passed] == ["approval"]

    bench.sign("approve", "production", "analytics", person="alice", counts=False)
    assert bench.settle() == []

    bench.sign("approve", "production", "analytics", person="bob")
    assert bench.settle() == ["promote production analytics"]

    release = bench.released("production", "analytics")
    assert release.digest == plan.digest
    assert [approval.who for approval in release.approvals] == ["bob@example.com"]
    assert bench.live("production", "analytics")


def test_a_rejected_change_stays_out(bench: Laptop) -> None:
    bench.commit("tenants/analytics/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 999}}"))
    bench.settle()

    bench.sign("reject", "production", "analytics", "--reason", "not this week", person="bob")

    assert bench.settle() == []
    with bench.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "analytics")
        assert plan is not None
        assert "not this week" in " ".join(gate.reason for gate in orchestrator.gates(plan))


def test_a_release_that_stays_unhealthy_is_reverted_by_a_commit(bench: Laptop) -> None:
    bench.commit("fleet.yaml", lambda text: text.replace("rollbackAfter: 30s", "rollbackAfter: 0s"))
    bench.settle()
    good = bench.released("dev", "analytics")
    bench.commit("tenants/analytics/values-dev.yaml", more_runs)
    bench.settle()
    bad = bench.released("dev", "analytics")

    bench.command("sandbox", "degrade", "dev", "analytics")
    ran = bench.settle()

    assert ran == ["roll_back dev analytics", "ship dev analytics"]
    assert bench.released("dev", "analytics").content == good.content != bad.content
    with bench.orchestrator() as orchestrator:
        revert, *_ = orchestrator.deployments.history("dev", "analytics")
        assert revert.kind == "revert"
        assert "told to be unhealthy" in (revert.reason or "")
    assert bench.live("dev", "analytics")


def test_a_release_whose_test_fails_is_promoted_nowhere_and_reverted(bench: Laptop) -> None:
    good = bench.released("dev", "analytics")
    assert {each.passed for each in checked(bench, "tests_passed")} == {True}

    output = ("--message", "connecting\nno route to host")
    bench.command("sandbox", "fail", "dev", "analytics", "analytics-test-database", *output)
    bench.commit("tenants/analytics/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 999}}"))
    bench.settle()

    assert not bench.live("dev", "analytics")
    failed, *_ = checked(bench, "tests_passed")
    assert not failed.passed
    table = failed.metadata["tests"]
    assert isinstance(table, dg.TableMetadataValue)
    outcomes = {each.data["hook"]: each.data["outcome"] for each in table.records}
    assert outcomes["Pod analytics-dev/analytics-test-database"] == "Failed"
    assert outcomes["Pod analytics-dev/analytics-test-webserver"] == "not run"
    assert "\n```\nconnecting\nno route to host\n```" in str(failed.metadata["tests printed"].value)
    with bench.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "analytics")
        assert plan is not None
        promotion = next(gate for gate in orchestrator.gates(plan) if gate.key == "promotion")
    assert not promotion.passed
    assert "Pod analytics-dev/analytics-test-database failed" in promotion.reason

    bench.commit("fleet.yaml", lambda text: text.replace("rollbackAfter: 30s", "rollbackAfter: 0s"))
    assert "roll_back dev analytics" in bench.settle()

    assert bench.released("dev", "analytics").content == good.content
    assert bench.live("dev", "analytics")
    with bench.orchestrator() as orchestrator:
        revert, *_ = orchestrator.deployments.history("dev", "analytics")
        assert "Pod analytics-dev/analytics-test-database failed" in (revert.reason or "")
        assert "no route to host" not in (revert.reason or "")


def test_what_was_released_before_a_crash_is_synced_afterwards(bench: Laptop) -> None:
    bench.cursors["fleet_commits"] = bench.commit("tenants/analytics/values-dev.yaml", more_runs)
    with bench.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "analytics")
        assert plan is not None
        released(orchestrator, plan)

    assert bench.settle() == ["sync dev analytics"]

    assert bench.live("dev", "analytics")


def test_what_a_run_is_about_is_not_synced_by_another_one(bench: Laptop) -> None:
    bench.commit("tenants/analytics/values-dev.yaml", more_runs)
    with bench.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "analytics")
        assert plan is not None
        released(orchestrator, plan)
    wanted = run_of("ship", "dev", {"analytics": "a commit"}, "key")
    running = bench.instance.create_run_for_job(
        bench.definitions.resolve_job_def("ship"),
        run_config=wanted.run_config,
        status=dg.DagsterRunStatus.STARTED,
    )

    assert bench.tick("live_releases") == []

    bench.instance.report_run_canceled(running)
    assert bench.tick("live_releases") == ["sync dev analytics"]


def test_what_an_outage_kept_from_being_shipped_is_shipped_when_it_is_over(bench: Laptop) -> None:
    before = bench.released("dev", "analytics")
    bench.cursors["fleet_commits"] = bench.commit("tenants/analytics/values-dev.yaml", more_runs)
    remote = bench.folder / "deployments.git"
    away = remote.rename(bench.folder / "unreachable.git")
    bench.run(run_of("ship", "dev", {"analytics": "a commit"}, "by hand"))
    away.rename(remote)
    assert "cannot be fetched" in bench.failures()[0]

    assert bench.settle() == ["ship dev analytics"]

    assert bench.released("dev", "analytics").content != before.content
    assert bench.live("dev", "analytics")


def test_a_broken_tenant_fails_alone_and_keeps_what_it_has(laptop: Laptop) -> None:
    laptop.settle()
    before = laptop.released("dev", "analytics")

    laptop.commit("tenants/analytics/tenant.yaml", lambda text: text.replace("cpu:", "cpus:"))
    laptop.commit("tenants/ml/values-dev.yaml", yaml_line("instance: {maxConcurrentRuns: 7}"))
    laptop.settle()

    assert laptop.released("dev", "analytics") == before
    failures = laptop.failures()
    assert {said.partition(":")[0] for said in failures} == {
        "dev/analytics",
        "staging/analytics",
        "production/analytics",
    }
    assert all("tenants/analytics/tenant.yaml:" in said and "fix:" in said for said in failures)
    with laptop.orchestrator() as orchestrator:
        assert len(orchestrator.deployments.history("dev", "ml")) == 2


def test_a_state_folder_that_cannot_be_fails_with_what_to_do(bare: Laptop) -> None:
    (bare.folder / "state").write_text("a file")

    with pytest.raises(dg.Failure, match="DEPLOY_ORCHESTRATOR_HOME"):
        bare.turn()


def test_a_broken_fleet_file_stops_the_tick_and_leaves_everything_released(bench: Laptop) -> None:

    bench.commit("fleet.yaml", lambda text: text.replace("environments:", "environmints:"))

    with pytest.raises(dg.Failure, match=r"fleet\.yaml"):
        bench.turn()
    with bench.orchestrator() as orchestrator:
        assert len(orchestrator.deployments.releases()) == 2


def test_an_environment_that_is_gone_stops_nobody_else(bench: Laptop) -> None:
    bench.commit("tenants/analytics/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 999}}"))
    bench.settle()
    for path in ("tenants/analytics/values-production.yaml", "charts/dagster-tenant/values-production.yaml"):
        (bench.folder / "fleet" / path).unlink()
    bench.commit("tenants/analytics/tenant.yaml", lambda text: text.replace("[dev, production]", "[dev]"))
    bench.commit("fleet.yaml", lambda text: text[: text.index("  - name: production")] + PLATFORM)
    bench.commit("tenants/analytics/values-dev.yaml", more_runs)

    bench.settle()

    assert bench.live("dev", "analytics")
    with bench.orchestrator() as orchestrator:
        assert len(orchestrator.deployments.history("dev", "analytics")) == 3
        assert len(orchestrator.deployments.history("production", "analytics")) == 1


def test_what_waits_is_planned_anew_when_what_it_replaces_is_rolled_back(bench: Laptop) -> None:
    for seconds in (997, 998):
        migration = f"hooks: {{migration: {{timeoutSeconds: {seconds}}}}}\n"
        bench.commit("tenants/analytics/values.yaml", lambda text, line=migration: without_hooks(text) + line)
        bench.settle()
        if seconds == 997:
            bench.sign("approve", "production", "analytics", person="bob")
            bench.settle()

    with bench.orchestrator() as orchestrator:
        orchestrator.roll_back("production", "analytics", "not good")
    assert "ship production analytics" in bench.settle()

    with bench.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "analytics")
        assert plan is not None
        assert plan.base == bench.released("production", "analytics").content
        assert [gate.key for gate in orchestrator.gates(plan) if not gate.passed] == ["approval"]


def test_manifests_that_somebody_edited_are_put_back_and_go_out_as_planned(bench: Laptop) -> None:
    bench.commit("tenants/analytics/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 999}}"))
    bench.settle()
    bench.sign("approve", "production", "analytics", person="bob")
    with bench.orchestrator() as orchestrator:
        planned = orchestrator.deployments.manifests("production", "analytics")
        assert planned is not None
        path = f"manifests/production/analytics/{next(iter(planned.files()))}"
        orchestrator.deployments.repository.write(
            "main", lambda tree: Changes("Meddle", {path: b"kind: Job\n"})
        )

    assert bench.settle() == ["ship production analytics"]

    assert bench.released("production", "analytics").content == planned.content
    assert bench.live("production", "analytics")


@pytest.mark.parametrize("name", ["open_gates", "live_releases"])
def test_files_that_nobody_can_read_are_named_in_the_tick(
    bare: Laptop, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = {f"{folder}/dev/{folder}.yaml": b"digest: no\n" for folder in ("plans", "releases")}
    with bare.orchestrator() as orchestrator:
        orchestrator.deployments.repository.write("main", lambda tree: Changes("Meddle", broken))

    bare.tick(name)

    logged = capfd.readouterr().err
    assert all(path in logged for path in broken)


def test_what_waited_behind_a_release_is_planned_when_that_is_out(bench: Laptop) -> None:
    release = bench.released("production", "analytics")
    path = "plans/production/analytics.yaml"
    with bench.orchestrator() as orchestrator:
        repository = orchestrator.deployments.repository
        waiting = f"behind:\n  inputs: {release.content}\n  after: []\n  soaked: PT1H\n"
        text = repository.branch("main").read(path) + waiting.encode()
        repository.write("main", lambda _: Changes("x", {path: text}))
        assert [each.digest for each in orchestrator.overtaken()] == [release.digest]

    assert bench.tick("open_gates") == ["ship production analytics"]
    assert bench.tick("open_gates") == []
    with bench.orchestrator() as orchestrator:
        assert orchestrator.overtaken() == []
    assert bench.released("production", "analytics") == release


def fleet_checks(laptop: Laptop) -> dict[str, bool]:
    """How each check of the fleet ended last, where it did since its asset was materialised."""
    storage, found = laptop.instance.event_log_storage, dict[str, bool]()
    (record,) = laptop.instance.fetch_materializations(dg.AssetKey("fleet_status"), limit=1).records
    for name in ("all_live_and_healthy", "nothing_blocked", "nothing_waits", "everything_can_be_read"):
        key = dg.AssetCheckKey(dg.AssetKey("fleet_status"), name)
        (last,) = storage.get_asset_check_execution_history(key, limit=1)
        assert isinstance(last.evaluation, dg.AssetCheckEvaluation)
        assert last.event is not None
        assert last.event.timestamp >= record.timestamp
        found[name] = last.evaluation.passed
    return found


def test_the_checks_are_red_as_long_as_something_is_unhealthy_or_blocked(bench: Laptop) -> None:
    bench.settle()
    assert set(fleet_checks(bench).values()) == {True}
    bench.command("sandbox", "degrade", "dev", "analytics", "-m", "told to")
    bench.tick("live_releases")
    assert fleet_checks(bench)["all_live_and_healthy"] is False
    assert [each.passed for each in checked(bench, "live_and_healthy")][:1] == [False]
    bench.commit("tenants/analytics/values-production.yaml", yaml_line("instance: {maxConcurrentRuns: 9}"))
    bench.settle()
    bench.tick("live_releases")
    assert [each.passed for each in checked(bench, "live_and_healthy")][:1] == [False]
    bench.command("sandbox", "recover", "dev", "analytics")
    bench.commit("tenants/analytics/values-dev.yaml", yaml_line("postgresql: {storage: {size: 9Gi}}"))
    bench.settle()
    bench.tick("live_releases")
    found = fleet_checks(bench)
    assert found["all_live_and_healthy"]
    assert not found["nothing_blocked"]
    (run,) = bench.instance.get_runs(dg.RunsFilter(tags={"blocked": "analytics"}))
    assert run.job_name == "ship"


def waiting_for(laptop: Laptop) -> dict[str, str]:
    """What was observed last of production/analytics."""
    records = laptop.instance.fetch_observations(
        dg.AssetRecordsFilter(
            asset_key=dg.AssetKey("release"), asset_partitions=[partition_key("production", "analytics")]
        ),
        limit=1,
    ).records
    seen = records[0].event_log_entry.asset_observation
    assert seen
    return {name: str(value.value) for name, value in seen.metadata.items()}


def test_the_page_of_a_release_tells_what_it_waits_for_now_apart_from_what_is_released(bench: Laptop) -> None:
    bench.settle()
    bench.commit("tenants/analytics/values.yaml", yaml_line("hooks: {migration: {timeoutSeconds: 999}}"))
    bench.settle()
    told = waiting_for(bench)
    assert "approval" in told["waits for"]
    assert "promotion" not in told["waits for"]
    assert "digest" not in told
    digest = told["waiting digest"]
    assert told["next"] == f"deploy-orchestrator approve production analytics --digest {digest}"
    assert told["board"] == "/deployments/production/analytics"
    assert bench.tick("open_gates") == []
    bench.sign("approve", "production", "analytics", person="bob")
    bench.settle()
    bench.tick("open_gates")
    assert waiting_for(bench)["waits for"] == "nothing"


def test_a_revert_that_is_refused_is_asked_for_once(bench: Laptop) -> None:
    bench.commit("fleet.yaml", lambda text: text.replace("rollbackAfter: 30s", "rollbackAfter: 0s"))
    bench.settle()
    bench.command("sandbox", "degrade", "dev", "analytics", "-m", "told to")
    assert bench.tick("unhealthy_releases") == ["roll_back dev analytics"]
    assert bench.tick("unhealthy_releases") == []
    assert len(bench.instance.get_runs(dg.RunsFilter(job_name="roll_back"))) == 1
