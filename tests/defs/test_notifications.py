"""People are told, each of them once, whatever became of the tick in between."""

import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from deploy_orchestrator.defs.partitions import partition_key
from deploy_orchestrator.defs.reports import FLEET_COMMIT, REFUSED, UNRENDERED
from deploy_orchestrator.pipeline import GUARDS, looked, silent
from tests.chat import Service, listening
from tests.defs.conftest import Laptop

TEMPLATE = "charts/dagster-tenant/templates/tried.yaml"
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


def test_an_event_that_says_half_of_what_it_should_blinds_no_guard(bench: Laptop, service: Service) -> None:
    """Whoever may report events in Dagster reports one without the commit that it is about."""
    bench.commit("fleet.yaml", lambda text: text.replace("rollbackAfter: 30s", "rollbackAfter: 0s"))
    bench.settle()
    key = partition_key("dev", "analytics")
    for asset, said in (("release", REFUSED), ("rendered_manifests", UNRENDERED)):
        half = dg.AssetObservation(asset, partition=key, metadata={said: "believe me"})
        bench.instance.report_runless_asset_event(half)
    told(service)
    bench.command("sandbox", "degrade", "dev", "analytics")
    bench.turn()

    assert any(line.startswith("dev/analytics is unhealthy") for line in told(service))
    bench.tick("notifications")
    assert not any("believe me" in line for line in told(service))


def test_a_pause_and_a_resume_are_told_once_each(bench: Laptop, service: Service) -> None:
    told(service)
    bench.stop("pause", "production", "-m", "it burns", person="bob")
    edit(bench)
    bench.settle()
    bench.turn()
    lines = told(service)
    assert [line for line in lines if line.startswith("production")] == [
        "production is paused: nothing is released. by bob＠example.com: it burns",
        *(line for line in lines if line.startswith("production/analytics waits for approval")),
    ]

    bench.sign("approve", "production", "analytics", person="bob")
    assert not bench.settle()
    bench.stop("resume", "production", "-m", "out", person="alice")
    bench.settle()
    bench.turn()
    assert sorted(told(service))[0] == "production was resumed. by alice＠example.com: out"
    assert bench.live("production", "analytics")


def test_a_broken_glass_is_told_when_somebody_breaks_it_and_when_it_is_released(
    bare: Laptop, service: Service
) -> None:
    for person in ("carol", "dave"):
        key = bare.folder / "keys" / person
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
        line = f"{person}@example.com {key.with_suffix('.pub').read_text()}"
        bare.commit("allowed_signers", lambda text, line=line: f"{text}{line}")
    people = "[bob@example.com, carol@example.com, dave@example.com]"
    bare.commit(
        "fleet.yaml",
        lambda text: text.replace(
            "      approval:", f"      breakGlass: {{people: {people}}}\n      approval:"
        ),
    )
    bare.settle()
    edit(bare)
    bare.settle()
    told(service)
    bare.sign("break-glass", "production", "analytics", "-m", "prod is down", person="bob")
    bare.settle()
    bare.turn()
    (line,) = told(service)
    assert line.startswith("production/analytics has its glass broken. by bob＠example.com: prod is down; ")

    for person in ("carol", "dave"):
        bare.sign("break-glass", "production", "analytics", "-m", "agreed", person=person)
    bare.settle()
    bare.turn()
    assert bare.released("production", "analytics").glass_broken_by
    said = "production/analytics has its glass broken. it was released, by bob＠example.com: prod is down"
    assert any(each.startswith(said) for each in told(service))


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


