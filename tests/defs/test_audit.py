"""The audit says what is new since the last one."""

from collections.abc import Iterator
from typing import Any, cast

import dagster as dg
import pytest

from tests.defs.conftest import Laptop
from tests.hub import Hub, publishing

CHART = "charts/dagster-tenant/Chart.yaml"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with publishing() as hub:
        hub.publish(
            {"db@1.0.0": ["common 1.x"], "web@1.0.0": ["common 1.x"], "common@1.0.0": [], "common@2.0.0": []}
        )
        yield hub


def audit(laptop: Laptop, asset: str) -> dict[str, object]:
    laptop.run(dg.RunRequest(job_name="survey"))
    assert laptop.failures() == []
    event = laptop.instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_an_audit_says_what_was_published_since_the_last_one(bare: Laptop, hub: Hub) -> None:
    needs = "".join(
        f'dependencies:\n  - {{name: {name}, version: 1.x, repository: "{hub.url}"}}\n'
        for name in ("db", "web")
    ).replace("\ndependencies:", "")
    bare.commit("fleet.yaml", lambda text: f'{text}\negress: ["{hub.registry.host}"]\n')
    bare.commit(CHART, lambda text: text.replace("dependencies:\n", needs))

    assert audit(bare, "conflict_report")["new since the last audit"] == "none"
    assert audit(bare, "upgrade_report")["new since the last audit"] == "none"

    hub.publish({"db@1.1.0": ["common 2.x"], "web@2.0.0": ["common 1.x"]})
    conflicts = audit(bare, "conflict_report")
    assert conflicts["new conflict count"] == conflicts["conflict count"] == 1
    assert "'common'" in str(conflicts["new since the last audit"])
    (clash,) = cast(list[dict[str, Any]], conflicts["clashes"])
    assert (clash["rows"][0][0], "<svg" in clash["drawing"]) == ("common", True)
    assert "dev/" in " ".join(clash["deployments"])
    upgrades = audit(bare, "upgrade_report")
    assert "'web'" in str(upgrades["new since the last audit"])
    assert upgrades["new upgrade count"] == 1
