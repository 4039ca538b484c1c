"""What Dagster's own storage says of its queue and its last survey."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_run_for_test

from deploy_orchestrator.defs import pages
from deploy_orchestrator.telemetry import (
    CLASHES,
    CONFLICT_COUNT,
    CONFLICTS_ASSET,
    GRAPH_ASSET,
    UPGRADES_ASSET,
)
from deploy_orchestrator.web import Queue, SurveyPage, dagster_queue, dagster_survey

ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "all"), "ship")
CLASH = {
    "deployments": ["dev/shop", "production/shop"],
    "drawing": "<svg/>",
    "rows": [["common", "harmful", "why", "out"]],
}


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with DagsterInstance.get() as found:
        yield found


def asked() -> Queue:
    with dagster_queue() as queue:
        return queue()


def test_nothing_waits_before_the_first_run(instance):
    found = asked()
    assert set(found.runs.values()) == {0}
    assert (found.queued_since, found.conflicts) == (None, None)


def test_what_waits_longest_tells_since_when(instance):
    for status in (DagsterRunStatus.QUEUED, DagsterRunStatus.QUEUED, DagsterRunStatus.STARTED):
        create_run_for_test(instance, status=status, remote_job_origin=ORIGIN)
    found = asked()
    assert (found.runs["queued"], found.runs["started"]) == (2, 1)
    first, _ = instance.get_run_records(dg.RunsFilter(statuses=[DagsterRunStatus.QUEUED]), ascending=True)
    assert found.queued_since == first.create_timestamp


def test_the_last_survey_counts(instance):
    for count in (4, 2):
        instance.report_runless_asset_event(
            dg.AssetMaterialization(CONFLICTS_ASSET, metadata={CONFLICT_COUNT: count})
        )
    assert asked().conflicts == 2


def test_nothing_is_built_before_the_first_survey(instance):
    with dagster_survey() as survey:
        assert survey() == SurveyPage()


def test_while_dagsters_database_is_away_the_last_survey_is_shown_and_why_nothing_newer(
    instance, tmp_path, monkeypatch
):
    monkeypatch.setattr("deploy_orchestrator.web.queue.KEPT_SECONDS", 0)
    instance.report_runless_asset_event(dg.AssetMaterialization(CONFLICTS_ASSET))
    database = next(tmp_path.rglob("index.db"))
    whole = database.read_bytes()
    with dagster_survey() as survey:
        last = survey()
        database.write_bytes(b"no database" * 1000)
        away = survey()
        with dagster_survey() as another:
            first = another()
        database.write_bytes(whole)
        again = survey()
    assert last.built
    assert again == last
    assert away == replace(last, trouble=away.trouble)
    assert (first.built, first.trouble) == (None, away.trouble)
    assert away.trouble.startswith("Dagster's database does not answer")
    assert "\n" not in away.trouble


def test_the_last_survey_tells_what_the_fleet_is_built_on(instance):
    upgrades = ["chart", "dependency", "constraint", "now", "allowed", "newest", "highest safe", "for"]
    current = ("app", "cache", "*", "1.0.0", "1.0.0", "1.0.0", "", "dev/shop")
    older = ("app", "db", "~1", "1.0.0", "1.2.0", "2.0.0", "1.2.0", "dev/shop")
    drawn = dg.MarkdownMetadataValue("![dependency graph](data:image/svg+xml;base64,PHN2Zy8+)")
    for asset, metadata in (
        (GRAPH_ASSET, {"graph": drawn, "needs": pages.table(["chart", "on"], [("app", True)])}),
        (CONFLICTS_ASSET, {"conflicts": pages.table(["chart"], []), CLASHES: dg.JsonMetadataValue([CLASH])}),
        (UPGRADES_ASSET, {"upgrades": pages.table(upgrades, [current, older])}),
    ):
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, metadata=metadata))
    with dagster_survey() as survey:
        found = survey()
    assert found.built is not None
    assert (found.drawing, found.built.needs.rows) == (b"<svg/>", (("app", True),))
    assert (found.built.conflicts.rows, found.built.outdated.rows) == ((), (older,))
    assert {*found.clashes} == {"dev/shop", "production/shop"}
    clash = found.clashes["dev/shop"]
    assert (clash.drawing, clash.table.rows) == (b"<svg/>", (("common", "harmful", "why", "out"),))


def test_what_another_version_has_written_of_clashes_is_let_be(instance):
    told = {CLASHES: dg.JsonMetadataValue([{**CLASH, "rows": 3}])}
    instance.report_runless_asset_event(dg.AssetMaterialization(CONFLICTS_ASSET, metadata=told))
    with dagster_survey() as survey:
        found = survey()
    assert found.built
    assert found.clashes == {}
