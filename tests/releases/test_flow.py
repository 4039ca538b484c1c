import pytest

from deploy_orchestrator.manifests import Finding
from deploy_orchestrator.releases import GatesClosed, Superseded
from deploy_orchestrator.risk import EmptyCandidate, Verdict


def test_a_first_release_is_safe_and_goes_out_alone(build, pipeline, deployments):
    candidate = build.manifests(build.config_map(a="1"), build.job())
    plan = pipeline.propose(candidate)
    assert plan.verdict is Verdict.SAFE
    assert [reason.rule for reason in plan.reasons] == ["first-release"]
    assert deployments.pending("dev", "analytics") == plan
    assert deployments.release("dev", "analytics") is None

    release = build.release(deployments, plan, build.conditions())

    assert deployments.release("dev", "analytics") == release
    assert deployments.releases() == [release]
    assert deployments.pending("dev", "analytics") is None
    assert deployments.pending_plans() == []
    assert deployments.released_manifests(release) == candidate
    assert (release.digest, release.content, release.base) == (plan.digest, candidate.content, None)


def test_a_release_points_at_the_commit_that_wrote_its_manifests(build, pipeline, deployments, repository):
    plan = pipeline.propose(build.manifests(build.config_map(a="1")))
    proposed = repository.head()
    pipeline.release(build.manifests(build.config_map(a="2")), tenant="ml")
    release = build.release(deployments, plan, build.conditions())
    assert release.revision == proposed
    assert release.path == "manifests/dev/analytics"
    assert list(repository.at(release.revision).files(release.path)) == [
        ".ConfigMap.analytics-dev.settings.yaml".removeprefix(".")
    ]


def test_a_release_commit_changes_one_file_and_tells_all_in_trailers(build, pipeline, repository):
    release = pipeline.release(build.manifests(build.config_map(a="1")))
    assert repository.changed(release.commit) == ("releases/dev/analytics.yaml",)
    commit = repository.commit(release.commit)
    assert commit.subject == "Release dev/analytics: 1 added, 0 changed, 0 removed"
    assert commit.trailers == {
        "Verdict": "safe",
        "Digest": release.digest,
        "Source": build.S1,
        "Revision": release.revision,
    }


def test_a_candidate_replaces_the_manifests_as_a_whole(build, pipeline, deployments):
    pipeline.propose(build.manifests(build.config_map("one", a="1"), build.config_map("two", a="1")))
    candidate = build.manifests(build.config_map("two", a="2"))
    pipeline.propose(candidate, source=build.S2)
    assert deployments.manifests("dev", "analytics") == candidate


def test_proposing_again_changes_nothing(build, pipeline, repository):
    candidate = build.manifests(build.config_map(a="1"))
    plan = pipeline.propose(candidate)
    head = repository.head()
    assert pipeline.propose(candidate) == plan
    assert pipeline.propose(candidate, source=build.S2) == plan
    assert repository.head() == head


def test_releasing_a_released_digest_again_gives_the_same_release(build, pipeline, deployments, repository):
    plan = pipeline.propose(build.manifests(build.config_map(a="1")))
    release = build.release(deployments, plan, build.conditions())
    pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2)
    head = repository.head()
    assert build.release(deployments, plan, build.conditions(now=build.later(days=1))) == release
    assert repository.head() == head


def test_an_older_source_never_overwrites_a_newer_candidate(build, pipeline, deployments):
    newer = pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2)
    assert pipeline.propose(build.manifests(build.config_map(a="1")), source=build.S1) == newer
    assert deployments.pending("dev", "analytics") == newer
    assert build.release(deployments, newer, build.conditions()).digest == newer.digest


def test_an_older_source_is_not_proposed_over_a_newer_release(build, pipeline, deployments, repository):
    pipeline.release(build.manifests(build.config_map(a="2")), source=build.S2)
    head = repository.head()
    assert pipeline.propose(build.manifests(build.config_map(a="1")), source=build.S1) is None
    assert repository.head() == head


def test_an_older_source_does_not_come_back_after_a_withdrawal(build, pipeline, repository):
    first = build.manifests(build.config_map(a="1"))
    pipeline.release(first, source=build.S1)
    pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2)
    assert pipeline.propose(first, source=build.S3) is None
    head = repository.head()
    assert pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2) is None
    assert repository.head() == head


