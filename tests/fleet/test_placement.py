"""Which release and which namespace a tenant has in an environment, and who may have which."""

from collections.abc import Callable, Mapping

import pytest

from deploy_orchestrator.fleet import Fleet, load
from deploy_orchestrator.git import Tree
from tests.fleet.conftest import TENANT

Files = dict[str, str | bytes]
Commit = Callable[[Mapping[str, str | bytes]], Tree]

SHARED = "namespace: {name: apps, shared: true}\n"


def lets_share(files: Files, *namespaces: str, environment: str = "production") -> None:
    """The policy of an environment names what may be shared."""
    text, before = str(files["fleet.yaml"]), f"  - name: {environment}\n    cluster: workshop\n"
    listed = f"sharedNamespaces: [{', '.join(namespaces)}]"
    head, _, rest = text.partition(before)
    first, policy, others = rest.partition("policy:\n")
    assert policy
    assert "- name" not in first
    files["fleet.yaml"] = f"{head}{before}{first}{policy}      {listed}\n{others}"


def tenant(name: str, *lines: str, environments: str = "production") -> str:
    text = TENANT.replace("shop", name).replace("dev, staging, production", environments)
    return text + "".join(lines)


def namespaces(fleet: Fleet) -> dict[str, str]:
    return {each.key: each.namespace for each in fleet.deployments()}


def test_a_tenant_names_its_release_and_its_namespace_where_they_are_others(
    files: Files, commit: Commit
) -> None:
    files["tenants/shop/tenant.yaml"] = TENANT + (
        "release: main\n"
        "namespace: web-{environment}\n"
        "perEnvironment:\n"
        "  staging: {release: canary}\n"
        "  production: {namespace: {name: web, existing: true}}\n"
    )
    fleet = load(commit(files))
    found = {each.key: (each.releases[0].name, each.namespace) for each in fleet.deployments()}
    assert found == {
        "dev/blog": ("blog", "blog-dev"),
        "production/blog": ("blog", "blog-production"),
        "dev/shop": ("main", "web-dev"),
        "staging/shop": ("canary", "web-staging"),
        "production/shop": ("main", "web"),
    }
    assert not fleet.deployment("production", "shop").makes_namespace
    assert fleet.deployment("dev", "shop").makes_namespace


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("release: Main\n", "release: expected the name of a Helm release"),
        ("release: platform\n", "its release cannot be called platform"),
        ("release: " + "a" * 54 + "\n", "release: expected the name of a Helm release"),
        ("namespace: '{team}'\n", "namespace.name: expected a DNS label"),
        ("namespace: {nam: x}\n", "namespace.nam: there is no such field"),
        ("namespace: {name: x, keeper: true}\n", "namespace: expected keeper only where"),
        ("namespace: kube-system\n", "its namespace 'kube-system' belongs to Kubernetes"),
        ("namespace: argocd\n", "its namespace 'argocd' belongs to the Argo CD"),
        ("namespace: deploy-orchestrator\n", "belongs to the orchestrator"),
        ("namespace: blog-production\n", "its namespace 'blog-production' is that of the tenant blog"),
        ("namespace: blog-staging\n", "its namespace 'blog-staging' is that of the tenant blog"),
        ("namespace: web\n", "its namespace 'web' is its own in dev already"),
        (SHARED, "is not among the sharedNamespaces of the policy of"),
        ("perEnvironment: {prodction: {release: x}}\n", "there is no environment here 'prodction'"),
    ],
)
def test_a_place_that_a_tenant_cannot_have_stops_that_tenant_alone(
    files: Files, commit: Commit, lines: str, said: str
) -> None:
    files["tenants/shop/tenant.yaml"] = TENANT + lines
    fleet = load(commit(files))
    assert said in str(fleet.broken["shop"])
    assert "blog" in fleet.tenants


def test_nobody_takes_the_namespace_of_another_away_by_naming_it(files: Files, commit: Commit) -> None:
    """Whatever comes first in the alphabet, and though the other's file cannot be read."""
    files["tenants/aaa/tenant.yaml"] = tenant("aaa", "namespace: shop-production\n")
    fleet = load(commit(files))
    assert list(fleet.broken) == ["aaa"]
    files["tenants/shop/tenant.yaml"] = "nonsense: ["
    assert sorted(load(commit(files)).broken) == ["aaa", "shop"]


