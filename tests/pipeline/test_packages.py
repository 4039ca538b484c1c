"""A version of a chart is the package that was released first: another one never goes out alone."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy_orchestrator.releases import Plan
from deploy_orchestrator.risk import Verdict
from tests.cli.conftest import publish_packages  # noqa: F401
from tests.desk import FILES, TENANT, Desk
from tests.steps import previewed

URL = "https://charts.example.com"
DB = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: db}\ndata: {greeting: %s}\n"
NEEDED = "dependencies:\n  - {name: db, version: 1.0.0, repository: 'https://charts.example.com'}\n"
RULE = "chart-republished"


@pytest.fixture
def publish(publish_packages: Callable[..., list[str]]) -> Callable[[str], Path]:  # noqa: F811
    """Publishes db 1.0.0 with what it says, in a folder of its own."""

    def publish(says: str) -> Path:
        _, option = publish_packages(URL, {"db@1.0.0": ([], {"templates/db.yaml": DB % says})})
        return Path(option.partition("=")[2]).parent

    return publish


def follow(desk: Desk, folder: Path, *, forget: bool = True) -> None:
    """Read the repository there from now on; to `forget` is to do so where nothing was fetched."""
    repository = f"repositories:\n  - {{name: hub, url: '{URL}', mirror: 'file://{folder}/index.json'}}\n"
    desk.commit("fleet.yaml", FILES["fleet.yaml"] + repository)
    if forget:
        shutil.rmtree(desk.folder / ".local/state/cache", ignore_errors=True)


def planned(desk: Desk, environment: str, tenant: str) -> Plan:
    with desk.orchestrator() as orchestrator:
        return previewed(orchestrator, environment, tenant).plan


def told(plan: Plan) -> list[str]:
    found = [each for each in plan.reasons if each.rule == RULE]
    assert all(each.severity is Verdict.NEEDS_APPROVAL for each in found)
    return [each.saw for each in found]


@pytest.mark.parametrize("how", ["by a tenant", "by a chart of the fleet"])
def test_another_package_in_place_of_a_version_that_was_released_takes_an_approval(
    desk: Desk, publish: Callable[[str], Path], how: str
) -> None:
    tenant = TENANT.format(environments="dev")
    if how == "by a tenant":
        tenant = tenant.replace("name: app\n  version: 0.1.0", "{name: db, version: 1.0.0, repository: hub}")
    else:
        desk.commit("charts/app/Chart.yaml", FILES["charts/app/Chart.yaml"] + NEEDED)
    follow(desk, publish("hello"))
    desk.commit("tenants/first/tenant.yaml", tenant)
    desk.ship()
    assert told(planned(desk, "dev", "first")) == []

    follow(desk, publish("hello from somebody else"))
    desk.commit("tenants/second/tenant.yaml", tenant)

    for each in ("first", "second"):
        (saw,) = told(planned(desk, "dev", each))
        assert saw.startswith(f"{URL}/db@1.0.0 is ")
        assert " now, and was released as " in saw
    with desk.orchestrator() as orchestrator:
        release = orchestrator.deployments.release("dev", "first")
    assert release
    assert [each.chart for each in release.chart.packages or ()] == [f"{URL}/db@1.0.0"]


def test_the_same_package_from_another_place_is_the_same(
    desk: Desk, publish: Callable[[str], Path], tmp_path: Path
) -> None:
    desk.commit("charts/app/Chart.yaml", FILES["charts/app/Chart.yaml"] + NEEDED)
    folder = publish("hello")
    follow(desk, folder)
    desk.ship()
    follow(desk, shutil.copytree(folder, tmp_path / "elsewhere"))
    assert told(planned(desk, "dev", "blog")) == []


def test_what_was_read_from_another_place_for_a_while_is_not_what_is_read_from_this_one(
    desk: Desk, publish: Callable[[str], Path]
) -> None:
    tenant = TENANT.format(environments="dev")
    named = tenant.replace("name: app\n  version: 0.1.0", "{name: db, version: 1.0.0, repository: hub}")
    desk.commit("tenants/first/tenant.yaml", named)
    follow(desk, publish("hello from somebody else"), forget=False)
    with desk.orchestrator() as orchestrator:
        assert b"somebody else" in previewed(orchestrator, "dev", "first").manifests.canonical
    follow(desk, publish("hello"), forget=False)
    with desk.orchestrator() as orchestrator:
        assert b"somebody else" not in previewed(orchestrator, "dev", "first").manifests.canonical
