"""What `load` makes of a fleet repository, and what it says when somebody made a mistake."""

import pickle
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy_orchestrator.documents import parse
from deploy_orchestrator.fleet import (
    ApprovalRule,
    ChartReference,
    Cluster,
    Fleet,
    FleetError,
    Freeze,
    Quota,
    RuleOverride,
    load,
)
from deploy_orchestrator.git import Tree
from deploy_orchestrator.terms import Verdict

Files = dict[str, str | bytes]
Commit = Callable[[Mapping[str, str | bytes]], Tree]


def test_a_fleet_is_loaded_with_its_environments_in_promotion_order(files: Files, commit: Commit) -> None:
    tree = commit(files)
    fleet = load(tree)
    assert fleet.revision == tree.commit
    assert [each.name for each in fleet.environments] == ["dev", "staging", "production"]
    assert fleet.clusters == (Cluster(name="workshop", server="https://kubernetes.default.svc"),)
    assert fleet.platform == ChartReference(name="tenant-platform", version="0.1.0")
    assert fleet.mirrors == {"https://charts.example.com/bitnami": "https://mirror.example.com/bitnami"}
    assert fleet.allowed_signers.startswith(b"# who may approve\n")
    assert list(fleet.tenants) == ["blog", "shop"]
    assert not fleet.broken
    assert load(commit(files)) is load(commit(files))


def test_the_servers_to_read_from_are_any_public_ones_or_those_of_a_list(
    files: Files, commit: Commit
) -> None:
    assert load(commit(files)).egress.refusal("elsewhere.example", 443) is None
    listed = f"{files['fleet.yaml']!s}egress: [ghcr.io, '*.pkg.example', 'localhost:5000']\n"
    egress = load(commit({**files, "fleet.yaml": listed})).egress
    for host, port in (("ghcr.io", 443), ("a.pkg.example", 443), ("localhost", 5000)):
        assert egress.refusal(host, port) is None
    for host in ("charts.example.com", "mirror.example.com"):
        assert egress.refusal(host, 443) is None
    for host, port in (("elsewhere.example", 443), ("localhost", 5001), ("pkg.example", 443)):
        assert egress.refusal(host, port) is not None


def test_a_tenant_is_named_after_its_folder(files: Files, commit: Commit) -> None:
    shop = load(commit(files)).tenants["shop"]
    assert shop.name == "shop"
    assert shop.chart == ChartReference(name="web", version="~1.2.0")
    assert shop.environments == ("dev", "staging", "production")
    assert shop.quota == Quota(cpu="4", memory="8Gi", storage="20Gi", pods=30)
    assert shop.owners == ("shop-team@example.com",)


def test_a_policy_is_read_in_full_and_has_defaults(files: Files, commit: Commit) -> None:
    fleet = load(commit(files))
    dev, production = fleet.environment("dev").policy, fleet.environment("production").policy
    assert (dev.approval, dev.soak, dev.deadline, dev.rollback_after) == (
        None,
        timedelta(0),
        timedelta(minutes=10),
        timedelta(minutes=5),
    )
    assert fleet.environment("staging").policy.soak == timedelta(minutes=10)
    assert production.approval == ApprovalRule(
        approvers=("alice@example.com", "bob@example.com"),
        required=2,
        self_approval=False,
        expires=timedelta(days=7),
    )
    assert production.freezes == (
        Freeze(
            start=datetime(2026, 12, 19, 23, tzinfo=UTC),
            end=datetime(2027, 1, 1, 23, tzinfo=UTC),
            reason="Christmas",
        ),
    )
    assert production.freezes[0].start.tzinfo is UTC
    assert production.rules == {
        "image-major": RuleOverride(severity=Verdict.BLOCKED, reason="by the platform team only")
    }