def test_a_candidate_that_equals_the_release_withdraws_the_pending_plan(build, pipeline, deployments):
    first = build.manifests(build.config_map(a="1"))
    release = pipeline.release(first)
    pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2)
    assert pipeline.propose(first, source=build.S3) is None
    assert deployments.plan("dev", "analytics") is None
    assert deployments.manifests("dev", "analytics") == first
    assert deployments.release("dev", "analytics") == release


def test_a_candidate_that_equals_the_release_writes_nothing_where_nothing_is_pending(
    build, pipeline, repository
):
    candidate = build.manifests(build.config_map(a="1"))
    pipeline.release(candidate)
    head = repository.head()
    assert pipeline.propose(candidate, source=build.S2) is None
    assert repository.head() == head


def test_a_plan_that_was_superseded_is_not_released(build, pipeline, deployments):
    old = pipeline.propose(build.manifests(build.config_map(a="1")))
    pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2)
    with pytest.raises(Superseded, match="is not the plan any more"):
        build.release(deployments, old, build.conditions())


def test_a_plan_is_not_released_over_another_release_than_it_was_made_for(build, pipeline, deployments):
    pipeline.release(build.manifests(build.config_map(a="1")))
    stale = pipeline.plan(build.manifests(build.config_map(a="3")), source=build.S3)
    pipeline.release(build.manifests(build.config_map(a="2")), source=build.S2)
    with pytest.raises(Superseded, match="has changed since"):
        deployments.propose(stale, build.manifests(build.config_map(a="3")), build.is_ancestor)


def test_a_plan_for_other_manifests_is_refused(build, pipeline, deployments):
    plan = pipeline.plan(build.manifests(build.config_map(a="1")))
    with pytest.raises(Superseded, match="other manifests"):
        deployments.propose(plan, build.manifests(build.config_map(a="2")), build.is_ancestor)


def test_a_blocked_plan_is_released_nowhere(build, pipeline, deployments):
    pipeline.release(build.manifests(build.job(image="app:1.0.0")))
    plan = pipeline.propose(build.manifests(build.job(image="app:1.0.1")), source=build.S2)
    assert plan.verdict is Verdict.BLOCKED
    with pytest.raises(GatesClosed) as closed:
        build.release(deployments, plan, build.conditions())
    assert [gate.key for gate in closed.value.gates] == ["verdict"]
    assert closed.value.gates[0].reason in closed.value.what
    assert closed.value.gates[0].reason not in str(closed.value.fix)
    assert deployments.release("dev", "analytics").content != plan.content


def test_the_difference_is_the_candidate_against_what_is_released(build, pipeline, deployments):
    pipeline.release(build.manifests(build.config_map(a="1")))
    plan = pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2)
    difference = deployments.difference(plan)
    assert "-  a: '1'\n+  a: '2'\n" in difference.unified()


def test_of_a_plan_that_another_took_the_place_of_nobody_sees_the_lines_of_the_other(
    build, pipeline, deployments
):
    pipeline.release(build.manifests(build.config_map(a="1")))
    before = pipeline.propose(build.manifests(build.config_map(a="2")), source=build.S2)
    pipeline.propose(build.manifests(build.config_map(a="3")), source=build.S3)
    with pytest.raises(Superseded, match="something else is planned"):
        deployments.difference(before)


def test_an_empty_deployments_repository_holds_nothing(deployments):
    assert deployments.plan("dev", "analytics") is None
    assert deployments.release("dev", "analytics") is None
    assert deployments.manifests("dev", "analytics") is None
    assert deployments.releases() == []
    assert deployments.pending_plans() == []
    assert deployments.quarantine("dev", "analytics") == []
    assert deployments.unreadable() == []


@pytest.mark.parametrize("text", ["a: b\n---\nc", "'\"\\", "\x00\x07\x85", "on", "1e3", "- x", "…😀", " \n "])
def test_whatever_a_check_says_is_read_back_as_it_was(build, pipeline, deployments, text):
    finding = Finding("schema", "error", None, text, text or "mend it")
    plan = pipeline.propose(build.manifests(build.config_map(a="1")), findings=(finding,))
    assert deployments.plan("dev", "analytics") == plan
    assert plan.verdict is Verdict.BLOCKED


def test_a_candidate_without_objects_is_no_candidate(build, pipeline):
    with pytest.raises(EmptyCandidate, match="no objects"):
        pipeline.plan(build.manifests())
