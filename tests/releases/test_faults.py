"""Crashes, lost races and many writers at once: nothing is lost, nothing happens twice."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy_orchestrator.git import GitError, Repository
from deploy_orchestrator.releases import Deployments

WORKER = Path(__file__).with_name("worker.py")

FAILING_GIT = """#!/bin/sh
number=$(cat "$FAULT/count")
echo $((number + 1)) > "$FAULT/count"
if [ "$number" = "$(cat "$FAULT/at")" ]; then
  [ "$(cat "$FAULT/when")" = after ] && "$FAULT/git" "$@" > /dev/null 2>&1
  exit 128
fi
exec "$FAULT/git" "$@"
"""


@pytest.fixture
def git_that_fails(tmp_path, monkeypatch):
    """Makes the call of the git command with this number fail, before or after it did its work."""
    fault = tmp_path / "fault"
    (fault / "bin").mkdir(parents=True)
    (fault / "git").symlink_to(shutil.which("git"))
    (fault / "bin" / "git").write_text(FAILING_GIT)
    (fault / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("FAULT", str(fault))

    def at(number, when):
        (fault / "count").write_text("0")
        (fault / "at").write_text(str(number))
        (fault / "when").write_text(when)
        return lambda: int((fault / "count").read_text())

    monkeypatch.setenv("PATH", f"{fault / 'bin'}{os.pathsep}{os.environ['PATH']}")
    at(-1, "before")
    return at


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fault_in_any_git_command_is_made_up_for_by_doing_it_again(
    build, pipeline, deployments, repository, git_that_fails, when
):
    for number in range(100):
        tenant = f"tenant-{number}"
        one, two = (build.manifests(build.config_map(a=value)) for value in "12")
        pipeline.release(one, tenant=tenant)
        calls = git_that_fails(number, when)
        with contextlib.suppress(GitError):
            pipeline.release(two, tenant=tenant, source=build.S2)
        made = calls()
        git_that_fails(-1, when)
        repository.fetch()
        pipeline.propose(two, tenant=tenant, source=build.S2)
        release = build.release(deployments, deployments.plan("dev", tenant), build.conditions())
        history = deployments.history("dev", tenant)
        assert [event.release.content for event in history] == [two.content, one.content]
        assert deployments.release("dev", tenant) == release
        proposals = repository.log("main", paths=[f"plans/dev/{tenant}.yaml"])
        assert len(proposals) == 2
        if number > made:
            return
    raise AssertionError("it never ended")


def test_a_process_killed_between_candidate_and_release_is_taken_up_by_the_next(
    build, deployments, remote, tmp_path
):
    killed = subprocess.run([sys.executable, WORKER, "killed", remote, tmp_path / "clone", "analytics"])
    assert killed.returncode == -9
    deployments.repository.fetch()
    plan = deployments.pending("dev", "analytics")
    assert deployments.release("dev", "analytics") is None

    done = subprocess.run([sys.executable, WORKER, "release", remote, tmp_path / "clone", "analytics"])

    assert done.returncode == 0
    deployments.repository.fetch()
    assert deployments.release("dev", "analytics").digest == plan.digest
    assert len(deployments.repository.log("main")) == 2


def test_many_tenants_from_several_processes_all_land(deployments, remote, tmp_path):
    tenants = [[f"tenant-{process}-{number}" for number in range(4)] for process in range(3)]
    clones = ["clone-shared", "clone-shared", "clone-own"]
    workers = [
        subprocess.Popen([sys.executable, WORKER, "release", remote, tmp_path / clone, *names])
        for clone, names in zip(clones, tenants, strict=True)
    ]
    assert [worker.wait(120) for worker in workers] == [0, 0, 0]
    deployments.repository.fetch()
    assert {release.tenant for release in deployments.releases()} == {
        name for names in tenants for name in names
    }
    assert len(deployments.repository.log("main")) == 2 * 12


def test_two_clones_that_release_one_plan_release_it_once(build, pipeline, deployments, remote, tmp_path):
    plan = pipeline.propose(build.manifests(build.config_map(a="1")))
    other = Deployments(Repository.clone(str(remote), tmp_path / "other"))
    release = build.release(deployments, plan, build.conditions())
    assert build.release(other, plan, build.conditions(now=build.later(seconds=1))) == release
    other.repository.fetch()
    assert len(other.history("dev", "analytics")) == 1


def test_two_clones_that_revert_one_release_revert_it_once(build, pipeline, deployments, remote, tmp_path):
    pipeline.release(build.manifests(build.config_map(a="1")))
    release = pipeline.release(build.manifests(build.config_map(a="2")), source=build.S2)
    other = Deployments(Repository.clone(str(remote), tmp_path / "other"))
    assert deployments.revert(release, "x", build.NOW) == other.revert(release, "y", build.NOW)
    assert len(other.quarantine("dev", "analytics")) == 1


def test_a_revert_of_a_release_that_was_not_fetched_yet_is_done(
    build, pipeline, deployments, remote, tmp_path
):
    first = pipeline.release(build.manifests(build.config_map(a="1")))
    other = Deployments(Repository.clone(str(remote), tmp_path / "other"))
    second = pipeline.release(build.manifests(build.config_map(a="2")), source=build.S2)
    assert other.revert(second, "x", build.NOW).digest == first.digest