def test_deployments_come_in_promotion_order_each_after_the_nearest_before_it(
    files: Files, commit: Commit
) -> None:
    fleet = load(commit(files))
    assert [each.key for each in fleet.deployments()] == [
        "dev/blog",
        "dev/shop",
        "staging/shop",
        "production/blog",
        "production/shop",
    ]
    assert [each.namespace for each in fleet.deployments()][:2] == ["blog-dev", "shop-dev"]
    assert before(fleet) == {
        "dev/blog": [],
        "dev/shop": [],
        "staging/shop": ["dev/shop"],
        "production/blog": ["dev/blog"],
        "production/shop": ["staging/shop"],
    }


def before(fleet: Fleet) -> dict[str, list[str]]:
    return {each.key: [one.key for one in fleet.before(each)] for each in fleet.deployments()}


PARALLEL = """\
clusters: [{name: workshop, server: "https://kubernetes.default.svc"}]
environments:
  - {name: production, cluster: workshop, kubernetes: "1.34", after: [europe, asia], healthyIn: any}
  - {name: europe, cluster: workshop, kubernetes: "1.34", after: [dev]}
  - {name: asia, cluster: workshop, kubernetes: "1.34", after: [dev]}
  - {name: dev, cluster: workshop, kubernetes: "1.34", after: []}
  - {name: staging, cluster: workshop, kubernetes: "1.34"}
repositories: [{name: bitnami, url: "https://charts.example.com/bitnami"}]
platform: {name: tenant-platform, version: 0.1.0}
"""


def test_environments_side_by_side_come_in_promotion_order_each_after_all_that_it_names(
    files: Files, commit: Commit
) -> None:
    files["fleet.yaml"] = PARALLEL
    everywhere = "production, europe, asia, dev, staging"
    for tenant, environments in (("shop", everywhere), ("blog", "dev, asia, production")):
        text = str(files[f"tenants/{tenant}/tenant.yaml"])
        files[f"tenants/{tenant}/tenant.yaml"] = re.sub(
            r"environments: .*", f"environments: [{environments}]", text
        )
    del files["tenants/shop/values-production.yaml"]
    fleet = load(commit(files))
    assert [each.name for each in fleet.environments] == ["dev", "europe", "asia", "production", "staging"]
    assert fleet.environment("production").healthy_in == "any"
    assert before(fleet) == {
        "dev/blog": [],
        "dev/shop": [],
        "europe/shop": ["dev/shop"],
        "asia/blog": ["dev/blog"],
        "asia/shop": ["dev/shop"],
        "production/blog": ["asia/blog"],
        "production/shop": ["europe/shop", "asia/shop"],
        "staging/shop": ["dev/shop"],
    }


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("[prod]", "environments[3].after[0]: there is no environment 'prod'"),
        ("[dev]", "environments come after each other in a circle: dev → dev"),
        ("[production]", "environments come after each other in a circle: "),
        ("[europe, europe]", "'europe' stands on line 6 already"),
    ],
)
def test_an_order_of_environments_that_leads_nowhere_is_named(
    files: Files, commit: Commit, after: str, said: str
) -> None:
    files["fleet.yaml"] = PARALLEL.replace("after: []", f"after: {after}")
    with pytest.raises(FleetError) as error:
        load(commit(files))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("environment", "tenant", "said", "fix"),
    [
        ("prod", "shop", "fleet.yaml: there is no environment 'prod'", "did you mean production?"),
        ("dev", "shopp", "tenants: there is no tenant 'shopp'", "did you mean shop?"),
        ("staging", "blog", "tenants/blog/tenant.yaml: environments: blog is not in staging", "add staging"),
    ],
)
def test_asking_for_what_is_not_there_names_what_is(
    files: Files, commit: Commit, environment: str, tenant: str, said: str, fix: str
) -> None:
    with pytest.raises(FleetError) as error:
        load(commit(files)).deployment(environment, tenant)
    assert said in str(error.value)
    assert fix in str(error.value)


def test_a_deployment_of_a_broken_tenant_is_refused_with_what_is_wrong(files: Files, commit: Commit) -> None:
    files["tenants/shop/tenant.yaml"] = "chart: {}\n"
    with pytest.raises(FleetError, match=r"tenants/shop/tenant.yaml:1: chart.name: the field is missing"):
        load(commit(files)).deployment("dev", "shop")


