"""What a commit changes: inputs of deployments, and what has to be planned again."""

from collections.abc import Callable, Mapping

import pytest

from deploy_orchestrator.fleet import Fleet, changed, load
from deploy_orchestrator.git import Tree

Files = dict[str, str | bytes]
Commit = Callable[[Mapping[str, str | bytes]], Tree]

SHOP = {"dev/shop", "staging/shop", "production/shop"}
BLOG = {"dev/blog", "production/blog"}
NONE: set[str] = set()
EXCEPTION = "{rule: plain-secret, reason: until they move, expires: 2027-01-01T00:00:00Z}"
PUBLISHED = ("tenants/blog/tenant.yaml", "~1.2.0", "17.0.0\n  repository: bitnami")


def other_inputs(before: Fleet, after: Fleet) -> set[str]:
    ours = {each.key: before.inputs(each) for each in before.deployments()}
    return {each.key for each in after.deployments() if after.inputs(each) != ours.get(each.key)}


# file, what is replaced, by what, whose manifests may be others, who has to be planned again
CHANGES = [
    ("tenants/shop/values.yaml", "2", "3", SHOP, SHOP),
    ("tenants/shop/values-production.yaml", "3", "4", {"production/shop"}, {"production/shop"}),
    ("tenants/shop/tenant.yaml", "cpu: 4", "cpu: 5", SHOP, SHOP),
    ("tenants/shop/tenant.yaml", "shop-team@", "others@", SHOP, SHOP),
    ("tenants/shop/tenant.yaml", "[dev, staging, ", "[dev, ", NONE, {"production/shop"}),
    ("tenants/shop/tenant.yaml", "~1.2.0", ">=1.2.0", NONE, NONE),
    ("tenants/shop/tenant.yaml", "owners", "# a comment\nowners", NONE, NONE),
    ("tenants/shop/tenant.yaml", "owners", f"exceptions: [{EXCEPTION}]\nowners", NONE, SHOP),
    ("tenants/blog/tenant.yaml", "[dev, production]", "[dev, staging, production]", {"staging/blog"},
     {"staging/blog", "production/blog"}),
    ("charts/web/values.yaml", "1", "2", SHOP | BLOG, SHOP | BLOG),
    ("charts/common/templates/_names.tpl", "x", "y", SHOP | BLOG, SHOP | BLOG),
    ("charts/tenant-platform/Chart.yaml", "0.1.0\n", "0.1.0\nappVersion: '2'\n", SHOP | BLOG, SHOP | BLOG),
    ("fleet.yaml", 'kubernetes: "1.33"', 'kubernetes: "1.34"', {"production/shop", "production/blog"},
     {"production/shop", "production/blog"}),
    ("fleet.yaml", 'kubernetes: "1.33"', 'kubernetes: "1.33"\n    customKinds: {x.io/Thing: Cluster}',
     {"production/shop", "production/blog"}, {"production/shop", "production/blog"}),
    ("fleet.yaml", 'kubernetes: "1.33"', 'kubernetes: "1.33"\n    apiVersions: [x.io/v1]',
     {"production/shop", "production/blog"}, {"production/shop", "production/blog"}),
    ("fleet.yaml", "mirror: https://mirror", "mirror: https://other", SHOP | BLOG, SHOP | BLOG),
    ("fleet.yaml", "soak: 10m", "soak: 20m", NONE, {"staging/shop"}),
    ("fleet.yaml", "severity: blocked", "severity: safe", NONE, {"production/shop", "production/blog"}),
    ("fleet.yaml", "required: 2", "required: 1", NONE, {"production/shop", "production/blog"}),
    ("fleet.yaml", "platform:\n", "# a comment\nplatform:\n", NONE, NONE),
    ("README.md", "Fleet", "The fleet", NONE, NONE),
    ("allowed_signers", "# who", "# they", NONE, NONE),
    ("tenants/_template/tenant.yaml", "cpu: 4", "cpu: 8", NONE, NONE),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "rendered", "planned"), CHANGES)
