"""What is on file and cannot be read is told, and makes no answer a complete one."""

import pytest

from tests.desk import Desk


def spoil(desk: Desk, path: str) -> None:
    """Somebody writes on `main` of the deployments repository what no orchestrator does."""
    clone = desk.clone()
    (clone / path).write_text("environment: [\n")
    desk.push(clone)


def shipped_to_all(desk: Desk) -> str:
    """The commit of a change to the chart of all tenants that is released."""
    desk.commit("charts/app/values.yaml", "greeting: hi all\nlegacy: true\n")
    desk.ship()
    return desk.json("status", "dev")[0]["release"]["source"]["commit"]


@pytest.mark.parametrize(
    "command", [("images",), ("argocd", "bootstrap"), ("status",), ("pending",), ("plan",)]
)
def test_a_release_that_cannot_be_read_makes_no_answer_a_complete_one(
    desk: Desk, command: tuple[str, ...]
) -> None:
    spoil(desk, "releases/dev/shop.yaml")
    answer = desk.run(*command)
    assert answer.code == 2
    assert "releases/dev/shop.yaml:2: not YAML" in answer.errors


def test_whoever_may_be_of_a_commit_that_goes_back_is_told_where_nobody_can_tell(desk: Desk) -> None:
    commit = shipped_to_all(desk)
    spoil(desk, "releases/dev/shop.yaml")
    answer = desk.run("rollback", "dev", "--commit", commit, "-m", "worse")
    assert answer.code == 2
    assert "releases/dev/shop.yaml:2: not YAML" in answer.errors
    assert "dev/blog: Healthy" in answer.output


def test_what_is_unreadable_in_another_environment_keeps_no_way_back(desk: Desk) -> None:
    commit = shipped_to_all(desk)
    spoil(desk, "releases/production/shop.yaml")
    assert desk.run("rollback", "dev", "--commit", commit, "-m", "worse").code == 0


def test_nothing_waits_is_not_all_where_a_tenant_cannot_be_read(desk: Desk) -> None:
    desk.commit("tenants/shop/tenant.yaml", "chart: [\n")
    for about in ((), ("-t", "shop")):
        answer = desk.run("pending", *about)
        assert answer.code == 2
        assert "tenants/shop/tenant.yaml:2: not YAML" in answer.errors
    assert desk.run("pending", "-t", "blog").code == 0
