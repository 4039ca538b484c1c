"""Which values files a deployment gets, and in which order."""

from collections.abc import Callable, Mapping

import helm_python
import pytest

from deploy_orchestrator.fleet import FleetError, load
from deploy_orchestrator.git import Tree

Files = dict[str, str | bytes]
Commit = Callable[[Mapping[str, str | bytes]], Tree]

ORDER = [
    "charts/web/values-dev.yaml",
    "charts/web/values-tenant-shop.yaml",
    "charts/web/values-tenant-shop-dev.yaml",
    "tenants/shop/values.yaml",
    "tenants/shop/values-dev.yaml",
    "tenants/shop/values-tenant-shop.yaml",
    "tenants/shop/values-tenant-shop-dev.yaml",
]


def test_layers_come_from_the_chart_and_then_the_tenant_from_general_to_particular(
    files: Files, commit: Commit
) -> None:
    files |= {path: f"from: {path}\n" for path in ORDER}
    fleet = load(commit(files))
    layers = fleet.layers(fleet.deployment("dev", "shop"))
    assert [each.path for each in layers] == ORDER
    assert [each.data.decode() for each in layers] == [f"from: {path}\n" for path in ORDER]
    assert [each.path for each in fleet.layers(fleet.deployment("production", "shop"))] == [
        "charts/web/values-tenant-shop.yaml",
        "tenants/shop/values.yaml",
        "tenants/shop/values-production.yaml",
        "tenants/shop/values-tenant-shop.yaml",
    ]


def test_layers_that_are_not_there_are_left_out(files: Files, commit: Commit) -> None:
    fleet = load(commit(files))
    assert fleet.layers(fleet.deployment("dev", "blog")) == ()
    assert [each.path for each in fleet.layers(fleet.deployment("dev", "shop"))] == [
        "tenants/shop/values.yaml"
    ]


def test_a_chart_from_a_repository_has_no_layers_in_charts(files: Files, commit: Commit) -> None:
    files |= {path: f"from: {path}\n" for path in ORDER}
    files["tenants/shop/tenant.yaml"] = str(files["tenants/shop/tenant.yaml"]).replace(
        "~1.2.0", "17.0.0\n  repository: bitnami"
    )
    fleet = load(commit(files))
    assert [each.path for each in fleet.layers(fleet.deployment("dev", "shop"))] == ORDER[3:]


BROKEN = [
    ("a: [", "tenants/shop/values-production.yaml:2: not YAML"),
    ("[]", "tenants/shop/values-production.yaml:1: expected a mapping of values"),
    ("a: 1\nb: 2\na: 3\n", "tenants/shop/values-production.yaml:3: a: the key stands twice"),
    (b"\xff", "tenants/shop/values-production.yaml:1: not UTF-8"),
    ("a: 1\n---\nb: 2\n", "tenants/shop/values-production.yaml:3: expected one YAML document"),
]


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_a_broken_values_file_stops_the_deployments_that_read_it_and_no_other(
    files: Files, commit: Commit, text: str | bytes, said: str
) -> None:
    files["tenants/shop/values-production.yaml"] = text
    fleet = load(commit(files))
    with pytest.raises(FleetError) as error:
        fleet.layers(fleet.deployment("production", "shop"))
    assert said in str(error.value)
    assert fleet.layers(fleet.deployment("staging", "shop"))


def test_an_empty_values_file_is_a_layer_without_values(files: Files, commit: Commit) -> None:
    files["tenants/shop/values.yaml"] = "# nothing yet\n"
    fleet = load(commit(files))
    (layer,) = fleet.layers(fleet.deployment("dev", "shop"))
    assert helm_python.values_from_yaml(layer.data.decode()) == {}


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("values-prodution.yaml", "did you mean values-production.yaml?"),
        ("values.yml", "did you mean values.yaml?"),
        ("values-tenant-blog.yaml", "did you mean values-tenant-shop.yaml?"),
    ],
)
def test_a_values_file_that_no_environment_reads_is_refused(
    files: Files, commit: Commit, name: str, fix: str
) -> None:
    files[f"tenants/shop/{name}"] = "a: 1\n"
    error = load(commit(files)).broken["shop"]
    assert str(error) == f"tenants/shop/{name}: no environment reads these values\n  fix: {fix}"


def test_a_values_file_is_never_read_for_two_tenants(files: Files, commit: Commit) -> None:
    files["tenants/shop-dev/tenant.yaml"] = files["tenants/shop/tenant.yaml"]
    assert "shop-dev" in load(commit(files)).tenants
    files["charts/web/values-tenant-shop-dev.yaml"] = "a: 1\n"
    fleet = load(commit(files))
    assert "charts/web/values-tenant-shop-dev.yaml: these are also the values of shop in dev" in str(
        fleet.broken["shop-dev"]
    )
    assert "shop" in fleet.tenants


