"""What happened to releases, out of real repositories, and the same figures by another way."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy_orchestrator import documents
from deploy_orchestrator.git import MAX_TOUCHED, Changes, Repository
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Delivered, Deployments
from deploy_orchestrator.telemetry import Past
from tests.desk import Desk, git
from tests.pipeline.conftest import sandbox_of

SCRIPT = Path(__file__).with_name("from_git.py")


def past(orchestrator: Orchestrator) -> Past:
    return Past(orchestrator.fleet_repository, orchestrator.deployments)


@pytest.fixture
def busy(waiting: Desk) -> Desk:
    """A change waited for an approval; another one broke, and was reverted."""
    assert waiting.run("approve", "production", "shop", *waiting.as_("bob")).code == 0
    waiting.ship()
    waiting.commit("tenants/blog/values.yaml", "greeting: broken\n")
    waiting.ship()
    with waiting.orchestrator() as orchestrator:
        sandbox_of(orchestrator).degrade("dev", "blog", "it is on fire")
        back = orchestrator.roll_back("dev", "blog", "it is on fire")
        sandbox_of(orchestrator).recover("dev", "blog")
        orchestrator.deliver(back)
    return waiting


def test_each_change_tells_its_times_and_what_became_of_it(busy):
    with busy.orchestrator() as orchestrator:
        changes = past(orchestrator).changes()
    told = [(each.key, each.kind, each.healthy is not None, each.undone is not None) for each in changes]
    assert sorted(told[:3]) == [
        ("dev/blog", "release", True, False),
        ("dev/shop", "release", True, False),
        ("production/shop", "release", True, False),
    ]
    assert told[3:] == [
        ("dev/shop", "release", True, False),
        ("production/shop", "release", True, False),
        ("dev/blog", "release", True, True),
        ("dev/blog", "revert", True, False),
    ]
    assert all(each.committed and each.planned and each.committed <= each.planned for each in changes)
    assert [each.key for each in changes if each.approved] == ["production/shop"]


def test_the_figures_are_those_that_another_way_finds_in_git(busy):
    said = busy.json("dora")
    ran = subprocess.run(
        [
            sys.executable,
            SCRIPT,
            busy.fleet,
            busy.folder / ".local/deployments.git",
            said["since"],
            said["until"],
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(ran.stdout) == said["all"]
    assert (said["all"]["deployments"], said["all"]["failed"], said["all"]["unconfirmed"]) == (6, 1, 0)
    assert said["all"]["approval"]["count"] == said["all"]["restore"]["count"] == 1


def test_what_is_kept_is_carried_on_and_no_more_than_what_git_says(busy):
    with busy.orchestrator() as orchestrator:
        first = past(orchestrator)
        before = first.changes()
        assert first.changes() is before
        busy.commit("tenants/blog/values.yaml", "greeting: mended\n")
        busy.ship()
        orchestrator.deployments.repository.fetch()
        after = first.changes()
        assert after[: len(before)] == before
        assert [each.kind for each in after[len(before) :]] == ["release"]
        assert past(orchestrator).changes() == after
        orchestrator.deployments.repository.cache("telemetry").folder.rename(busy.folder / "away")
        assert past(orchestrator).changes() == after


def test_a_branch_that_was_rewritten_is_read_anew(busy):
    with busy.orchestrator() as orchestrator:
        assert past(orchestrator).changes()
        git(busy.folder / ".local/deployments.git", "update-ref", "refs/heads/main", "main~1")
        orchestrator.deployments.repository.fetch()
        assert [each.kind for each in past(orchestrator).changes()].count("revert") == 0
        assert [each.undone for each in past(orchestrator).changes() if each.undone] == []


def test_a_delivery_is_recorded_once_and_a_healthy_release_never_becomes_a_failed_one(desk):
    with desk.orchestrator() as orchestrator:
        deployments, at = orchestrator.deployments, datetime.now(UTC)
        release = deployments.release("dev", "shop")
        assert release is not None
        before = deployments.deliveries()
        assert [each.outcome for each in before] == ["healthy"] * 3
        orchestrator.deliver(release)
        assert deployments.record_deliveries([Delivered.of(release, "failed", at)]) is None
        assert deployments.deliveries() == before


def test_a_failed_delivery_that_gets_healthy_tells_both(desk):
    desk.commit("tenants/shop/values.yaml", "greeting: again\n")
    desk.ship()
    with desk.orchestrator() as orchestrator:
        release = orchestrator.deployments.release("dev", "shop")
        assert release is not None
        other = release.model_copy(update={"commit": "1" * 40})
        now = datetime.now(UTC)
        orchestrator.deployments.record_deliveries([Delivered.of(other, "failed", now)])
        orchestrator.deployments.record_deliveries([Delivered.of(other, "healthy", now + timedelta(hours=1))])
        told = [each for each in orchestrator.deployments.deliveries() if each.release == other.commit]
        assert [each.outcome for each in told] == ["failed", "healthy"]


def test_what_nobody_can_read_on_that_branch_is_left_out(desk, tmp_path):
    clone = tmp_path / "meddling"
    git(
        tmp_path,
        "clone",
        "--quiet",
        "--branch",
        "deliveries",
        str(desk.folder / ".local/deployments.git"),
        "meddling",
    )
    (clone / "dev/blog.yaml").write_text("outcome: superb\n")
    (clone / "dev/shop.yaml").write_text((clone / "production/shop.yaml").read_text())
    (clone / "README").write_text("x" * 100)
    git(clone, "add", "--all")
    git(
        clone,
        "-c",
        "user.name=M",
        "-c",
        "user.email=m@example.com",
        "commit",
        "--quiet",
        "--message",
        "Meddle",
    )
    git(clone, "push", "--quiet")
    deployments = Deployments(
        Repository.clone(str(desk.folder / ".local/deployments.git"), tmp_path / "clone")
    )
    assert len(deployments.deliveries()) == 3


def test_that_deliveries_cannot_be_recorded_keeps_nobody_back(desk, caplog):
    hook = desk.folder / ".local/deployments.git/hooks/update"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\ncase $1 in refs/heads/deliveries) echo protected >&2; exit 1;; esac\n")
    hook.chmod(0o755)
    desk.commit("tenants/blog/values.yaml", "greeting: again\n")
    desk.ship()
    assert "dev/blog" in caplog.text
    assert "not recorded" in caplog.text
    assert desk.json("dora")["all"]["unconfirmed"] == 1


def invented(number: int) -> list[Delivered]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Delivered(environment="dev", tenant=f"t{each}", release="a" * 40, outcome="healthy", at=at)
        for each in range(number)
    ]


def test_however_many_are_recorded_at_once_all_are_told(waiting):
    many = invented(MAX_TOUCHED + 1)
    with waiting.orchestrator() as orchestrator:
        before = orchestrator.deployments.deliveries()
        orchestrator.deployments.record_deliveries(many)
        told = orchestrator.deployments.deliveries()[len(before) :]
    assert sorted(told, key=str) == sorted(many, key=str)


def test_a_commit_with_more_than_one_record_writes_is_not_gone_through(waiting, tmp_path):
    other = Repository.clone(str(waiting.folder / ".local/deployments.git"), tmp_path / "other")
    written = {
        f"dev/{each.tenant}.yaml": documents.dump(each.model_dump(mode="json"))
        for each in invented(MAX_TOUCHED + 1)
    }
    with waiting.orchestrator() as orchestrator:
        before = orchestrator.deployments.deliveries()
        other.write("deliveries", lambda _: Changes("x", written))
        orchestrator.deployments.repository.fetch()
        assert orchestrator.deployments.deliveries() == before
