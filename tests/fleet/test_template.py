"""A new tenant from the template."""

from collections.abc import Callable, Mapping

import pytest

from deploy_orchestrator.fleet import FleetError, load, new_tenant
from deploy_orchestrator.git import Tree

Files = dict[str, str | bytes]
Commit = Callable[[Mapping[str, str | bytes]], Tree]


def test_a_new_tenant_is_the_template_with_its_name(files: Files, commit: Commit) -> None:
    made = new_tenant("wiki", commit(files))
    assert set(made) == {"tenants/wiki/tenant.yaml", "tenants/wiki/values-tenant-wiki.yaml"}
    assert made["tenants/wiki/values-tenant-wiki.yaml"] == b"name: wiki\n"
    fleet = load(commit(files | made))
    assert not fleet.broken
    assert fleet.tenants["wiki"].owners == ("wiki-team@example.com",)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shop", "tenants/shop: there is a tenant 'shop' already"),
        ("Wiki", "a tenant cannot be called 'Wiki'"),
        ("../wiki", "a tenant cannot be called '../wiki'"),
        ("w" * 54, "a tenant cannot be called"),
        ("platform", "a tenant cannot be called 'platform'"),
        ("7wiki", "a tenant cannot be called '7wiki'"),
        ("", "a tenant cannot be called ''"),
    ],
)
def test_a_name_that_will_not_do_is_refused(files: Files, commit: Commit, name: str, said: str) -> None:
    with pytest.raises(FleetError) as error:
        new_tenant(name, commit(files))
    assert said in str(error.value)


def test_a_fleet_without_a_template_says_so(files: Files, commit: Commit) -> None:
    without = {path: text for path, text in files.items() if "_template" not in path}
    with pytest.raises(FleetError, match="tenants/_template: there is no template"):
        new_tenant("wiki", commit(without))


def test_the_example_fleet_makes_a_tenant_that_loads(examples: Files, commit: Commit) -> None:
    fleet = load(commit(examples | new_tenant("wiki", commit(examples))))
    assert "wiki" in fleet.tenants