def test_the_platform_chart_gets_who_where_and_how_much(files: Files, commit: Commit) -> None:
    fleet = load(commit(files))
    assert fleet.platform_values(fleet.deployment("production", "shop")) == {
        "tenant": "shop",
        "environment": "production",
        "namespace": "shop-production",
        "quota": {"cpu": "4", "memory": "8Gi", "storage": "20Gi", "pods": 30},
        "owners": ["shop-team@example.com"],
    }


ORDERED = """\
values:
  - "{chart}/values.yaml"
  - shared/all.yaml
  - {file: "shared/{environment}-{cluster}.yaml", optional: true}
  - {inline: {dev: {replicas: 7}}}
  - "teams/{tenant}.yaml"
"""


def test_a_tenant_names_its_values_files_in_its_own_order(files: Files, commit: Commit) -> None:
    files["tenants/shop/tenant.yaml"] = str(files["tenants/shop/tenant.yaml"]) + ORDERED
    files |= {"shared/all.yaml": "a: 1\n", "shared/dev-workshop.yaml": "b: 1\n", "teams/shop.yaml": "c: 1\n"}
    fleet = load(commit(files))
    dev, production = (fleet.deployment(each, "shop") for each in ("dev", "production"))
    assert [each.path for each in fleet.layers(dev)] == [
        "charts/web/values.yaml",
        "shared/all.yaml",
        "shared/dev-workshop.yaml",
        "tenants/shop/tenant.yaml",
        "teams/shop.yaml",
    ]
    assert helm_python.values_from_yaml(fleet.layers(dev)[3].data.decode()) == {"replicas": 7}
    assert [each.path for each in fleet.layers(production)] == [
        "charts/web/values.yaml",
        "shared/all.yaml",
        "teams/shop.yaml",
    ]
    assert {"shared/all.yaml", "teams/shop.yaml"} <= set(fleet.paths(dev))


def test_a_fleet_names_the_values_of_every_tenant_that_names_none(files: Files, commit: Commit) -> None:
    files["fleet.yaml"] = (
        f"values: [shared/all.yaml, 'tenants/{{tenant}}/values.yaml']\n{files['fleet.yaml']}"
    )
    files["shared/all.yaml"] = "a: 1\n"
    files["tenants/blog/tenant.yaml"] = str(files["tenants/blog/tenant.yaml"]) + "values: []\n"
    fleet = load(commit(files))
    found = [each.path for each in fleet.layers(fleet.deployment("dev", "shop"))]
    assert found == ["shared/all.yaml", "tenants/shop/values.yaml"]
    assert fleet.layers(fleet.deployment("dev", "blog")) == ()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("shared/none.yaml", "its values for dev are missing: shared/none.yaml"),
        ("../secrets.yaml", "expected the path of a YAML file from the root of the fleet"),
        ("/etc/passwd.yaml", "expected the path of a YAML file from the root of the fleet"),
        ("a/../../b.yaml", "expected the path of a YAML file from the root of the fleet"),
        ("values.txt", "expected the path of a YAML file from the root of the fleet"),
        (
            "'{env}/values.yaml'",
            "expected {chart}, {cluster}, {environment}, {release}, {tenant} in braces only",
        ),
        ("'x/{chart}/values.yaml'", "{chart}/ at the beginning only"),
        ("{file: a.yaml, inline: {dev: {}}}", "expected either a file or inline values"),
        ("{inline: {devv: {}}}", "there is no environment 'devv'"),
    ],
)
def test_values_that_cannot_be_read_stop_that_tenant_alone(
    files: Files, commit: Commit, entry: str, said: str
) -> None:
    files["tenants/shop/tenant.yaml"] = f"{files['tenants/shop/tenant.yaml']}values: [{entry}]\n"
    fleet = load(commit(files))
    assert said in str(fleet.broken["shop"])
    assert "blog" in fleet.tenants


def test_values_inside_a_package_stand_where_they_are_named(files: Files, commit: Commit) -> None:
    files["shared/all.yaml"] = "a: 1\n"
    files["tenants/shop/tenant.yaml"] = (
        str(files["tenants/shop/tenant.yaml"]).replace("~1.2.0", "17.0.0\n  repository: bitnami")
        + "values: [shared/all.yaml, '{chart}/values-dev.yaml']\n"
    )
    fleet = load(commit(files))
    dev = fleet.deployment("dev", "shop")
    assert [each.path for each in fleet.layers(dev, {"values-dev.yaml": b"b: 1\n"})] == [
        "shared/all.yaml",
        "https://charts.example.com/bitnami/web/values-dev.yaml",
    ]
    with pytest.raises(FleetError, match=r"the package of web 17.0.0 has no values-dev.yaml"):
        fleet.layers(dev, {})
