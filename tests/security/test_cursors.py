"""Whoever writes a sensor's cursor blinds no guard."""

import dagster as dg
import pytest

from deploy_orchestrator.defs.charts import SEEN
from tests.defs.conftest import (  # noqa: F401
    SENSORS,
    Laptop,
    _example,
    after,
    bench,
)


@pytest.mark.parametrize("cursor", ["not json", "[1]", '{"a": {"b": 1}}', "null", "--upload-pack=x", "\0"])
def test_a_cursor_that_does_not_parse_is_an_empty_one(bench: Laptop, cursor: str) -> None:  # noqa: F811
    assert "ship dev analytics" not in bench.tick("fleet_commits")
    bench.cursors = dict.fromkeys(SENSORS, cursor)

    assert "ship dev analytics" in bench.tick("fleet_commits")
    for name in SENSORS:
        bench.tick(name)


@pytest.mark.parametrize("seen", [{"app": "no date"}, {"app": 5}, {"app": ["2026-01-01"]}])
def test_what_a_survey_is_told_that_it_saw_before_keeps_it_from_nothing(
    bench: Laptop,  # noqa: F811
    seen: dict[str, object],
) -> None:
    for asset in ("conflict_report", "upgrade_report"):
        told = dg.AssetMaterialization(asset, metadata={SEEN: dg.JsonMetadataValue(seen)})
        bench.instance.report_runless_asset_event(told)
    bench.commit("tenants/analytics/values.yaml", lambda text: f"{text}# another\n")
    bench.settle()
    assert not bench.failures()