def test_while_the_fleet_is_broken_that_and_a_revert_are_told(bench: Laptop, service: Service) -> None:
    bench.commit("fleet.yaml", lambda text: text.replace("rollbackAfter: 30s", "rollbackAfter: 0s"))
    bench.settle()
    edit(bench)
    bench.settle()
    whole = (bench.folder / "fleet/fleet.yaml").read_text()
    bench.commit("fleet.yaml", lambda _: "clusters: [")
    told(service)

    bench.command("sandbox", "degrade", "dev", "analytics")
    for _ in range(3):
        for guard in ("unhealthy_releases", "live_releases", "notifications"):
            bench.tick(guard)

    lines = told(service)
    assert [line.split(".")[0] for line in lines] == ["fleet", "dev/analytics was reverted"]
    assert lines[0].startswith("fleet.yaml is broken: nothing new is released. ")

    bench.commit("fleet.yaml", lambda _: whole)
    bench.tick("notifications")
    assert told(service) == []


def test_a_tenant_whose_files_are_broken_is_told_until_they_are_mended(
    bench: Laptop, service: Service
) -> None:
    told(service)

    bench.commit("tenants/analytics/tenant.yaml", lambda text: f"{text}colour: green\n")
    for _ in range(2):
        bench.tick("notifications")
    (broken,) = told(service)
    assert broken.startswith("analytics does not render. ")

    bench.commit("tenants/analytics/tenant.yaml", lambda text: text.replace("colour: green\n", ""))
    bench.tick("notifications")
    bench.commit("tenants/analytics/tenant.yaml", lambda text: f"{text}colour: blue\n")
    bench.tick("notifications")
    assert len(told(service)) == 1


def test_a_folder_that_no_tenant_can_be_called_is_told_once(bench: Laptop, service: Service) -> None:
    told(service)
    (bench.folder / "fleet/tenants/my <!channel>").mkdir()
    bench.commit("tenants/my <!channel>/tenant.yaml", lambda _: "chart: {name: ground}\n")
    for _ in range(3):
        bench.tick("notifications")
    (broken,) = told(service)
    assert broken.startswith("my ＜!channel＞ does not render. ")


def test_what_somebody_reports_of_no_commit_is_not_told(bench: Laptop, service: Service) -> None:
    """Whoever may report events in Dagster says what does not render, and that at each look."""
    told(service)
    said = {UNRENDERED: "believe me", FLEET_COMMIT: "no commit at all"}
    key = partition_key("dev", "analytics")
    bench.instance.report_runless_asset_event(
        dg.AssetObservation("rendered_manifests", partition=key, metadata=said)
    )
    for _ in range(2):
        bench.tick("notifications")
    assert told(service) == []


