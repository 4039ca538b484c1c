import sysconfig
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy_orchestrator.delivery import EngineUnreachable, Sandbox, SyncFailed
from deploy_orchestrator.pipeline import looked
from tests.terminal import terminal

PROGRAM = Path(sysconfig.get_path("scripts"), "deploy-orchestrator")


def test_status_lists_everything_that_is_live(desk):
    answer = desk.run("status")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.output.splitlines()[1:4]] == [
        "dev/blog",
        "dev/shop",
        "production/shop",
    ]
    assert answer.output.endswith("3 of 3 are live and healthy (engine: sandbox).\n")


def test_status_counts_what_the_fleet_asks_for_and_is_not_released_yet(fresh):
    answer = fresh.run("status")
    assert answer.code == 0
    assert "not released" in answer.output.splitlines()[1]
    assert answer.output.endswith("0 of 3 are live and healthy (engine: sandbox).\n")


def test_status_follows_the_order_of_promotion_with_chart_commit_and_age(desk):
    text = (desk.fleet / "fleet.yaml").read_text()
    first, second = text.index("  - name: dev"), text.index("  - name: production")
    swapped = text[:first] + text[second : text.index("platform:")] + text[first:second]
    desk.commit("fleet.yaml", swapped + text[text.index("platform:") :])
    rows = [line.split() for line in desk.run("status").output.splitlines()[1:4]]
    assert [row[0] for row in rows] == ["production/shop", "dev/blog", "dev/shop"]
    commit = desk.json("status", "-t", "blog")[0]["release"]["source"]["commit"]
    assert rows[1][1:5] == ["Healthy", "app", "0.1.0", commit[:8]]


def test_what_is_unhealthy_is_told_below_with_its_message_and_exits_1(desk):
    degraded = desk.run("sandbox", "degrade", "dev", "blog", "-m", "out of memory")
    assert (degraded.code, degraded.output) == (0, "dev/blog: Degraded, out of memory\n")
    answer = desk.run("status")
    assert answer.code == 1
    assert answer.output.splitlines()[-2].startswith("Degraded  dev/blog  since ")
    assert "out of memory" in answer.output
    assert desk.run("status", "--tenant", "shop").code == 0
    assert desk.run("sandbox", "recover", "dev", "blog").output.startswith("dev/blog: Healthy")
    assert desk.run("status").code == 0


def test_a_hook_told_to_fail_fails_the_next_release_and_not_the_one_before(desk):
    desk.commit(
        "charts/app/templates/ask.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ask, annotations: {helm.sh/hook: test}}\n",
    )
    desk.ship()
    answer = desk.run("sandbox", "fail", "dev", "blog", "ask", "-m", "no route to host")
    assert (answer.code, answer.output[:18]) == (0, "dev/blog: Healthy,")
    desk.commit("tenants/blog/values.yaml", "greeting: hey\n")
    with pytest.raises(SyncFailed, match="ConfigMap blog-dev/ask: no route to host"):
        desk.ship()
    answer = desk.run("status")
    assert answer.code == 1
    assert "ConfigMap blog-dev/ask failed" in answer.output
    assert desk.run("rollback", "dev", "blog", "-m", "it fails").code == 0
    assert desk.run("status").code == 0


def test_status_of_one_has_its_objects_hooks_and_who_released_it(desk):
    desk.commit(
        "charts/app/templates/ask.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ask, annotations: {helm.sh/hook: test}}\n",
    )
    desk.ship()
    answer = desk.run("status", "dev", "blog")
    assert answer.code == 0
    for said in (
        "app 0.1.0",
        "Edit charts/app/templates/ask.yaml, by alice@example.com",
        "ConfigMap blog-dev/blog\n",
        "ConfigMap blog-dev/ask  Succeeded, after the others",
        "cluster here, namespace blog-dev",
    ):
        assert said in answer.output
    assert "dev/shop" not in answer.output


def test_status_of_one_that_waits_has_its_gates_and_what_to_type(waiting):
    answer = waiting.run("status", "production", "shop")
    digest = waiting.json("pending")[0]["plan"]["digest"].removeprefix("sha256:")[:12]
    assert answer.code == 0
    assert "  waiting    approval: 0 of 1 approvals\n" in answer.output
    assert f"deploy-orchestrator approve production shop --digest {digest}\n" in answer.output


def test_what_waits_for_a_person_is_counted_and_exits_1_where_asked_strictly(waiting):
    answer = waiting.run("status")
    assert (answer.code, waiting.run("status", "--strict").code) == (0, 1)
    assert "needs-approval  production/shop  approval: 0 of 1 approvals\n" in answer.output
    assert "3 of 3 are live and healthy, 1 waits for a person (engine: sandbox).\n" in answer.output
    assert waiting.run("status", "dev", "--strict").code == 0