def test_tenants_share_a_namespace_where_the_policy_and_each_of_them_say_so(
    files: Files, commit: Commit
) -> None:
    lets_share(files, "apps")
    files["tenants/one/tenant.yaml"] = tenant("one", "namespace: {name: apps, shared: true, keeper: true}\n")
    files["tenants/two/tenant.yaml"] = tenant("two", SHARED)
    fleet = load(commit(files))
    assert not fleet.broken
    one, two = (fleet.deployment("production", each) for each in ("one", "two"))
    assert {one.namespace, two.namespace} == {"apps"}
    assert (one.has_platform, two.has_platform) == (True, False)
    assert (one.kept_by, two.kept_by) == ("one", "one")


def test_who_does_not_say_that_it_shares_does_not_get_in_and_keeps_nobody_out(
    files: Files, commit: Commit
) -> None:
    lets_share(files, "apps")
    files["tenants/aaa/tenant.yaml"] = tenant("aaa", "namespace: apps\n")
    files["tenants/one/tenant.yaml"] = tenant("one", SHARED)
    fleet = load(commit(files))
    assert "the tenant does not say `shared: true`" in str(fleet.broken["aaa"])
    assert fleet.deployment("production", "one").namespace == "apps"


def test_a_namespace_is_never_shared_between_environments(files: Files, commit: Commit) -> None:
    lets_share(files, "apps")
    lets_share(files, "apps", environment="staging")
    files["tenants/one/tenant.yaml"] = tenant("one", SHARED)
    files["tenants/two/tenant.yaml"] = tenant("two", SHARED, environments="staging")
    assert "is that of the tenant one" in str(load(commit(files)).broken["two"])


def test_nobody_takes_a_shared_namespace_away_by_keeping_it_too(files: Files, commit: Commit) -> None:
    """What both would make is released for the one that has it: see tests/security."""
    lets_share(files, "apps")
    for name in ("one", "two"):
        files[f"tenants/{name}/tenant.yaml"] = tenant(
            name, "namespace: {name: apps, shared: true, keeper: true}\n"
        )
    fleet = load(commit(files))
    assert not fleet.broken
    assert fleet.deployment("production", "two").kept_by == "one"


def test_a_namespace_of_kubernetes_is_had_where_the_policy_names_it_and_that_of_argo_cd_never(
    files: Files, commit: Commit
) -> None:
    lets_share(files, "kube-system", "argocd")
    for name, namespace in (("scaler", "kube-system"), ("evil", "argocd")):
        files[f"tenants/{name}/tenant.yaml"] = tenant(
            name, f"namespace: {{name: {namespace}, shared: true, existing: true}}\n"
        )
    fleet = load(commit(files))
    assert fleet.deployment("production", "scaler").namespace == "kube-system"
    assert "belongs to the Argo CD" in str(fleet.broken["evil"])


@pytest.mark.parametrize(
    "lines",
    [
        "release: main\n",
        "namespace: {existing: true}\n",
        "values: [tenants/shop/values.yaml]\n",
        "values: [{inline: {dev: {replicas: 1}}}]\n",
    ],
)
def test_what_decides_what_is_made_is_among_the_inputs(files: Files, commit: Commit, lines: str) -> None:
    before, other = (load(commit(each)) for each in (files, files | {"README.md": "other\n"}))
    files["tenants/shop/tenant.yaml"] = TENANT + lines
    after = load(commit(files))
    was, same, now = (each.inputs(each.deployment("dev", "shop")) for each in (before, other, after))
    assert was == same
    if "tenants/shop/values.yaml" not in lines:
        assert was != now
    else:
        assert was == now, "the same layers in the same order give the same manifests"


def test_an_environment_without_the_platform_chart_has_none(files: Files, commit: Commit) -> None:
    files["fleet.yaml"] = str(files["fleet.yaml"]).replace('"1.33"\n', '"1.33"\n    platform: false\n')
    fleet = load(commit(files))
    assert not fleet.deployment("production", "shop").has_platform
    assert fleet.deployment("dev", "shop").has_platform
    assert "charts/tenant-platform" not in fleet.paths(fleet.deployment("production", "shop"))
