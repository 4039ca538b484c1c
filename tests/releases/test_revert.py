"""Undoing a release: its commit reverted, its content in quarantine."""

import subprocess

import pytest

from deploy_orchestrator.git import Ident, Repository
from deploy_orchestrator.releases import Deployments, GatesClosed, Release, RevertRefused


def prepare(build, pipeline):
    for number, source in enumerate((build.S1, build.S2, build.S3), start=1):
        candidate = build.manifests(build.config_map(a=str(number)))
        pipeline.release(candidate, source=source, now=build.later(hours=number))


@pytest.fixture
def three(deployments):
    """Three releases in a row, and the manifests of each."""
    releases = [
        Release(**dict(event.release), commit=event.commit)
        for event in reversed(deployments.history("dev", "analytics"))
    ]
    return [deployments.released_manifests(each) for each in releases], releases


def test_a_revert_brings_back_the_release_before_as_git_revert_does(build, deployments, three, repository):
    _, (_, second, third) = three
    before = repository.at(f"{third.commit}~1").read("releases/dev/analytics.yaml")
    now = deployments.revert(third, "pods crash\nall of them", build.later(hours=5))
    assert repository.branch().read("releases/dev/analytics.yaml") == before
    assert (now.digest, now.revision) == (second.digest, second.revision)
    assert deployments.release("dev", "analytics") == now
    commit = repository.commit(now.commit)
    assert commit.subject == 'Revert "Release dev/analytics: 0 added, 1 changed, 0 removed"'
    assert f"This reverts commit {third.commit}." in commit.message
    assert commit.trailers["Reverts"] == third.commit
    assert repository.changed(now.commit) == ("quarantine/dev/analytics.yaml", "releases/dev/analytics.yaml")


def test_what_was_reverted_is_in_quarantine_with_the_reason(build, deployments, three):
    (_, _, candidate), (_, _, third) = three
    deployments.revert(third, "pods crash\n\nReverts: nothing", build.later(hours=5))
    (entry,) = deployments.quarantine("dev", "analytics")
    assert (entry.content, entry.reverted) == (candidate.content, third.commit)
    assert (entry.reason, entry.at) == ("pods crash Reverts: nothing", build.later(hours=5))


def test_reverting_twice_changes_nothing(build, deployments, three, repository):
    third = three[1][2]
    now = deployments.revert(third, "x", build.NOW)
    head = repository.head()
    assert deployments.revert(third, "y", build.later(days=1)) == now
    assert repository.head() == head


def test_each_revert_goes_one_release_further_back(build, deployments, three):
    _, (first, second, third) = three
    now = deployments.revert(third, "x", build.NOW)
    assert now.digest == second.digest
    now = deployments.revert(now, "x", build.NOW)
    assert now.digest == first.digest
    with pytest.raises(RevertRefused, match="nothing was released before"):
        deployments.revert(now, "x", build.NOW)
    assert [entry.reverted for entry in deployments.quarantine("dev", "analytics")] == [
        third.commit,
        second.commit,
    ]


def test_the_first_release_cannot_be_reverted(build, pipeline, deployments, repository):
    release = pipeline.release(build.manifests(build.config_map(a="1")), tenant="ml")
    head = repository.head()
    with pytest.raises(RevertRefused, match="nothing was released before"):
        deployments.revert(release, "x", build.NOW)
    assert repository.head() == head


def test_a_release_that_is_no_longer_current_is_not_reverted(build, deployments, three, repository):
    head = repository.head()
    with pytest.raises(RevertRefused, match="is not what is released now"):
        deployments.revert(three[1][1], "x", build.NOW)
    assert repository.head() == head


def test_a_release_that_is_current_again_is_not_mistaken_for_itself_before(build, deployments, three):
    second = three[1][1]
    deployments.revert(three[1][2], "x", build.NOW)
    with pytest.raises(RevertRefused, match="is not what is released now"):
        deployments.revert(second, "x", build.NOW)


