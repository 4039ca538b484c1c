"""People are told, each of them once, whatever became of the tick in between."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.chat import Service, listening
from tests.defs.conftest import Laptop

URLS = "DEPLOY_ORCHESTRATOR_NOTIFY_URLS"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with listening() as made:
        monkeypatch.setenv(URLS, made.url)
        yield made


def told(service: Service) -> list[str]:
    """Every line that was told since the last time."""
    lines = [line for message in service.messages for line in message["message"].splitlines()]
    service.messages.clear()
    return lines


def migration(seconds: int) -> str:
    return f"hooks: {{migration: {{timeoutSeconds: {seconds}}}}}\n"


def edit(laptop: Laptop) -> None:
    laptop.commit("tenants/analytics/values.yaml", lambda text: f"{text}{migration(999)}")


def test_releases_and_what_waits_for_approval_are_told_once(bench: Laptop, service: Service) -> None:
    bench.turn()
    bench.settle()
    told(service)

    edit(bench)
    bench.settle()
    bench.turn()

    released, waits = sorted(told(service))
    assert re.fullmatch(r"dev/analytics was released\. dagster-tenant .*, source [0-9a-f]{8}", released)
    assert waits.startswith("production/analytics waits for approval. 0 of ")
    assert "alice＠example.com" in waits

    bench.sign("approve", "production", "analytics", person="bob")
    bench.settle()
    bench.turn()
    (released,) = told(service)
    assert released.startswith("production/analytics was released.")


def test_a_revert_is_told_with_its_reason_whoever_made_it(bench: Laptop, service: Service) -> None:
    bench.commit("fleet.yaml", lambda text: text.replace("rollbackAfter: 30s", "rollbackAfter: 0s"))
    bench.settle()
    edit(bench)
    bench.settle()
    told(service)

    bench.command("sandbox", "degrade", "dev", "analytics", "--reason", "<b>@everyone</b>")
    bench.settle()
    bench.turn()

    (reverted,) = told(service)
    assert reverted.startswith("dev/analytics was reverted. ")
    assert reverted.endswith("＜b＞＠everyone＜/b＞")


def test_a_release_that_cannot_be_reverted_calls_for_a_person_once(bench: Laptop, service: Service) -> None:
    bench.commit("fleet.yaml", lambda text: text.replace("rollbackAfter: 30s", "rollbackAfter: 0s"))
    bench.settle()
    told(service)

    bench.command("sandbox", "degrade", "dev", "analytics")
    bench.settle()
    bench.turn()

    (refused,) = told(service)
    assert refused.startswith("dev/analytics is unhealthy and cannot be reverted: a person must act. ")
    assert "nothing was released before" in refused


def test_a_sync_that_failed_is_told_once(bench: Laptop, service: Service) -> None:
    bench.settle()
    older = bench.released("dev", "analytics").revision
    edit(bench)
    bench.settle()
    newer = bench.released("dev", "analytics").revision
    told(service)

    clone = bench.folder / "meddling"
    _git(bench.folder, "clone", "--quiet", "deployments.git", str(clone))
    file = clone / "releases/dev/analytics.yaml"
    file.write_text(file.read_text().replace(newer, older))
    _git(clone, "commit", "--quiet", "--all", "--message", "Meddle")
    _git(clone, "push", "--quiet", "origin", "main")
    for _ in range(3):
        bench.turn()

    failed = [line for line in told(service) if "could not be synced" in line]
    assert len(failed) == 1
    assert "are not those that were released" in failed[0]


def test_where_nobody_answers_everything_is_released_and_told_later(bench: Laptop, service: Service) -> None:
    bench.settle()
    told(service)
    service.status = 500

    edit(bench)
    bench.settle()
    assert bench.live("dev", "analytics")
    assert told(service) == []

    service.status = 200
    bench.turn()
    bench.turn()
    assert [line.split(".")[0] for line in told(service)] == [
        "production/analytics waits for approval",
        "dev/analytics was released",
    ]


def test_a_url_that_is_wrong_fails_the_tick_and_is_not_shown(
    bench: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URLS, "slack://pass-word")

    with pytest.raises(dg.Failure, match="number 1") as failure:
        bench.turn()
    assert "pass-word" not in str(failure.value)


def _git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=M", "-c", "user.email=mallory@example.com")
    subprocess.run(["git", "-C", folder, *own, *arguments], check=True)