def make(mistake: dict[str, str], files: Files, file: str) -> None:
    text = str(files[file])
    assert text.count(mistake["right"]) == 1
    files[file] = text.replace(mistake["right"], mistake["wrong"])


MISTAKES = parse((Path(__file__).parent / "mistakes.yaml").read_bytes(), "mistakes.yaml").value


@pytest.mark.parametrize("mistake", MISTAKES["fleet.yaml"], ids=lambda mistake: mistake["wrong"])
def test_a_mistake_in_fleet_yaml_is_named_with_its_place_and_a_fix(
    files: Files, commit: Commit, mistake: dict[str, str]
) -> None:
    make(mistake, files, "fleet.yaml")
    with pytest.raises(FleetError) as error:
        load(commit(files))
    assert mistake["said"] in str(error.value)
    assert mistake.get("fix", "") in (error.value.fix or "")


@pytest.mark.parametrize("mistake", MISTAKES["tenant.yaml"], ids=lambda mistake: mistake["wrong"])
def test_a_mistake_in_a_tenant_is_named_with_its_place_and_a_fix_and_breaks_that_tenant_alone(
    files: Files, commit: Commit, mistake: dict[str, str]
) -> None:
    whole = load(commit(files))
    make(mistake, files, "tenants/shop/tenant.yaml")
    fleet = load(commit(files))
    assert mistake["said"] in str(fleet.broken["shop"])
    assert mistake.get("fix", "") in (fleet.broken["shop"].fix or "")
    assert fleet.tenants == {"blog": whole.tenants["blog"]}


def test_credentials_in_a_url_are_not_repeated_in_the_message(files: Files, commit: Commit) -> None:
    files["fleet.yaml"] = str(files["fleet.yaml"]).replace("https://charts", "https://me:hunter2@charts")
    with pytest.raises(FleetError) as error:
        load(commit(files))
    assert "hunter2" not in str(error.value)


def test_a_fleet_with_its_errors_goes_to_another_process(files: Files, commit: Commit) -> None:
    files["tenants/shop/tenant.yaml"] = "{}"
    fleet = load(commit(files))
    there = pickle.loads(pickle.dumps(fleet))
    assert there.deployments() == fleet.deployments()
    assert str(there.broken["shop"]) == str(fleet.broken["shop"])


def test_a_missing_file_is_named_with_what_it_is_for(files: Files, commit: Commit) -> None:
    del files["tenants/shop/tenant.yaml"]
    assert str(load(commit(files)).broken["shop"]).startswith("tenants/shop/tenant.yaml: the file is missing")
    del files["fleet.yaml"]
    with pytest.raises(FleetError, match=r"fleet.yaml: the file is missing"):
        load(commit(files))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "alice@example.com has no key in allowed_signers"),
        (b"*@example.com {key}", "alice@example.com has no key in allowed_signers"),
        (
            b"alice@example.com,bob@example.com {key}\nbob ssh-rsa AAAA",
            "allowed_signers:2: expected who signs",
        ),
        (b'"', "allowed_signers:1: expected who signs"),
        (b"alice@example.com\n", "allowed_signers:1: expected who signs"),
        (b"{key}", "allowed_signers:1: expected who signs"),
    ],
)
def test_approvers_have_a_key_of_their_own(files: Files, commit: Commit, text: bytes, said: str) -> None:
    key = str(files["allowed_signers"]).splitlines()[1].partition(" ")[2].encode()
    files["allowed_signers"] = text.replace(b"{key}", key)
    with pytest.raises(FleetError) as error:
        load(commit(files))
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["ops&infra@example.com", "Ann.Bell@Example.com"])
def test_an_approver_is_the_same_whatever_the_case_and_the_signs_in_the_address(
    files: Files, commit: Commit, name: str
) -> None:
    for file in ("fleet.yaml", "allowed_signers"):
        files[file] = str(files[file]).replace("alice@example.com", name)
    files["allowed_signers"] = str(files["allowed_signers"]).replace("ops&", "OPS&")
    approval = load(commit(files)).environment("production").policy.approval
    assert approval is not None
    assert name.lower() in approval.approvers