def test_a_broken_tenant_is_told_and_exits_2(desk):
    desk.commit("tenants/blog/tenant.yaml", "chart: no\n")
    answer = desk.run("status")
    assert answer.code == 2
    assert "3 of 3 are live" in answer.output
    assert "tenants/blog/tenant.yaml" in answer.errors


def test_an_engine_out_of_reach_is_one_line_told_once(desk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sandbox, "statuses", _unreachable)
        answer = desk.run("status")
    assert answer.code == 2
    assert answer.output.count("Unknown") == 3
    assert (answer.output + answer.errors).count("the cluster does not answer") == 1


def _unreachable(*_):
    raise EngineUnreachable("the cluster does not answer")


def test_whoever_watches_sees_what_changes_and_what_is_out_of_reach_until_ctrl_c(desk):
    with terminal(PROGRAM, "status", "--watch") as watching:
        watching.until("3 of 3 are live and healthy")
        desk.run("sandbox", "degrade", "dev", "blog", "-m", "out of memory")
        watching.until("Degraded.*dev/blog.*out of memory.*2 of 3 are live and healthy")
        away = desk.fleet.rename(desk.fleet.with_name("away"))
        watching.until("cannot be fetched.*2 of 3 are live and healthy")
        away.rename(desk.fleet)
        desk.run("sandbox", "recover", "dev", "blog")
        watching.until("^deployment.*3 of 3 are live and healthy")
        watching.press("\x03")
        assert watching.ended() == 130
    assert "Traceback" not in watching.screen


def test_the_same_place_said_twice_in_other_words_is_wrong_use(desk):
    answer = desk.run("status", "dev", "-e", "production")
    assert answer.code == 2
    assert "ENVIRONMENT is given twice" in answer.errors
    assert "--watch is for a terminal" in desk.run("status", "--watch").errors


def test_status_as_json_is_each_release_with_its_state(desk):
    found = desk.json("status", "-e", "production")
    assert [set(each) for each in found] == [{"release", "status", "live", "paused"}]
    assert found[0]["release"]["tenant"] == "shop"
    assert found[0]["status"]["health"] == "Healthy"
    assert found[0]["live"] is True


def test_a_broken_release_file_exits_2_and_the_others_are_shown(desk):
    deployments = desk.clone()
    (deployments / "releases/dev/blog.yaml").write_text("digest: no\n")
    desk.push(deployments)
    answer = desk.run("status")
    assert answer.code == 2
    assert "2 of 3 are live" in answer.output
    assert "releases/dev/blog.yaml" in answer.errors


def test_while_the_fleet_is_broken_what_is_live_is_shown_and_by_which_fleet_is_said(desk):
    desk.commit("fleet.yaml", "clusters: [\n")
    answer = desk.run("status")
    assert answer.code == 2
    assert "3 of 3 are live and healthy" in answer.output
    assert "fleet.yaml" in answer.errors
    assert "goes by the last fleet that can be read" in answer.errors


def test_status_names_the_guards_that_do_not_look_and_exits_1(desk):
    home = desk.folder / ".local/state"
    looked(home, "live_releases", datetime.now(UTC) - timedelta(minutes=3))
    looked(home, "open_gates", datetime.now(UTC))
    answer = desk.run("status")
    assert answer.code == 1
    assert "3 of 3 are live and healthy" in answer.output
    assert "the guard live_releases has not looked since" in answer.errors
    assert "the guard unhealthy_releases has not looked since" in answer.errors
    assert "open_gates" not in answer.errors


def test_while_the_fleet_is_broken_a_sync_works_and_says_by_which_fleet(desk):
    desk.commit("fleet.yaml", "clusters: [\n")
    answer = desk.run("sync", "dev", "blog")
    assert (answer.code, answer.output) == (0, "dev/blog: Healthy\n")
    assert "goes by the last fleet that can be read" in answer.errors


def test_history_goes_back_to_the_first_release(desk):
    desk.commit("tenants/blog/values.yaml", "greeting: hey\n")
    desk.ship()
    lines = desk.run("history", "dev", "blog").output.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["release", "release"]
    events = desk.json("history", "dev", "blog")
    assert [event["kind"] for event in events] == ["release", "release"]
    assert set(events[0]) == {"kind", "commit", "at", "who", "release", "reason"}


def test_history_tells_who_wrote_what_nobody_had_to_approve(desk):
    assert desk.run("history", "dev", "blog").output.splitlines()[1].endswith("  alice@example.com")


def test_history_says_when_there_is_none(fresh):
    assert fresh.run("history", "dev", "blog").output == "Nothing was released yet.\n"


def test_a_rollback_brings_the_release_before_live_and_tells_who_and_why(desk):
    desk.commit("tenants/blog/values.yaml", "greeting: hey\n")
    desk.ship()
    answer = desk.run("rollback", "dev", "blog", "-m", "worse than before")
    assert answer.code == 0
    assert "\ndev/blog: back to app 0.1.0, by commit " in answer.output
    assert answer.output.endswith("dev/blog: Healthy\n")
    assert "worse than before" in desk.run("history", "dev", "blog").output.splitlines()[1]
    assert desk.run("status").code == 0