def test_another_tenants_release_is_untouched(build, pipeline, deployments, three):
    other = pipeline.release(build.manifests(build.config_map(a="1")), tenant="ml")
    deployments.revert(three[1][2], "x", build.NOW)
    assert deployments.release("dev", "ml") == other


def test_whoever_asked_for_it_is_the_author(build, deployments, three, repository):
    ann = Ident("Ann", "ann@example.com")
    now = deployments.revert(three[1][2], "x", build.NOW, by=ann)
    assert repository.commit(now.commit).author == ann


IRREVERSIBLE = {"helm.sh/hook": "pre-upgrade", "deploy-orchestrator.io/irreversible": "true"}


def test_a_release_that_ran_an_irreversible_migration_is_not_reverted(
    build, pipeline, deployments, repository
):
    for image in ("app:1.0.0", "app:1.1.0"):
        release = pipeline.release(build.manifests(build.job(image=image, **IRREVERSIBLE)), tenant="ml")
    head = repository.head()
    with pytest.raises(RevertRefused, match="Job analytics-dev/migrate, which is marked"):
        deployments.revert(release, "x", build.NOW)
    assert repository.head() == head


def test_an_irreversible_migration_that_stays_as_it_was_hinders_no_revert(build, pipeline, deployments):
    migration = build.job(**IRREVERSIBLE)
    first, second = (
        pipeline.release(build.manifests(migration, build.config_map(a=value)), tenant="ml") for value in "12"
    )
    assert deployments.revert(second, "x", build.NOW).digest == first.digest


def test_reverted_content_stays_back_until_it_is_approved_again(build, pipeline, deployments, three, people):
    ann = people("ann@example.com")
    third = three[1][2]
    reverted = build.later(hours=5)
    deployments.revert(third, "pods crash", reverted)
    pending = pipeline.propose(build.manifests(build.config_map(a="3")), source=build.S3)
    assert pending.content == third.content
    conditions = build.conditions(signers=(ann,), now=build.later(hours=7))
    with pytest.raises(GatesClosed) as closed:
        build.release(deployments, pending, conditions)
    assert [gate.key for gate in closed.value.gates] == ["quarantine"]

    deployments.decide(pending, "approve", "the node was at fault", ann.signer, build.later(hours=6))
    again = build.release(deployments, pending, conditions)

    assert again.content == third.content
    assert again.digest != third.digest
    assert [approval.who for approval in again.approvals] == [ann.email]


def test_an_approval_from_before_the_revert_lifts_no_quarantine_whatever_its_date(
    build, pipeline, deployments, three, people
):
    ann = people("ann@example.com")
    third = three[1][2]
    before = deployments.plan("dev", "analytics")
    deployments.decide(before, "approve", "dated ahead", ann.signer, build.later(hours=6))
    deployments.revert(third, "pods crash", build.later(hours=5))
    pending = pipeline.propose(build.manifests(build.config_map(a="3")), source=build.S3)
    conditions = build.conditions(signers=(ann,), now=build.later(hours=7))
    with pytest.raises(GatesClosed, match="it takes an approval"):
        build.release(deployments, pending, conditions)

    deployments.decide(pending, "approve", "it was the node", ann.signer, build.later(hours=6, minutes=1))

    assert build.release(deployments, pending, conditions).content == third.content


def test_a_rewritten_branch_of_approvals_makes_no_approval_of_a_plan_from_before_the_revert_count(
    build, deployments, three, people, remote, tmp_path
):
    ann = people("ann@example.com")
    pending = deployments.plan("dev", "analytics")
    deployments.decide(pending, "approve", "before", ann.signer, build.later(hours=4))
    deployments.revert(three[1][2], "pods crash", build.later(hours=5))
    subprocess.run(["git", "-C", remote, "update-ref", "-d", "refs/heads/approvals"], check=True)
    fresh = Deployments(Repository.clone(str(remote), tmp_path / "fresh"))
    fresh.decide(pending, "approve", "the node was at fault", ann.signer, build.later(hours=6))
    with pytest.raises(GatesClosed, match="plan again"):
        build.release(fresh, pending, build.conditions(signers=(ann,), now=build.later(hours=7)))