@pytest.mark.parametrize("name", ["a/b@example.com", "ops*@example.com", "<ops>@a.example", "öps@a.example"])
def test_an_approver_who_could_not_sign_is_refused_where_they_are_named(
    files: Files, commit: Commit, name: str
) -> None:
    for file in ("fleet.yaml", "allowed_signers"):
        files[file] = str(files[file]).replace("alice@example.com", name)
    with pytest.raises(FleetError, match=r"approvers\[0\]: expected an e-mail address such as"):
        load(commit(files))


@pytest.mark.parametrize(
    ("approval", "told"),
    [
        ("required: 1", False),
        ("required: 2", True),
        ("required: 2\n        selfApproval: true", False),
    ],
)
def test_a_policy_by_which_nobody_can_approve_what_an_approver_writes_is_told(
    files: Files, commit: Commit, approval: str, told: bool
) -> None:
    text = str(files["fleet.yaml"])
    assert text.count("required: 2") == 1
    files["fleet.yaml"] = text.replace("required: 2", approval)
    stalemates = load(commit(files)).stalemates
    assert [each.place.field for each in stalemates if each.place] == (
        ["environments.production.policy.approval"] if told else []
    )
    assert all("name one approver more" in str(each.fix) for each in stalemates)


def test_one_line_may_name_several_signers_and_restrict_their_key(files: Files, commit: Commit) -> None:
    key = str(files["allowed_signers"]).splitlines()[1].partition(" ")[2]
    files["allowed_signers"] = (
        f'"alice@example.com,bob@example.com" namespaces="git,file",valid-after="20240101" {key} two people\n'
    )
    assert load(commit(files)).allowed_signers


def test_a_chart_from_a_repository_goes_by_the_name_or_the_url_that_the_fleet_gives(
    files: Files, commit: Commit
) -> None:
    text = str(files["tenants/shop/tenant.yaml"])
    for repository in ("bitnami", "https://charts.example.com/bitnami"):
        files["tenants/shop/tenant.yaml"] = text.replace("~1.2.0", f"17.0.0\n  repository: {repository}")
        assert load(commit(files)).tenants["shop"].chart == ChartReference(
            name="web", version="17.0.0", repository="https://charts.example.com/bitnami"
        )


BROKEN_CHARTS = [
    (
        "charts/web/requirements.yaml",
        "dependencies: [{name: x, repository: file://../.git}]",
        "charts/web/requirements.yaml:1: dependencies[0].repository: not a path inside",
    ),
    ("charts/web/Chart.yaml", "name: web\n", "charts/web/Chart.yaml:1: version: the field is missing"),
    ("charts/web/Chart.yaml", "name: [", "charts/web/Chart.yaml:2: not YAML"),
    ("charts/common/Chart.yaml", "dependencies: 3\n", "charts/common/Chart.yaml:1: dependencies: "),
    (
        "charts/web/requirements.yaml",
        "dependencies: [{}]",
        "charts/web/requirements.yaml:1: dependencies[0].name: ",
    ),
    (
        "charts/common/requirements.yaml",
        "dependencies: [{name: x, repository: file://../../tenants}]",
        "charts/common/requirements.yaml:1: dependencies[0].repository: file://../../tenants leads out of",
    ),
    (
        "charts/common/requirements.yaml",
        "dependencies: [{name: x, repository: 'file:///etc'}]",
        "leads out of charts/",
    ),
]


@pytest.mark.parametrize(("path", "text", "said"), BROKEN_CHARTS)
def test_a_broken_chart_breaks_the_tenants_that_run_it_and_no_other(
    files: Files, commit: Commit, path: str, text: str, said: str
) -> None:
    files["charts/job/Chart.yaml"] = "name: job\nversion: 1.2.0\n"
    files["tenants/blog/tenant.yaml"] = str(files["tenants/blog/tenant.yaml"]).replace("web", "job")
    files[path] = text
    fleet = load(commit(files))
    assert list(fleet.tenants) == ["blog"]
    assert said in str(fleet.broken["shop"])


