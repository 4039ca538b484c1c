"""Many tenants at once: one push for all candidates, one for all releases, and each fails for itself."""

import pytest

from deploy_orchestrator.releases import GatesClosed, Superseded

TENANTS = ("alpha", "beta", "gamma")


@pytest.fixture
def propose(build, pipeline):
    """Proposes the manifests of several tenants together."""

    def propose(manifests, source=build.S1, **plan):
        candidates = [
            (pipeline.plan(each, tenant=tenant, source=source, **plan), each)
            for tenant, each in manifests.items()
        ]
        return pipeline.deployments.propose_all(candidates, build.is_ancestor)

    return propose


@pytest.fixture
def three(build):
    return {tenant: build.manifests(build.config_map(a=tenant)) for tenant in TENANTS}


def test_candidates_are_one_commit_and_releases_a_commit_each(build, deployments, repository, propose, three):
    plans = propose(three)
    proposed = repository.head()
    releases = deployments.release_plans(plans, lambda: lambda _: build.conditions())

    assert [release.tenant for release in releases] == [*TENANTS]
    assert {release.revision for release in releases} == {proposed}
    assert [commit.id for commit in repository.log("main")] == [
        *reversed([release.commit for release in releases]),
        proposed,
    ]
    assert deployments.releases() == list(releases)
    assert repository.commit(proposed).subject == "Propose dev/alpha, and 2 more"
    assert repository.commit(proposed).trailers == {"Source": build.S1}


def test_each_of_several_releases_is_reverted_alone(build, deployments, propose, three):
    conditions = build.conditions()
    changed = {tenant: build.manifests(build.config_map(a="2")) for tenant in TENANTS}
    first = deployments.release_plans(propose(three), lambda: lambda _: conditions)
    second = deployments.release_plans(propose(changed, build.S2), lambda: lambda _: conditions)

    back = deployments.revert(second[1], "broken", build.later(hours=1))

    assert back.content == first[1].content
    assert deployments.releases() == [second[0], back, second[2]]


def test_what_cannot_be_proposed_or_released_stops_nobody_else(build, pipeline, deployments, propose, three):
    stale = pipeline.plan(three["beta"], tenant="beta")
    pipeline.release(three["gamma"], tenant="beta")
    candidates = [
        (pipeline.plan(three["alpha"], tenant="alpha"), three["alpha"]),
        (stale, three["beta"]),
        (pipeline.plan(three["gamma"], tenant="gamma"), three["gamma"]),
    ]
    alpha, error, gamma = deployments.propose_all(candidates, build.is_ancestor)
    assert isinstance(error, Superseded)

    asks = build.conditions(build.asks_for("bob@example.com"))
    closed = pipeline.propose(build.manifests(build.job()), tenant="beta", source=build.S2)
    made, refused, waits = deployments.release_plans(
        [gamma, stale, closed], lambda: lambda plan: asks if plan == closed else build.conditions()
    )
    assert made.tenant == "gamma"
    assert isinstance(refused, Superseded)
    assert isinstance(waits, GatesClosed)
    assert deployments.pending_plans() == [alpha, closed]


def test_a_newest_source_that_gives_what_is_released_withdraws_among_others(
    build, pipeline, deployments, propose, three
):
    for tenant in TENANTS:
        pipeline.release(three[tenant], tenant=tenant)
    changed = {**three, "alpha": three["beta"], "beta": three["gamma"]}
    propose(changed, build.S2)

    alpha, beta, gamma = propose({**changed, "alpha": three["alpha"]}, build.S3)

    assert alpha is None
    assert beta.tenant == "beta"
    assert gamma is None
    assert [plan.tenant for plan in deployments.pending_plans()] == ["beta"]
    assert pipeline.propose(three["beta"], tenant="alpha", source=build.S2) is None


def test_proposing_the_same_again_writes_nothing(build, repository, propose, three):
    plans = propose(three)
    head = repository.head()
    assert propose(three) == plans
    assert propose({}) == []
    assert repository.head() == head