def test_a_change_that_is_blocked_is_told_once(bench: Laptop, service: Service) -> None:
    told(service)

    bench.commit(TEMPLATE, lambda _: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: 5\n")
    for sensor in ("fleet_commits", "notifications", "notifications"):
        bench.tick(sensor)

    assert sorted(line.partition(". ")[0] for line in told(service)) == [
        "dev/analytics is blocked",
        "production/analytics is blocked",
    ]


def test_a_chart_that_does_not_render_is_told_once_and_nothing_when_it_does(
    bench: Laptop, service: Service
) -> None:
    told(service)

    bench.commit(TEMPLATE, lambda _: '{{ fail "not like this" }}\n')
    for sensor in ("fleet_commits", "notifications", "notifications"):
        bench.tick(sensor)
    lines = told(service)
    assert sorted(line.partition(". ")[0] for line in lines) == [
        "dev/analytics does not render",
        "production/analytics does not render",
    ]
    assert all("not like this" in line for line in lines)

    bench.commit(TEMPLATE, lambda _: "# nothing\n")
    for sensor in ("fleet_commits", "notifications"):
        bench.tick(sensor)
    assert told(service) == []


def test_a_guard_that_does_not_look_is_told_even_while_git_is_out_of_reach(
    bare: Laptop, service: Service
) -> None:
    for guard in ("open_gates", "live_releases"):
        looked(bare.settings.home, guard, datetime.now(UTC))
    looked(bare.settings.home, "unhealthy_releases", datetime.now(UTC) - timedelta(minutes=3))
    (bare.folder / "deployments.git").rename(bare.folder / "away.git")

    for _ in range(2):
        bare.tick("notifications")

    (silent,) = told(service)
    assert silent.startswith("unhealthy_releases does not look any more. ")


def test_every_guard_leaves_the_time_of_its_look(bare: Laptop) -> None:
    bare.turn()

    assert {each.name for each in (bare.settings.home / "guards").iterdir()} == set(GUARDS)
    assert silent(bare.settings.home, datetime.now(UTC)) == ()
    for guard in GUARDS:
        (bare.settings.home / "guards" / guard).write_text("2026-01-01T00:00:00+00:00")
        bare.tick(guard)
    assert silent(bare.settings.home, datetime.now(UTC)) == ()


def test_an_approval_that_expires_is_told_before_and_after(bench: Laptop, service: Service) -> None:
    bench.commit("fleet.yaml", lambda text: re.sub(r"expires: \S+", "expires: 1s", text))
    bench.settle()
    edit(bench)
    bench.settle()
    told(service)
    bench.sign("approve", "production", "analytics", person="bob", counts=True)
    time.sleep(1.2)
    bench.tick("notifications")
    bench.tick("notifications")

    (expired,) = told(service)
    assert expired.startswith("production/analytics has an approval that has expired. bob＠example.com")


def test_an_approval_that_expires_while_the_fleet_is_broken_is_told(bench: Laptop, service: Service) -> None:
    bench.commit("fleet.yaml", lambda text: re.sub(r"expires: \S+", "expires: 1s", text))
    bench.settle()
    edit(bench)
    bench.settle()
    bench.sign("approve", "production", "analytics", person="bob", counts=True)
    bench.commit("fleet.yaml", lambda text: f"{text}\nenvironments: nowhere\n")
    time.sleep(1.2)
    told(service)
    bench.tick("notifications")

    broken, expired = sorted(told(service))
    assert broken.startswith("fleet.yaml is broken")
    assert expired.startswith("production/analytics has an approval that has expired. bob＠example.com")


def test_what_waits_for_approval_and_what_expires_is_told_while_another_gate_is_closed(
    bench: Laptop, service: Service
) -> None:
    over = "{every: FREQ=DAILY;UNTIL=20260201, start: 2026-01-01T09:00, lasts: 1h, timeZone: UTC, reason: x}"
    bench.commit(
        "fleet.yaml",
        lambda text: re.sub(r"expires: \S+", "expires: 1s", text).replace(
            "      approval:", f"      releaseWindows: [{over}]\n      approval:"
        ),
    )
    edit(bench)
    bench.turn()
    assert [
        line for line in told(service) if line.startswith("production/analytics waits for approval. 0 of")
    ]

    bench.sign("approve", "production", "analytics", person="bob", counts=True)
    time.sleep(1.2)
    bench.tick("notifications")
    (expired,) = told(service)
    assert expired.startswith("production/analytics has an approval that has expired. bob＠example.com")


def test_who_looks_at_gates_is_not_silent_because_the_fleet_is_broken(bench: Laptop) -> None:
    home, now = bench.settings.home, datetime.now(UTC)
    looked(home, "open_gates", now - timedelta(hours=1))
    assert "open_gates" in [each.guard for each in silent(home, now)]
    bench.commit("fleet.yaml", lambda text: f"{text}\nenvironments: nowhere\n")
    assert bench.tick("open_gates") == []
    assert "open_gates" not in [each.guard for each in silent(home, datetime.now(UTC))]


def test_a_url_that_is_wrong_fails_the_tick_and_is_not_shown(
    bare: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URLS, "slack://pass-word")

    with pytest.raises(dg.Failure, match="number 1") as failure:
        bare.turn()
    assert "pass-word" not in str(failure.value)


def _git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=M", "-c", "user.email=mallory@example.com")
    subprocess.run(["git", "-C", folder, *own, *arguments], check=True)