def test_charts_may_depend_on_each_other_in_a_circle_without_harm_to_the_load(
    files: Files, commit: Commit
) -> None:
    files["charts/common/Chart.yaml"] = (
        "name: common\nversion: 3.0.0\ndependencies: [{name: web, version: '*', repository: file://../web}]\n"
    )
    assert set(load(commit(files)).charts["web"].trees) == {"charts/web", "charts/common"}


NAMES = [
    ("Shop", "a tenant cannot be called 'Shop'"),
    ("s" * 54, "a tenant cannot be called"),
    ("platform", "the platform chart's own release is called so"),
    ("1shop", "begin with a letter"),
    ("-", "a tenant cannot be called '-'"),
    ("shop.old", "a tenant cannot be called 'shop.old'"),
    ("s" * 53, "has 64 characters, of 63 at most"),
]


@pytest.mark.parametrize(("name", "said"), NAMES)
def test_a_tenant_whose_name_will_not_do_is_refused(
    files: Files, commit: Commit, name: str, said: str
) -> None:
    files[f"tenants/{name}/tenant.yaml"] = files["tenants/shop/tenant.yaml"]
    fleet = load(commit(files))
    assert said in str(fleet.broken[name])
    assert list(fleet.tenants) == ["blog", "shop"]


def test_two_tenants_never_share_a_namespace(files: Files, commit: Commit) -> None:
    files["fleet.yaml"] = str(files["fleet.yaml"]).replace("- name: staging", "- name: eu-dev")
    tenant = str(files["tenants/shop/tenant.yaml"]).replace("[dev, staging, production]", "[dev, production]")
    files["tenants/shop/tenant.yaml"] = files["tenants/shop-eu/tenant.yaml"] = tenant
    fleet = load(commit(files))
    error = str(fleet.broken["shop-eu"])
    assert error.startswith("tenants/shop-eu/tenant.yaml:4: environments[0]: its namespace 'shop-eu-dev'")
    assert "is that of the tenant shop" in error
    assert "shop" in fleet.tenants


def test_no_tenant_gets_a_namespace_of_kubernetes_itself(files: Files, commit: Commit) -> None:
    files["fleet.yaml"] = str(files["fleet.yaml"]).replace(
        'kubernetes: "1.33"', 'kubernetes: "1.33"\n    namespace: "{tenant}"'
    )
    tenant = str(files["tenants/shop/tenant.yaml"])
    for name in ("kube-system", "kube-x"):
        files[f"tenants/{name}/tenant.yaml"] = tenant.replace("[dev, staging, production]", "[production]")
    fleet = load(commit(files))
    assert {name: str(error).splitlines()[0] for name, error in fleet.broken.items()} == {
        name: f"tenants/{name}/tenant.yaml:4: environments[0]: its namespace {name!r} belongs to Kubernetes"
        for name in ("kube-system", "kube-x")
    }


def test_the_example_fleet_loads_whole(examples: Files, commit: Commit) -> None:
    fleet = load(commit(examples))
    assert not fleet.broken
    assert len(fleet.deployments()) == 12
    assert all(fleet.layers(each) for each in fleet.deployments() if not each.placing.shared)
    catalog, scoring = (fleet.deployment("dev", name) for name in ("catalog", "scoring"))
    assert [each.name for each in catalog.releases] == ["catalog-database", "catalog"]
    assert catalog.namespace == scoring.namespace == "models"
    assert scoring.kept_by == "catalog"


def test_the_reference_in_the_documentation_loads(examples: Files, commit: Commit) -> None:
    page = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text()
    fleet_yaml, tenant_yaml = (block.partition("```")[0] for block in page.split("```yaml\n")[1:3])
    files = examples | {"fleet.yaml": fleet_yaml, "tenants/docs/tenant.yaml": tenant_yaml}
    elsewhere = ("tenants/catalog/", "tenants/scoring/", "tenants/vision/")
    fleet = load(commit({path: text for path, text in files.items() if not path.startswith(elsewhere)}))
    assert not fleet.broken
    assert "docs" in fleet.tenants
