"""Files on `main` that nobody of ours wrote: refused, with one clear error, and no harm to other tenants."""

import subprocess

import pytest
import yaml

from deploy_orchestrator.documents import DocumentError
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.releases import ReleaseError

PLAN, RELEASE, QUARANTINE = (f"{kind}/dev/analytics.yaml" for kind in ("plans", "releases", "quarantine"))


def prepare(build, pipeline):
    for tenant in ("analytics", "ml"):
        pipeline.release(build.manifests(build.config_map(a="1")), tenant=tenant)


@pytest.fixture
def altered(build, repository):
    def alter(path, /, **changes):
        value = {**yaml.safe_load(repository.branch().read(path)), **changes}
        build.push(repository, "main", {path: yaml.safe_dump(value).encode()})

    return alter


@pytest.mark.parametrize(
    "changes",
    [
        {"content": f"sha256:{'0' * 64}"},
        {"base": f"sha256:{'0' * 64}"},
        {"digest": f"sha256:{'0' * 64}"},
        {"digest": "../../etc"},
        {"verdict": "blocked"},
        {"tenant": "ml"},
        {"tenant": "../ml"},
        {"tenant": "ml\n"},
        {"environment": "DEV"},
        {"surprise": 1},
        {"reasons": "none"},
        {"summary": {"added": "many", "changed": 0, "removed": 0}},
        {"source": {"commit": "main", "authors": [], "signed": True}},
    ],
)
def test_a_plan_that_was_tampered_with_is_refused(altered, deployments, changes):
    altered(PLAN, **changes)
    with pytest.raises(DocumentError) as refused:
        deployments.plan("dev", "analytics")
    assert str(refused.value.place).startswith(PLAN)


@pytest.mark.parametrize(
    "changes",
    [
        {"content": f"sha256:{'0' * 64}"},
        {"revision": "main"},
        {"path": "manifests/dev/ml"},
        {"path": "../../etc"},
        {"released_at": "2026-01-01T00:00:00"},
        {"approvals": [{"who": "ann@example.com"}]},
        {"surprise": 1},
    ],
)
def test_a_release_file_that_was_tampered_with_is_refused(altered, deployments, changes):
    altered(RELEASE, **changes)
    with pytest.raises(DocumentError) as refused:
        deployments.release("dev", "analytics")
    assert str(refused.value.place).startswith(RELEASE)


def test_a_whole_file_of_another_tenant_is_refused(build, repository, deployments):
    build.push(repository, "main", {RELEASE: repository.branch().read("releases/dev/ml.yaml")})
    with pytest.raises(ReleaseError, match="about dev/ml"):
        deployments.release("dev", "analytics")


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[" * 5000, b"&a [*a]", b"just words", b"{a: 1}\n---\n{b: 2}"]
)
def test_what_is_no_document_of_ours_stops_nobody_else(build, repository, deployments, data):
    build.push(repository, "main", {PLAN: data, RELEASE: data, QUARANTINE: data})
    assert [release.tenant for release in deployments.releases()] == ["ml"]
    assert deployments.pending_plans() == []
    assert {error.place.file for error in deployments.unreadable()} == {PLAN, RELEASE}
    for read in (deployments.plan, deployments.release, deployments.quarantine):
        with pytest.raises(OrchestratorError):
            read("dev", "analytics")


def test_files_of_other_names_are_nobodys(build, repository, deployments):
    writes = {
        "releases/README.md": b"x",
        "releases/dev/Upper.yaml": b"x",
        "plans/dev/a.b.yaml": b"x",
        "x": b"x",
    }
    build.push(repository, "main", writes)
    assert len(deployments.releases()) == 2
    assert deployments.unreadable() == []


@pytest.mark.parametrize("name", ["..", "a/b", "", "A", "-a", "a\n", "a" * 64, ".git"])
def test_names_that_could_climb_are_refused_before_they_are_a_path(deployments, name):
    for environment, tenant in ((name, "analytics"), ("dev", name)):
        for read in (
            deployments.plan,
            deployments.pending,
            deployments.release,
            deployments.manifests,
            deployments.history,
            deployments.quarantine,
        ):
            with pytest.raises(ReleaseError, match="not the name"):
                read(environment, tenant)


