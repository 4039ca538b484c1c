"""A tenant that leaves an environment: what is proposed, how many may go, and what is left at the end."""

from datetime import UTC, datetime, timedelta

import pytest

from deploy_orchestrator.fleet import Policy
from deploy_orchestrator.manifests import NOTHING, Object
from deploy_orchestrator.releases import (
    Deployments,
    Release,
    RevertRefused,
    SourceChange,
    Superseded,
    make_removal,
)
from deploy_orchestrator.risk import Verdict

TENANTS = ("analytics", "ml", "data")


def prepare(build, pipeline):
    for tenant in TENANTS:
        pipeline.release(build.manifests(build.config_map(x="1"), claim()), tenant=tenant)


def claim() -> Object:
    metadata = {"name": "data", "namespace": "analytics-dev"}
    return Object({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata})


@pytest.fixture
def removal_of(build, deployments: Deployments):
    def plan(tenant, policy=None):
        released = deployments.release("dev", tenant)
        assert released is not None
        source = SourceChange(commit=build.S2, authors=("author@example.com",), signed=True)
        return make_removal(released, deployments.released_manifests(released), source, policy or Policy())

    return plan


@pytest.fixture
def propose(build, deployments: Deployments, removal_of):
    def proposed(tenant):
        plan = deployments.propose(removal_of(tenant), NOTHING, build.is_ancestor)
        assert plan is not None
        return plan

    return proposed


@pytest.fixture
def remove(build, deployments: Deployments, propose):
    def released(tenant) -> Release:
        return build.release(deployments, propose(tenant), build.conditions(now=datetime.now(UTC)))

    return released


def removals(deployments, plan, conditions):
    (gate,) = [each for each in deployments.gates(plan, conditions) if each.key == "removals"]
    return gate


def test_it_needs_approval_and_names_what_holds_data(removal_of):
    plan = removal_of("ml")
    assert plan.removal
    assert plan.verdict is Verdict.NEEDS_APPROVAL
    assert plan.summary.removed == 2
    assert [(each.rule, each.object) for each in plan.reasons] == [
        ("tenant-removed", None),
        ("data-deleted", "PersistentVolumeClaim analytics-dev/data"),
    ]


def test_no_policy_makes_it_safe(removal_of):
    lenient = Policy.model_validate({"rules": {"data-deleted": {"severity": "safe", "reason": "test data"}}})
    assert removal_of("ml", lenient).verdict is Verdict.NEEDS_APPROVAL


def test_what_is_released_is_a_commit_that_holds_no_objects(deployments, remove):
    removal = remove("ml")
    assert deployments.repository.at(removal.revision).exists(removal.path)
    assert deployments.released_manifests(removal) == NOTHING
    first, second = deployments.history("dev", "ml")
    assert (first.kind, first.release.digest) == ("removal", removal.digest)
    assert second.kind == "release"


def test_those_removed_within_a_day_count_also_when_nothing_is_left_of_them(
    build, deployments, remove, propose
):
    deployments.clear("dev", "ml", remove("ml"))
    plan, now = propose("data"), datetime.now(UTC)
    found = removals(deployments, plan, build.conditions(now=now))
    assert not found.passed
    assert "1 of 3 tenants" in found.reason
    assert removals(deployments, plan, build.conditions(now=now + timedelta(hours=23))).reason == found.reason
    assert removals(deployments, plan, build.conditions(now=now + timedelta(hours=25))).passed
    assert removals(
        deployments, plan, build.conditions(Policy.model_validate({"removals": "70%"}), now=now)
    ).passed


def test_what_is_left_is_cleared_once_and_nothing_else_is(deployments, remove):
    removal = remove("ml")
    assert deployments.clear("dev", "ml") is None
    assert deployments.clear("dev", "ml", removal) is not None
    assert deployments.clear("dev", "ml", removal) is None
    main = deployments.repository.branch("main")
    for folder in ("manifests", "plans", "releases"):
        assert [name.removesuffix(".yaml") for name in main.names(f"{folder}/dev")] == ["analytics", "data"]


def test_a_release_that_is_no_removal_is_never_cleared(deployments):
    release = deployments.release("dev", "ml")
    assert deployments.clear("dev", "ml", release) is None
    assert deployments.clear("dev", "ml") is None
    assert deployments.release("dev", "ml") == release


def test_a_removal_is_neither_reverted_nor_reverted_to(build, deployments, pipeline, remove):
    removal = remove("ml")
    with pytest.raises(RevertRefused, match="does not come back by a revert"):
        deployments.revert(removal, "unhealthy", build.NOW)
    back = pipeline.release(build.manifests(build.config_map(x="2")), tenant="ml", source=build.S3)
    assert back.base == NOTHING.content
    with pytest.raises(RevertRefused, match="nothing was released before"):
        deployments.revert(back, "unhealthy", build.NOW)


def test_a_new_release_in_between_voids_the_plan(build, deployments, pipeline, propose):
    plan = propose("ml")
    pipeline.release(build.manifests(build.config_map(x="2")), tenant="ml", source=build.S3)
    with pytest.raises(Superseded):
        build.release(deployments, plan, build.conditions())
