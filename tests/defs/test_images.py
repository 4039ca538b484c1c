"""The audit of images in the web UI."""

from collections.abc import Iterator

import dagster as dg
import pytest
import stamina

from tests.defs.conftest import Laptop
from tests.images.conftest import Hub
from tests.registry import serving

CHART = "charts/dagster-tenant"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as registry, stamina.set_testing(True, attempts=1):
        yield Hub(registry)


def checks(laptop: Laptop) -> dict[str, bool]:
    laptop.run(dg.RunRequest(job_name="images"))
    assert laptop.failures() == []
    found: dict[str, bool] = {}
    for run in laptop.instance.get_runs(limit=1):
        records = laptop.instance.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ).records
        for record in records:
            event = record.event_log_entry.dagster_event
            assert event
            evaluation = event.asset_check_evaluation_data
            found[evaluation.check_name] = evaluation.passed
    return found


def test_only_the_images_of_environments_whose_policy_asks_for_it_are_looked_up(bench: Laptop) -> None:
    assert checks(bench) == {
        "images_are_there": True,
        "images_keep_policy": True,
        "images_are_as_released": True,
    }


def test_an_image_that_nobody_could_read_is_never_all_right(bench: Laptop, hub: Hub) -> None:
    policy = "    policy:\n      images: {}\n      rollbackAfter: 30s\n"
    bench.commit(
        "fleet.yaml", lambda text: text.replace("    policy:\n      rollbackAfter: 30s\n", policy, 1)
    )
    bench.commit("fleet.yaml", lambda text: f'{text}\negress: ["{hub.registry.host}"]\n')
    assert checks(bench) == {
        "images_are_there": False,
        "images_keep_policy": False,
        "images_are_as_released": False,
    }
