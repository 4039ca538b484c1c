import os
import pty
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import GatesClosed, Release, RevertRefused
from tests.desk import TENANT, Desk
from tests.steps import propose, released


def leave(desk: Desk, tenant: str) -> None:
    """Take a tenant out of the fleet."""
    shutil.rmtree(desk.fleet / "tenants" / tenant)
    desk.commit("README.md", f"Without {tenant}.\n")


def carry_on(desk: Desk) -> None:
    """What the orchestrator does: release what may go out, make it live."""
    with desk.orchestrator() as orchestrator:
        for plan, gates in list(orchestrator.pending()):
            if isinstance(gates, tuple) and all(gate.passed for gate in gates):
                with suppress(GatesClosed):
                    orchestrator.deliver(released(orchestrator, plan))


def approve(desk: Desk) -> None:
    assert desk.run("approve", "production", "shop", "-m", "bye", *desk.as_("bob")).code == 0


def files(desk: Desk, tenant: str) -> list[str]:
    """All that the deployments repository has of a tenant."""
    listed = subprocess.check_output(
        ["git", "-C", ".local/deployments.git", "ls-tree", "-r", "--name-only", "main"], text=True
    )
    return [path for path in listed.split() if tenant in "/".join(path.split("/")[2:])]


def live(desk: Desk, namespace: str) -> list[Path]:
    return list(Path(f".local/state/sandbox/here/{namespace}").glob("*.yaml"))


def standing(orchestrator: Orchestrator, environment: str, tenant: str) -> Release:
    release = orchestrator.deployments.release(environment, tenant)
    assert release is not None
    return release


def test_all_that_is_deleted_is_shown_and_what_holds_data_is_loud(desk):
    leave(desk, "shop")
    answer = desk.run("tenant", "remove", "shop", "--yes")
    assert answer.code == 0
    assert "-  name: shop-legacy" in answer.output
    assert (
        "DATA IS LOST in 1 objects of production/shop:\n  lost  Namespace shop-production\n" in answer.output
    )
    assert "production/shop: proposed, digest sha256:" in answer.output
    assert "  waiting  approval: 0 of 1 approvals\n" in answer.output
    assert live(desk, "shop-production")


def test_a_removal_that_was_approved_leaves_nothing(desk):
    leave(desk, "shop")
    desk.run("tenant", "remove", "shop", "--yes")
    approve(desk)
    carry_on(desk)
    assert files(desk, "shop") == []
    assert live(desk, "shop-production") == live(desk, "shop-dev") == []
    assert "shop" not in desk.run("status").output
    assert [each["kind"] for each in desk.json("history", "production", "shop")] == [
        "removal",
        "removal",
        "release",
    ]
    assert "bob@example.com: bye" in desk.run("history", "production", "shop").output
    assert "dev/blog" in desk.run("status").output


def test_it_may_be_repeated_at_any_time(desk):
    leave(desk, "shop")
    first = desk.json("tenant", "remove", "shop", "--yes")
    assert desk.json("tenant", "remove", "shop", "--yes") == first
    approve(desk)
    carry_on(desk)
    assert "production/shop: nothing of it is left" in desk.run("tenant", "remove", "shop", "--yes").output


def test_a_crash_between_any_two_steps_is_mended_by_the_next_run(desk):
    leave(desk, "shop")
    desk.run("tenant", "remove", "shop", "--yes")
    approve(desk)
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        removal = released(orchestrator, plan)
    with desk.orchestrator() as orchestrator:
        assert standing(orchestrator, "production", "shop") == removal
        orchestrator.engine.sync(removal)
    assert "is under way" in desk.run("tenant", "remove", "shop", "--yes").output
    with desk.orchestrator() as orchestrator:
        orchestrator.deliver(removal)
        assert orchestrator.deployments.clear("production", "shop", removal) is None
        assert orchestrator.deployments.release("production", "shop") is None


def test_it_needs_an_approval_whatever_the_policy_says_on_deleted_objects(desk):
    lenient = (
        "rules: {object-deleted: {severity: safe, reason: x}, data-deleted: {severity: safe, reason: x}}"
    )
    text = (desk.fleet / "fleet.yaml").read_text()
    desk.commit("fleet.yaml", text.replace("      approval:", f"      {lenient}\n      approval:"))
    leave(desk, "shop")
    desk.run("tenant", "remove", "shop", "--yes")
    carry_on(desk)
    assert live(desk, "shop-production")


def test_a_policy_that_lets_no_data_go_blocks_it(desk):
    strict = "rules: {data-deleted: {severity: blocked, reason: ask the data team}}"
    text = (desk.fleet / "fleet.yaml").read_text()
    desk.commit("fleet.yaml", text.replace("      approval:", f"      {strict}\n      approval:"))
    leave(desk, "shop")
    answer = desk.run("tenant", "remove", "shop", "--environment", "production", "--yes")
    assert "closed   verdict: blocked: removed; everything in the namespace goes with it" in answer.output


def test_who_took_it_out_does_not_approve_it(desk):
    leave(desk, "shop")
    desk.run("tenant", "remove", "shop", "--yes")
    answer = desk.run("approve", "production", "shop", *desk.as_("alice"))
    assert answer.code == 1
    assert "authors cannot approve their own change" in answer.errors


def test_one_write_after_another_removes_no_more_than_a_share_of_the_tenants(desk):
    leave(desk, "blog")
    leave(desk, "shop")
    for tenant in ("blog", "shop"):
        desk.run("tenant", "remove", tenant, "--environment", "dev", "--yes")
    carry_on(desk)
    carry_on(desk)
    assert files(desk, "blog") == []
    said = desk.run("pending").output
    assert "removals: 1 of 2 tenants were removed within a day, 10 % may be" in said
    text = (desk.fleet / "fleet.yaml").read_text()
    dev = '    kubernetes: "1.34"\n'
    desk.commit("fleet.yaml", text.replace(dev, f'{dev}    policy: {{removals: "100%"}}\n', 1))
    carry_on(desk)
    assert not live(desk, "shop-dev")


