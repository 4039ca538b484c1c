"""How Argo CD is told to sync what a tenant has."""

from collections.abc import Callable, Mapping

import pytest

from deploy_orchestrator.fleet import AS_USUAL, Fleet, IgnoredDifference, changed, differing, load
from deploy_orchestrator.git import Tree
from tests.fleet.conftest import TENANT

Files = dict[str, str | bytes]
Commit = Callable[[Mapping[str, str | bytes]], Tree]

REPLICAS = "{group: apps, kind: Deployment, name: web, jsonPointers: [/spec/replicas]}"


def fleet_with(files: Files, commit: Commit, *lines: str) -> Fleet:
    return load(commit({**files, "tenants/shop/tenant.yaml": TENANT + "".join(lines)}))


def test_a_tenant_says_how_it_is_synced_and_otherwise_in_one_environment(
    files: Files, commit: Commit
) -> None:
    fleet = fleet_with(
        files,
        commit,
        f"sync: {{options: [RespectIgnoreDifferences=true], ignoreDifferences: [{REPLICAS}]}}\n",
        "perEnvironment: {production: {sync: {}}}\n",
    )
    found = {each.key: each.destination.sync for each in fleet.deployments()}
    assert found["production/shop"] == found["dev/blog"] == AS_USUAL
    assert found["dev/shop"].options == ("RespectIgnoreDifferences=true",)
    (ignored,) = found["dev/shop"].ignore_differences
    assert str(ignored) == "/spec/replicas of apps/Deployment web"


def test_what_says_nothing_of_syncs_goes_where_it_went(files: Files, commit: Commit) -> None:
    """So that plans and releases from before keep their digests."""
    (shop, *_) = fleet_with(files, commit).deployments()
    assert [*shop.destination.as_json()] == ["cluster", "server", "namespace"]


def test_a_change_of_syncs_alone_is_planned_and_shown(files: Files, commit: Commit) -> None:
    before = fleet_with(files, commit)
    after = fleet_with(files, commit, f"sync: {{ignoreDifferences: [{REPLICAS}]}}\n")
    keys = ["dev/shop", "staging/shop", "production/shop"]
    assert [each.key for each in changed(before, after)] == keys
    assert [each.key for each in differing(before, after)] == keys


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("sync: {options: [Replace=true]}\n", "sync.options[0]: "),
        ("sync: {options: [Prune=false]}\n", "sync.options[0]: "),
        ("sync: {ignoreDifferences: [{kind: Deployment}]}\n", "expected jsonPointers, jqPathExpressions or"),
        ("sync: {ignoreDifferences: [{jsonPointers: [/spec]}]}\n", "kind: the field is missing"),
        ("sync: {ignoreDifferences: [{kind: X, jsonPointer: [/spec]}]}\n", "there is no such field"),
    ],
)
def test_what_argo_cd_may_not_be_told_stops_that_tenant_alone(
    files: Files, commit: Commit, lines: str, said: str
) -> None:
    fleet = fleet_with(files, commit, lines)
    assert said in str(fleet.broken["shop"])
    assert "blog" in fleet.tenants


def test_a_difference_is_told_in_words() -> None:
    every = IgnoredDifference(kind="Secret", managed_fields_managers=("operator",))
    assert str(every) == "what operator sets of every Secret"
    one = IgnoredDifference(kind="Service", namespace="apps", name="web", jq_path_expressions=(".spec",))
    assert str(one) == ".spec of Service apps/web"
