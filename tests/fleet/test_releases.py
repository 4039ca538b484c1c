"""A tenant of several Helm releases: what moves together stands together, in an order."""

from collections.abc import Callable, Mapping

import pytest

from deploy_orchestrator.fleet import ChartReference, Fleet, basis, changed, load
from deploy_orchestrator.git import Tree
from tests.fleet.conftest import TENANT

Files = dict[str, str | bytes]
Commit = Callable[[Mapping[str, str | bytes]], Tree]

CHART = "chart:\n  name: web\n  version: ~1.2.0\n"
DIGESTS = {
    "dev/blog": ("173c3f92cec0", "474fed2523de"),
    "dev/shop": ("1097425b649b", "833815999dfc"),
    "staging/shop": ("74ae36c0b25f", "c9cfb6c65d36"),
    "production/blog": ("7901361c40d4", "16d65000b88e"),
    "production/shop": ("755b0b134aec", "c7a87a27dae6"),
}
RELEASES = """\
releases:
  - name: front
    chart: {name: web, version: ~1.2.0}
    after: [store]
  - name: store
    chart: {name: redis, version: 17.0.0, repository: bitnami}
"""


def several(text: str = RELEASES) -> str:
    assert CHART in TENANT
    return TENANT.replace(CHART, text)


def with_releases(files: Files, text: str = RELEASES) -> Files:
    own = {name: content for name, content in files.items() if not name.startswith("tenants/shop/values")}
    return {**own, "tenants/shop/tenant.yaml": several(text)}


def names(fleet: Fleet, environment: str = "dev") -> list[str]:
    return [each.name for each in fleet.deployment(environment, "shop").releases]


def test_each_release_stands_behind_those_that_it_comes_after(files: Files, commit: Commit) -> None:
    fleet = load(commit(with_releases(files)))
    deployment = fleet.deployment("dev", "shop")
    assert names(fleet) == ["store", "front"]
    assert [each.chart for each in deployment.releases] == [
        ChartReference(name="redis", version="17.0.0", repository="https://charts.example.com/bitnami"),
        ChartReference(name="web", version="~1.2.0"),
    ]
    assert deployment.namespaces == ("shop-dev",)


def test_one_chart_is_a_list_of_one_release(files: Files, commit: Commit) -> None:
    fleet = load(commit(files))
    assert names(fleet) == ["shop"]
    (only,) = fleet.deployment("dev", "shop").releases
    assert (only.chart, only.after, only.namespace) == (
        ChartReference(name="web", version="~1.2.0"),
        (),
        None,
    )


def test_a_fleet_of_one_chart_each_has_the_digests_that_it_had(files: Files, commit: Commit) -> None:
    """As they were written down before a tenant could have several releases."""
    fleet = load(commit(files))
    assert {
        each.key: (fleet.inputs(each)[7:19], basis(fleet, each)[7:19]) for each in fleet.deployments()
    } == (DIGESTS)


@pytest.mark.parametrize(
    ("wrong", "said", "fix"),
    [
        (
            RELEASES.replace("[store]", "[stor]"),
            "tenants/shop/tenant.yaml:4: releases[0].after[0]: there is no release here 'stor'",
            "did you mean store?",
        ),
        (
            RELEASES + "    after: [front]\n",
            "tenants/shop/tenant.yaml:4: releases[0].after: they come after each other: front after store"
            " after front",
            "take one of them out of `after`",
        ),
        (
            RELEASES.replace("[store]", "[front]"),
            "releases[0].after: they come after each other: front after front",
            "take one of them out of `after`",
        ),
        (
            RELEASES.replace("name: store", "name: front"),
            "tenants/shop/tenant.yaml:5: releases[1].name: 'front' stands on line 2 already",
            "keep one",
        ),
        (CHART + RELEASES, "releases: it names one chart and several releases", "keep `chart`"),
        ("", "tenants/shop/tenant.yaml:1: chart: the field is missing", "or `releases`"),
        ("releases: []\n", "releases: expected at least 1", None),
        (RELEASES + "release: main\n", "release: several releases have a name each", "name each"),
        (
            RELEASES + "perEnvironment: {dev: {release: main}}\n",
            "perEnvironment.dev.release: several releases are called the same in every environment",
            "name each",
        ),
        (
            RELEASES.replace("name: store", "name: platform").replace("[store]", "[platform]"),
            "releases: its release cannot be called platform",
            "another name",
        ),
        (
            RELEASES.replace("repository: bitnami", "repository: bitnam"),
            "releases[1].chart.repository",
            "bitnami",
        ),
        (
            RELEASES.replace("17.0.0", "~17"),
            "releases[1].chart.version: expected the exact version of a chart from a repository",
            "MAJOR.MINOR.PATCH",
        ),
        (
            RELEASES + "    values: [{inline: {devv: {}}}]\n",
            "releases[1].values[0].inline.devv: there is no environment 'devv'",
            "did you mean dev?",
        ),
        (
            RELEASES + "    values: [none.yaml]\n",
            "releases: its values for dev are missing: none.yaml",
            "optional: true",
        ),
        (
            RELEASES + "    namespace: argocd\n",
            "tenants/shop/tenant.yaml:7: releases[1].namespace: the namespace 'argocd' of its release store"
            " belongs to the Argo CD argocd",
            "name one that nobody else asks for",
        ),
        (
            RELEASES + "    namespace: blog-dev\n",
            "the namespace 'blog-dev' of its release store is that of the tenant blog",
            "name one that nobody else asks for",
        ),
        (
            RELEASES + "    namespace: caches\n",
            "the namespace 'caches' of its release store is its own in dev already",
            "name one that nobody else asks for",
        ),
    ],
)
def test_a_mistake_stops_that_tenant_alone_with_its_line_and_field(
    files: Files, commit: Commit, wrong: str, said: str, fix: str | None
) -> None:
    fleet = load(commit(with_releases(files, wrong)))
    error = fleet.broken["shop"]
    assert said in str(error)
    assert fix is None or fix in str(error.fix)
    assert [*fleet.tenants] == ["blog"]