def test_where_a_policy_lets_nobody_go_nobody_goes(desk):
    text = (desk.fleet / "fleet.yaml").read_text()
    dev = '    kubernetes: "1.34"\n'
    desk.commit("fleet.yaml", text.replace(dev, f'{dev}    policy: {{removals: "0%"}}\n', 1))
    leave(desk, "blog")
    answer = desk.run("tenant", "remove", "blog", "--yes")
    assert "closed  removals: 0 of 2 tenants were removed within a day, 0 % may be" in answer.output


def test_a_tenant_that_comes_back_before_it_is_removed_stays(desk):
    leave(desk, "shop")
    desk.run("tenant", "remove", "shop", "--yes")
    desk.commit("tenants/shop/tenant.yaml", TENANT.format(environments="dev, production"))
    approve(desk)
    said = " ".join(desk.run("pending").output.split())
    assert "closed fleet: the fleet asks for shop in production" in said
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "shop")
        assert plan is not None
        with pytest.raises(Exception, match="the fleet asks for shop in dev"):
            released(orchestrator, plan)
    desk.ship()
    assert desk.run("pending").output == "Nothing waits.\n"
    assert live(desk, "shop-production")


def test_a_tenant_that_comes_back_while_it_is_removed_is_a_new_one(desk):
    leave(desk, "blog")
    desk.run("tenant", "remove", "blog", "--yes")
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "blog")
        assert plan is not None
        removal = released(orchestrator, plan)
    desk.commit("tenants/blog/tenant.yaml", TENANT.format(environments="dev"))
    with desk.orchestrator() as orchestrator:
        again = propose(orchestrator, "dev", "blog")
        assert again is not None
        orchestrator.deliver(removal)
        with pytest.raises(GatesClosed, match="plan again"):
            released(orchestrator, again)
    desk.ship()
    assert live(desk, "blog-dev")
    with desk.orchestrator() as orchestrator:
        assert standing(orchestrator, "dev", "blog").base is None


def test_a_removal_is_never_undone_by_a_revert(desk):
    leave(desk, "blog")
    desk.run("tenant", "remove", "blog", "--yes")
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("dev", "blog")
        assert plan is not None
        released(orchestrator, plan)
        with pytest.raises(RevertRefused, match="does not come back by a revert"):
            orchestrator.roll_back("dev", "blog", "no")


def test_what_was_never_released_is_just_cleared(desk):
    desk.commit("tenants/cafe/tenant.yaml", TENANT.format(environments="dev"))
    with desk.orchestrator() as orchestrator:
        assert propose(orchestrator, "dev", "cafe")
    leave(desk, "cafe")
    assert desk.run("tenant", "remove", "cafe", "--yes").code == 0
    assert files(desk, "cafe") == []


def test_of_a_tenant_that_left_one_environment_only_that_is_removed(desk):
    desk.commit("tenants/shop/tenant.yaml", TENANT.format(environments="dev"))
    (plan,) = desk.json("tenant", "remove", "shop", "--yes")
    assert plan["plan"]["environment"] == "production"
    assert {gate["key"]: gate["state"] for gate in plan["gates"]}["approval"] == "waiting"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shop", "--yes"), "the fleet asks for shop in dev, production\n  fix: remove that folder"),
        (("shop", "--environment", "dev", "--yes"), "the fleet asks for shop in dev"),
        (("shop", "--environment", "prod", "--yes"), "did you mean production?"),
        (("shopp", "--yes"), "nothing was ever planned for 'shopp'\n  fix: did you mean shop?"),
        (("shop",), "add --yes"),
    ],
)
def test_what_is_not_to_be_removed_exits_2_and_says_why(desk, arguments, said):
    answer = desk.run("tenant", "remove", *arguments)
    assert answer.code == 2
    assert said in answer.errors


def test_where_the_environment_is_gone_too_it_says_how_a_policy_comes_to_decide(desk):
    leave(desk, "shop")
    before = (desk.fleet / "fleet.yaml").read_text()
    begin, end = before.index("  - name: production"), before.index("platform:")
    desk.commit("fleet.yaml", before[:begin] + before[end:])
    for arguments in ((), ("--environment", "production")):
        answer = desk.run("tenant", "remove", "shop", "--yes", *arguments)
        assert answer.code == 2
        assert "production/shop is released, and no policy says who approves its removal" in answer.errors
        assert "put production back with a commit" in answer.errors
    desk.commit("fleet.yaml", before)
    (plan,) = desk.json("tenant", "remove", "shop", "--environment", "production", "--yes")
    assert plan["plan"]["environment"] == "production"


def test_a_broken_tenant_is_not_removed(desk):
    desk.commit("tenants/shop/tenant.yaml", "chart: 1\n")
    answer = desk.run("tenant", "remove", "shop", "--yes")
    assert answer.code == 2
    assert live(desk, "shop-production")


def test_on_a_terminal_no_means_no(desk):
    leave(desk, "blog")
    leader, follower = pty.openpty()
    os.write(leader, b"n\n")
    command = [sys.executable, "-c", "from deploy_orchestrator.cli import main; main()"]
    answer = subprocess.run(
        [*command, "tenant", "remove", "blog"], stdin=follower, capture_output=True, text=True
    )
    os.close(leader)
    os.close(follower)
    assert answer.returncode == 1
    assert "propose to delete all this of dev/blog?" in answer.stderr
    assert desk.run("pending").output == "Nothing waits.\n"