def test_manifests_that_were_exchanged_after_planning_are_not_released(
    build, pipeline, repository, deployments
):
    plan = pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2)
    file = next(iter(build.manifests(build.config_map(a="1")).files()))
    forged = build.manifests(build.config_map(a="666")).files()[file]
    build.push(repository, "main", {f"manifests/dev/analytics/{file}": forged})
    assert [each.key for each in deployments.gates(plan, build.conditions()) if not each.passed] == [
        "candidate"
    ]
    with pytest.raises(ReleaseError, match="not those that were planned"):
        build.release(deployments, plan, build.conditions())


def test_manifests_that_were_moved_or_hidden_after_planning_are_not_released(
    build, pipeline, repository, deployments
):
    candidate = build.manifests(build.config_map(a="2"))
    plan = pipeline.propose(candidate, source=build.S2)
    folder = "manifests/dev/analytics"
    ((file, data),) = candidate.files().items()
    hidden = {f"{folder}/no-objects.yaml": data.replace(b"2", b"666")}
    moved = {f"{folder}/sub/{file}": data}
    for writes, deletes in ((hidden, ()), (moved, (f"{folder}/{file}", f"{folder}/no-objects.yaml"))):
        build.push(repository, "main", writes, deletes)
        assert [each.key for each in deployments.gates(plan, build.conditions()) if not each.passed] == [
            "candidate"
        ]

    assert pipeline.propose(candidate, source=build.S3) == plan
    assert build.release(deployments, plan, build.conditions()).content == candidate.content


def test_planning_again_puts_back_a_candidate_that_somebody_else_edited(
    build, pipeline, repository, deployments
):
    candidate = build.manifests(build.config_map(a="2"), build.job())
    plan = pipeline.propose(candidate, source=build.S2)
    folder = "manifests/dev/analytics"
    edited, removed = candidate.files()
    writes = {f"{folder}/{edited}": b"kind: Mischief\n", f"{folder}/more.yaml": b"kind: Mischief\n"}
    build.push(repository, "main", writes, (f"{folder}/{removed}",))

    assert pipeline.propose(candidate, source=build.S3) == plan

    assert deployments.manifests("dev", "analytics") == candidate
    assert build.release(deployments, plan, build.conditions()).content == candidate.content


def test_planning_again_puts_back_a_plan_that_somebody_else_broke(build, pipeline, repository, deployments):
    candidate = build.manifests(build.config_map(a="2"))
    plan = pipeline.propose(candidate, source=build.S2)
    build.push(repository, "main", {PLAN: b"digest: no\n"})
    assert pipeline.propose(candidate, source=build.S2) == plan
    assert deployments.pending("dev", "analytics") == plan


def test_manifests_that_are_not_what_was_released_are_told(build, altered, repository, deployments):
    file = next(iter(build.manifests(build.config_map(a="1")).files()))
    forged = build.manifests(build.config_map(a="666")).files()[file]
    commit = build.push(repository, "main", {f"manifests/dev/analytics/{file}": forged})
    altered(RELEASE, revision=commit)
    with pytest.raises(ReleaseError, match="not those that were released"):
        deployments.released_manifests(deployments.release("dev", "analytics"))


def test_a_release_file_that_somebody_broke_for_a_while_is_one_entry_of_the_history(
    build, pipeline, repository, deployments
):
    good = repository.branch().read(RELEASE)
    build.push(repository, "main", {RELEASE: b"digest: no\n"})
    build.push(repository, "main", {RELEASE: good, QUARANTINE: b"[]\n"})
    history = deployments.history("dev", "analytics")
    assert [event.kind for event in history] == ["revert", "unreadable", "release"]
    assert history[1].reason.startswith(RELEASE)
    assert history[0].release == history[2].release


def test_a_name_that_no_folder_may_have_is_nobodys(build, repository, deployments, remote):
    script = """
    main=$(git rev-parse main)
    blob=$(echo x | git hash-object -w --stdin)
    dev=$( (git ls-tree -z main:releases/dev; printf '100644 blob %s\\t\\377.yaml\\0' $blob) | git mktree -z)
    releases=$(printf '040000 tree %s\\tdev\\n' $dev | git mktree)
    others=$(git ls-tree main | grep -v releases)
    root=$(printf '%s\\n040000 tree %s\\treleases\\n' "$others" $releases | git mktree)
    commit=$(git -c user.name=x -c user.email=x commit-tree -m x -p $main $root)
    git update-ref refs/heads/main $commit
    """
    subprocess.run(["sh", "-ec", script], cwd=remote, check=True)
    repository.fetch()
    assert len(deployments.releases()) == 2
    assert deployments.unreadable() == []
    assert len(deployments.history("dev", "analytics")) == 1