def test_other_bytes_are_released_without_asking_after_a_revert(build, pipeline, deployments, three):
    deployments.revert(three[1][2], "pods crash", build.NOW)
    mended = build.manifests(build.config_map(a="4"))
    plan = pipeline.propose(mended, source=build.S3)
    assert build.release(deployments, plan, build.conditions()).content == mended.content


def test_a_plan_from_before_a_revert_is_planned_again(build, pipeline, deployments, three):
    plan = pipeline.propose(build.manifests(build.config_map(a="4")), source=build.S3)
    deployments.revert(three[1][2], "pods crash", build.NOW)
    (gate,) = [gate for gate in deployments.gates(plan, build.conditions()) if not gate.passed]
    assert gate.key == "base"
    again = pipeline.propose(build.manifests(build.config_map(a="4")), source=build.S3)
    assert again.base == three[1][1].content
    assert build.release(deployments, again, build.conditions()).content == plan.content


def test_history_tells_releases_and_reverts_newest_first(build, deployments, three, repository):
    releases = three[1]
    now = deployments.revert(releases[2], "pods crash", build.NOW, by=Ident("Ann", "ann@example.com"))
    events = deployments.history("dev", "analytics")
    assert [event.kind for event in events] == ["revert", "release", "release", "release"]
    assert [event.commit for event in events] == [now.commit, *(each.commit for each in reversed(releases))]
    assert events[0].release.digest == releases[1].digest
    assert (events[0].reason, events[0].who.name) == ("pods crash", "Ann")
    assert [event.release.source.commit for event in events[1:]] == [build.S3, build.S2, build.S1]
    assert events[0].at == repository.commit(now.commit).time


def test_a_tenant_without_releases_has_no_history(deployments):
    assert deployments.history("dev", "ml") == []


def test_releases_tell_the_revert_as_the_commit_that_made_them_current(build, pipeline, deployments, three):
    pipeline.release(build.manifests(build.config_map(a="1")), tenant="ml")
    now = deployments.revert(three[1][2], "x", build.NOW)
    listed = {release.tenant: release for release in deployments.releases()}
    assert listed["analytics"] == now
    assert listed["ml"] == deployments.release("dev", "ml")


def test_several_releases_are_undone_in_one_push_each_by_its_own_revert(
    build, deployments, three, repository
):
    (one, two, _), (first, second, third) = three
    now = deployments.revert(third, "worse", build.later(hours=5), to=first.commit)
    assert (now.digest, now.revision) == (first.digest, first.revision)
    assert deployments.release("dev", "analytics") == now
    entries = deployments.quarantine("dev", "analytics")
    assert [each.reverted for each in entries] == [third.commit, second.commit]
    assert [each.content for each in entries] == [third.content, two.content]
    head = repository.head()
    again = deployments.revert(third, "worse", build.later(hours=6), to=first.commit)
    assert (again, repository.head()) == (now, head)
    assert deployments.released_manifests(now).content == one.content


def test_the_way_back_stops_before_what_must_not_be_undone(build, pipeline, deployments, repository):
    for image in ("app:1.0.0", "app:1.1.0"):
        pipeline.release(build.manifests(build.job(image=image, **IRREVERSIBLE)), tenant="ml")
    migrated = build.job(image="app:1.1.0", **IRREVERSIBLE)
    last = pipeline.release(build.manifests(migrated, build.config_map(a="1")), tenant="ml")
    first = deployments.history("dev", "ml")[-1].commit
    head = repository.head()
    with pytest.raises(RevertRefused, match="Job analytics-dev/migrate, which is marked"):
        deployments.revert(last, "x", build.NOW, to=first)
    assert repository.head() == head
    assert len(deployments.way_back("dev", "ml").commits) == 1