def test_a_change_reaches_exactly_the_deployments_that_it_can_make_others(
    files: Files, commit: Commit, file: str, old: str, new: str, rendered: set[str], planned: set[str]
) -> None:
    before = load(commit(files))
    assert str(files[file]).count(old) >= 1
    files[file] = str(files[file]).replace(old, new)
    after = load(commit(files))
    assert other_inputs(before, after) == rendered
    assert {each.key for each in changed(before, after)} == planned


@pytest.mark.parametrize(
    ("file", "text", "rendered"),
    [
        ("tenants/shop/values-dev.yaml", "a: 1\n", {"dev/shop"}),
        ("charts/web/values-tenant-shop.yaml", "a: 1\n", SHOP | BLOG),
        ("charts/web/charts/redis-17.0.0.tgz", b"\x1f\x8b", SHOP | BLOG),
        ("charts/unused/Chart.yaml", "name: unused\nversion: 1.0.0\n", NONE),
        ("tenants/new/tenant.yaml", "", NONE),
        ("tenants/shop/README.md", "# Shop\n", NONE),
    ],
)
def test_a_new_file_reaches_those_who_read_it(
    files: Files, commit: Commit, file: str, text: str | bytes, rendered: set[str]
) -> None:
    before = load(commit(files))
    files[file] = text
    assert other_inputs(before, load(commit(files))) == rendered


def test_a_chart_from_a_repository_counts_by_its_version_and_mirror(files: Files, commit: Commit) -> None:
    file, old, new = PUBLISHED
    files[file] = str(files[file]).replace(old, new)
    before = load(commit(files))
    files["charts/web/values.yaml"] = "replicas: 9\n"
    assert other_inputs(before, load(commit(files))) == SHOP
    files[file] = str(files[file]).replace("17.0.0", "17.0.1")
    assert other_inputs(before, load(commit(files))) == SHOP | BLOG


def test_everything_is_planned_when_there_was_nothing_before(files: Files, commit: Commit) -> None:
    fleet = load(commit(files))
    assert changed(None, fleet) == fleet.deployments()
    assert changed(fleet, fleet) == []


def test_a_new_tenant_is_planned_and_one_that_is_gone_or_broken_is_not(files: Files, commit: Commit) -> None:
    before = load(commit(files))
    files["tenants/new/tenant.yaml"] = files["tenants/blog/tenant.yaml"]
    files["tenants/shop/tenant.yaml"] = "{}"
    del files["tenants/blog/tenant.yaml"]
    assert [each.key for each in changed(before, load(commit(files)))] == ["dev/new", "production/new"]


def test_another_order_of_environments_is_planned_again_and_not_rendered(
    files: Files, commit: Commit
) -> None:
    before = load(commit(files))
    text = str(files["fleet.yaml"])
    dev, staging = text.index("  - name: dev"), text.index("  - name: staging")
    production = text.index("  - name: production")
    files["fleet.yaml"] = text[:dev] + text[staging:production] + text[dev:staging] + text[production:]
    after = load(commit(files))
    assert other_inputs(before, after) == set()
    assert [each.key for each in changed(before, after)] == ["staging/shop", "dev/shop", "production/shop"]


def test_the_paths_of_a_deployment_hold_every_file_that_can_change_it(files: Files, commit: Commit) -> None:
    fleet = load(commit(files))
    assert fleet.paths(fleet.deployment("dev", "shop")) == (
        "fleet.yaml",
        "tenants/shop/tenant.yaml",
        "charts/web/values-dev.yaml",
        "charts/web/values-tenant-shop.yaml",
        "charts/web/values-tenant-shop-dev.yaml",
        "tenants/shop/values.yaml",
        "tenants/shop/values-dev.yaml",
        "tenants/shop/values-tenant-shop.yaml",
        "tenants/shop/values-tenant-shop-dev.yaml",
        "charts/common",
        "charts/tenant-platform",
        "charts/web",
    )


def test_what_waits_for_another_environment_is_planned_again_with_it(files: Files, commit: Commit) -> None:
    before = load(commit(files))
    after = load(commit({**files, "tenants/shop/values-dev.yaml": "replicas: 7\n"}))
    assert other_inputs(before, after) == {"dev/shop"}
    assert {each.key for each in changed(before, after)} == {"dev/shop", "staging/shop"}
