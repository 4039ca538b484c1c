"""What the fleet follows, looked for as often as it says, and proposed once."""

import json
import subprocess
from collections.abc import Iterator, Mapping

import dagster as dg
import pytest

from tests.answering import Reply, answering
from tests.defs.conftest import Laptop

JOB = ["offer_upgrades"]
FILE = "shared/images.yaml"


@pytest.fixture
def image() -> Iterator[str]:
    def registry(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        return 200, {}, json.dumps({"name": "acme/shop", "tags": ["1.0.0", "1.1.0"]}).encode()

    with answering(registry) as port:
        yield f"127.0.0.1:{port}/acme/shop"


def follow(laptop: Laptop, image: str, more: str = "") -> None:
    field = f"{{file: {FILE}, field: shop.tag}}"
    said = f"subscriptions: [{{name: shop, image: '{image}', fields: [{field}]{more}}}]\n"
    laptop.commit("fleet.yaml", lambda text: text.partition("subscriptions:")[0] + said)


def branches(laptop: Laptop) -> list[str]:
    command = ["git", "branch", "--format=%(refname:short)", "--list", "upgrades/*"]
    return subprocess.check_output(command, cwd=laptop.folder / "fleet", text=True).split()


@pytest.fixture
def following(bare: Laptop, image: str) -> Laptop:
    (bare.folder / "fleet/shared").mkdir()
    bare.commit(FILE, lambda _: "shop:\n  tag: 1.0.0\n")
    follow(bare, image)
    return bare


def test_what_is_due_is_looked_for_once_and_proposed_on_a_branch(following: Laptop) -> None:
    assert following.tick("due_subscriptions") == JOB
    assert following.failures() == []
    assert branches(following) == ["upgrades/shop/1.1.0"]
    assert following.materialized("upgrade_offers") == {"upgrade_offers"}
    assert following.tick("due_subscriptions") == []


def test_it_is_looked_for_again_where_what_is_followed_is_another(following: Laptop, image: str) -> None:
    following.tick("due_subscriptions")
    follow(following, image, ", constraint: 2.x")
    assert following.tick("due_subscriptions") == JOB
    assert branches(following) == []


def test_a_tick_that_lost_its_cursor_asks_for_the_run_that_it_asked_for_before(following: Laptop) -> None:
    def key() -> str | None:
        sensor = following.definitions.resolve_sensor_def("due_subscriptions")
        assert following.definitions.resources
        resources = {"installation": following.definitions.resources["installation"]}
        tick = sensor(dg.build_sensor_context(instance=following.instance, resources=resources))
        assert isinstance(tick, dg.SensorResult)
        (run,) = tick.run_requests or []
        return run.run_key

    assert key() == key()


def test_what_cannot_be_looked_up_is_told_by_a_check_and_fails_no_run(following: Laptop) -> None:
    follow(following, "127.0.0.1:1/acme/shop")
    assert following.tick("due_subscriptions") == JOB
    assert following.failures() == []
    (run,) = following.instance.get_runs(limit=1)
    (record,) = following.instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    event = record.event_log_entry.dagster_event
    assert event
    assert not event.asset_check_evaluation_data.passed