def test_each_release_has_values_of_its_own(files: Files, commit: Commit) -> None:
    own = with_releases(files, RELEASES + "    values: ['shared/{release}.yaml']\n")
    own["tenants/shop/front/values.yaml"] = "replicas: 2\n"
    own["tenants/shop/front/values-production.yaml"] = "replicas: 3\n"
    own["charts/web/values-production.yaml"] = "replicas: 4\n"
    own["shared/store.yaml"] = "size: 1\n"
    fleet = load(commit(own))

    def layers(environment: str) -> dict[str, list[str]]:
        deployment = fleet.deployment(environment, "shop")
        return {
            each.name: [layer.path for layer in fleet.layers(deployment, of=each)]
            for each in deployment.releases
        }

    assert layers("dev") == {"store": ["shared/store.yaml"], "front": ["tenants/shop/front/values.yaml"]}
    assert layers("production") == {
        "store": ["shared/store.yaml"],
        "front": [
            "charts/web/values-production.yaml",
            "tenants/shop/front/values.yaml",
            "tenants/shop/front/values-production.yaml",
        ],
    }


@pytest.mark.parametrize("file", ["tenants/shop/values.yaml", "tenants/shop/front/values-prodution.yaml"])
def test_a_values_file_that_no_release_reads_is_told(files: Files, commit: Commit, file: str) -> None:
    own = with_releases(files)
    own[file] = "replicas: 2\n"
    fleet = load(commit(own))
    assert f"{file}: no environment reads these values" in str(fleet.broken["shop"])


@pytest.mark.parametrize(
    "edit",
    [
        {"tenants/shop/front/values.yaml": "replicas: 9\n"},
        {"charts/web/values.yaml": "replicas: 9\n"},
        {"tenants/shop/tenant.yaml": several(RELEASES.replace("17.0.0", "17.0.1"))},
        {"tenants/shop/tenant.yaml": several(RELEASES.replace("    after: [store]\n", ""))},
        {"tenants/shop/tenant.yaml": several(RELEASES.replace("store", "cache"))},
        {"tenants/shop/tenant.yaml": several(RELEASES + "    namespace: 'caches-{environment}'\n")},
    ],
)
def test_what_a_release_is_made_from_is_what_is_rendered_and_planned_again(
    files: Files, commit: Commit, edit: Mapping[str, str]
) -> None:
    before = load(commit(with_releases(files)))
    after = load(commit({**with_releases(files), **edit}))
    assert "dev/shop" in [each.key for each in changed(before, after)]


def test_a_release_may_go_to_a_namespace_of_its_own_which_nobody_else_gets(
    files: Files, commit: Commit
) -> None:
    own = with_releases(files, RELEASES + "    namespace: 'caches-{environment}'\n")
    own["tenants/blog/tenant.yaml"] = (
        str(files["tenants/blog/tenant.yaml"]) + "namespace: caches-production\n"
    )
    fleet = load(commit(own))
    assert "is that of the tenant blog" in str(fleet.broken["shop"])
    fleet = load(commit(with_releases(files, RELEASES + "    namespace: 'caches-{environment}'\n")))
    deployment = fleet.deployment("production", "shop")
    assert deployment.namespaces == ("shop-production", "caches-production")
    assert deployment.destination.others == ("caches-production",)


def test_two_tenants_of_one_namespace_have_no_release_of_one_name(files: Files, commit: Commit) -> None:
    text = str(files["fleet.yaml"]).replace(
        "      soak: 10m\n", "      soak: 10m\n      sharedNamespaces: [apps]\n"
    )
    shared = "namespace: {name: apps, shared: true}\nrelease: main\n"
    own: Files = {**files, "fleet.yaml": text}
    for name in ("blog", "shop"):
        own[f"tenants/{name}/tenant.yaml"] = (
            TENANT.replace("shop", name).replace("dev, staging, production", "staging") + shared
        )
    del own["tenants/shop/values-production.yaml"]
    fleet = load(commit(own))
    assert "its namespace 'apps' has a release 'main' of the tenant blog already" in str(fleet.broken["shop"])
    own["tenants/shop/tenant.yaml"] = str(own["tenants/shop/tenant.yaml"]).replace("main", "other")
    assert not load(commit(own)).broken