def change_by_hand(desk):
    (live,) = (desk.folder / ".local/state/sandbox/here/blog-dev").glob("ConfigMap.*.blog.yaml")
    live.write_text(live.read_text().replace("hello", "by hand"))
    return live


def test_status_names_what_was_changed_by_hand(desk):
    change_by_hand(desk)
    answer = desk.run("status")
    assert answer.code == 1
    assert "Healthy, OutOfSync" in answer.output
    assert answer.output.count("changed by hand: ConfigMap blog-dev/blog") == 1


def test_a_sync_puts_back_what_was_changed_by_hand_and_releases_nothing(desk):
    live = change_by_hand(desk)
    before = desk.json("history", "dev", "blog")
    answer = desk.run("sync", "dev", "blog")
    assert (answer.code, answer.output) == (0, "dev/blog: Healthy\n")
    assert "hello" in live.read_text()
    assert desk.run("status").code == 0
    assert desk.json("history", "dev", "blog") == before
    assert set(desk.json("sync", "dev", "blog")) == {"release", "status"}


def test_a_sync_of_what_stays_unhealthy_exits_1(desk):
    desk.commit("fleet.yaml", (desk.fleet / "fleet.yaml").read_text().replace(DEV, f"{DEV}{IMPATIENT}"))
    desk.run("sandbox", "degrade", "dev", "blog", "-m", "out of memory")
    answer = desk.run("sync", "dev", "blog")
    assert answer.code == 1
    assert "out of memory" in answer.errors


def test_a_sync_wants_a_release(fresh):
    assert "shopp" in fresh.run("sync", "dev", "shopp").errors
    answer = fresh.run("sync", "dev", "blog")
    assert answer.code == 2
    assert "dev/blog: nothing is released that could be synced" in answer.errors


def test_a_rollback_as_json_is_the_release_and_its_state(desk):
    desk.commit("tenants/blog/values.yaml", "greeting: hey\n")
    desk.ship()
    back = desk.json("rollback", "dev", "blog", "-m", "worse")
    assert set(back) == {"release", "status"}
    assert back["status"]["health"] == "Healthy"


def test_a_rollback_to_something_unhealthy_exits_1(desk):
    desk.run("sandbox", "degrade", "dev", "blog")
    desk.commit("fleet.yaml", (desk.fleet / "fleet.yaml").read_text().replace(DEV, f"{DEV}{IMPATIENT}"))
    desk.commit("tenants/blog/values.yaml", "greeting: hey\n")
    desk.ship()
    answer = desk.run("rollback", "dev", "blog", "-m", "worse")
    assert answer.code == 1
    assert "dev/blog: back to" in answer.output
    assert "error: dev/blog: " in answer.errors


def test_who_may_not_push_is_told_from_where_a_rollback_works(desk):
    desk.commit("tenants/blog/values.yaml", "greeting: hey\n")
    desk.ship()
    hook = desk.folder / ".local/deployments.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    answer = desk.run("rollback", "dev", "blog", "-m", "worse")
    assert answer.code == 2
    assert "refuses the push" in answer.errors
    assert "fix: run the same command where the orchestrator runs" in " ".join(answer.errors.split())


def test_the_first_release_cannot_be_rolled_back(desk):
    answer = desk.run("rollback", "dev", "blog", "-m", "worse")
    assert answer.code == 2
    assert "nothing was released before" in answer.errors


@pytest.mark.parametrize(
    "command",
    [
        ("history",),
        ("rollback", "-m", "why"),
        ("sandbox", "degrade"),
        ("sandbox", "recover"),
        ("approve", "-y"),
    ],
)
def test_unknown_names_exit_2_and_get_the_nearest_one(desk, command):
    signer = desk.as_("bob") if command[0] == "approve" else ()
    tenant = desk.run(*command, *signer, "dev", "blgo")
    assert (tenant.code, tenant.errors) == (
        2,
        "error: tenants: there is no tenant 'blgo'\n  fix: did you mean blog?\n",
    )
    environment = desk.run(*command, *signer, "prod", "shop")
    assert environment.code == 2
    assert "did you mean production?" in environment.errors


@pytest.mark.parametrize("command", ["plan", "status"])
def test_unknown_filters_exit_2_and_get_the_nearest_name(desk, command):
    for arguments, name in ((("-e", "prod"), "production"), (("-t", "blgo"), "blog")):
        answer = desk.run(command, *arguments)
        assert answer.code == 2
        assert f"did you mean {name}?" in answer.errors


DEV = """  - name: dev
    cluster: here
    kubernetes: "1.34"
"""
IMPATIENT = """    policy:
      deadline: 2s
"""
