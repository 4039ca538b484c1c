"""The rules of production change under the rules before them; what takes away counts at once."""

import subprocess

import pytest

from deploy_orchestrator.releases import Gate, GatesClosed, GateState, RulesStanding
from tests.desk import FILES, Desk
from tests.steps import propose, released

APPROVERS = "approvers: [alice@example.com, bob@example.com]"


def signers(desk: Desk, *people: str) -> None:
    """Alice writes whose keys count; the commit is that of whatever is committed next."""
    lines = (f"{each}@example.com {(desk.folder / f'keys/{each}.pub').read_text()}" for each in people)
    (desk.fleet / "allowed_signers").write_text("".join(lines))


def welcome_mallory(desk: Desk) -> None:
    """Alice commits that Mallory may approve, in place of nobody."""
    signers(desk, "alice", "bob", "mallory")
    text = FILES["fleet.yaml"].replace("bob@example.com]", "bob@example.com, mallory@example.com]")
    desk.commit("fleet.yaml", text)


def standing(desk: Desk) -> RulesStanding:
    with desk.orchestrator() as orchestrator:
        return orchestrator.rules()["production"]


def gate(desk: Desk, key: str, tenant: str = "shop") -> Gate:
    with desk.orchestrator() as orchestrator:
        plan = orchestrator.deployments.pending("production", tenant)
        assert plan is not None
        (found,) = [each for each in orchestrator.gates(plan) if each.key == key]
    return found


def settle(desk: Desk) -> None:
    with desk.orchestrator() as orchestrator:
        orchestrator.settle_rules()


def log(desk: Desk) -> str:
    repository = desk.folder / ".local/deployments.git"
    command = ["git", "-C", str(repository), "log", "--format=%B", "main", "--", "rules"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_first_rules_are_trusted_and_that_is_said(desk: Desk) -> None:
    assert log(desk).startswith("Trust the first rules of dev, production\n")
    assert standing(desk).change is None


def test_an_earlier_deployments_repository_trusts_the_rules_that_it_finds_first(waiting: Desk) -> None:
    meddled = waiting.clone()
    subprocess.run(["git", "-C", meddled, "rm", "-rq", "rules"], check=True)
    waiting.push(meddled)
    found = standing(waiting)
    assert (found.gate.reason, found.pending) == ("the first rules are trusted", None)
    settle(waiting)
    assert standing(waiting).change is None


def test_a_new_approver_counts_when_one_of_the_old_ones_approved_that(waiting: Desk) -> None:
    welcome_mallory(waiting)
    mallory = waiting.run("approve", "production", "shop", *waiting.as_("mallory"))
    assert mallory.code == 1
    assert "nobody of this name may sign" in mallory.errors
    assert "0 of 1" in gate(waiting, "approval").reason

    for somebody, said in {
        "alice": "authors cannot approve their own change",
        "mallory": "nobody of this name may sign",
    }.items():
        answer = waiting.run("approve", "production", "--rules", *waiting.as_(somebody))
        assert (answer.code, said in answer.errors) == (1, True), answer.errors
    assert standing(waiting).pending

    assert waiting.run("approve", "production", "--rules", *waiting.as_("bob")).code == 0
    assert gate(waiting, "approval").state is GateState.OPEN, "Mallory's approval counts now"
    settle(waiting)
    assert "approved by bob@example.com" in log(waiting)
    assert "Approved-by: bob@example.com\n" in log(waiting)
    assert standing(waiting).change is None


def test_rules_that_wait_are_shown_with_what_changes_in_them_and_may_be_rejected(waiting: Desk) -> None:
    welcome_mallory(waiting)
    shown = waiting.run("pending").output
    assert "the rules of production, by alice@example.com" in shown
    assert "policy.approval.approvers: + mallory@example.com" in shown
    assert "rules: 0 of 1 approvals by the rules of production" in shown
    said = (
        "the rules of production: 0 of 1 approvals by the rules of production; policy.approval.approvers: + "
    )
    assert said in " ".join(waiting.run("plan").output.split())
    assert waiting.json("plan")["rules"][0].startswith(said)
    (found,) = [each for each in waiting.json("pending") if "rules" in each]
    assert found["rules"]["digest"] == standing(waiting).pending.digest  # pyright: ignore[reportOptionalMemberAccess]

    answer = waiting.run("reject", "production", "--rules", "--reason", "who is that?", *waiting.as_("bob"))
    assert answer.code == 0
    assert standing(waiting).gate.reason == "rejected by bob@example.com: who is that?"


@pytest.mark.parametrize("what", ["the rules that change", "a new environment"])
def test_who_proposed_rules_does_not_approve_them_whatever_others_change_meanwhile(
    desk: Desk, what: str
) -> None:
    """Bob proposes; Alice takes something away, which is written down while Bob's change waits."""
    where = "production" if what == "the rules that change" else "shadow"
    looser = FILES["fleet.yaml"].replace(
        "        required: 1\n", "        required: 1\n        expires: 30d\n"
    )
    shadow = "  - name: shadow\n    cluster: here\n    kubernetes: '1.34'\nplatform:"
    proposed = looser if where == "production" else FILES["fleet.yaml"].replace("platform:", shadow)
    (desk.fleet / "fleet.yaml").write_text(proposed)
    identity = ("-c", "user.name=Bob", "-c", "user.email=bob@example.com")
    key = ("-c", f"user.signingkey={desk.folder / 'keys/bob'}")
    subprocess.run(["git", "-C", desk.fleet, *identity, *key, "commit", "-qam", "Propose"], check=True)
    settle(desk)
    stricter = proposed.replace("      approval:", "      soak: 1h\n      approval:")
    dev = '  - name: dev\n    cluster: here\n    kubernetes: "1.34"\n'
    desk.commit("fleet.yaml", stricter.replace(dev, f"{dev}    policy: {{soak: 1h}}\n"))
    settle(desk)

    answer = desk.run("approve", where, "--rules", *desk.as_("bob"))

    assert answer.code == 1
    assert "authors cannot approve their own change" in answer.errors
    with desk.orchestrator() as orchestrator:
        pending = orchestrator.rules()[where].pending
        assert pending is not None
        assert "bob@example.com" in pending.authors
        assert pending.base is None or pending.base.rules.policy.soak, "what was taken away is written down"


def test_an_approver_who_is_taken_out_counts_no_more_at_once(waiting: Desk) -> None:
    assert waiting.run("approve", "production", "shop", *waiting.as_("bob")).code == 0
    assert gate(waiting, "approval").state is GateState.OPEN
    waiting.commit("fleet.yaml", FILES["fleet.yaml"].replace(", bob@example.com", ""))
    assert gate(waiting, "approval").state is GateState.WAITING
    assert standing(waiting).pending is None


def test_a_key_that_was_taken_away_does_not_come_back_by_a_commit(waiting: Desk) -> None:
    waiting.commit("fleet.yaml", FILES["fleet.yaml"].replace(", bob@example.com", ""))
    settle(waiting)
    waiting.commit("fleet.yaml", FILES["fleet.yaml"])
    assert standing(waiting).pending
    assert waiting.run("approve", "production", "shop", *waiting.as_("bob")).code == 1
    assert gate(waiting, "approval").state is GateState.WAITING


def test_a_policy_that_asks_for_less_does_not_count_before_it_is_approved(waiting: Desk) -> None:
    policy = FILES["fleet.yaml"].index("    policy:")
    without = FILES["fleet.yaml"][:policy] + FILES["fleet.yaml"][FILES["fleet.yaml"].index("platform:") :]
    waiting.commit("fleet.yaml", without)
    with waiting.orchestrator() as orchestrator:
        plan = propose(orchestrator, "production", "shop")
        assert plan is not None
        with pytest.raises(GatesClosed, match="0 of 1 approvals"):
            released(orchestrator, plan)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "platform:",
            "  - name: shadow\n    cluster: here\n    kubernetes: '1.34'\nplatform:",
            "the environment is new, and its rules are not approved yet",
        ),
        (
            '  - name: dev\n    cluster: here\n    kubernetes: "1.34"\n',
            "  - name: dev\n    cluster: here\n    kubernetes: \"1.34\"\n    namespace: '{tenant}-moved'\n",
            "that the environment moves is not approved yet",
        ),
    ],
    ids=["a new environment", "one that moves"],
)
def test_a_place_that_nobody_approved_is_no_way_around_the_approvers(
    waiting: Desk, old: str, new: str, said: str
) -> None:
    """As one without a policy, where the namespaces of production are."""
    where = "shadow" if "shadow" in new else "dev"
    blog = FILES["tenants/blog/tenant.yaml"].replace(
        "[dev]", "[dev, shadow]" if where == "shadow" else "['dev']"
    )
    (waiting.fleet / "tenants/blog/tenant.yaml").write_text(blog)
    waiting.commit("fleet.yaml", FILES["fleet.yaml"].replace(old, new))
    with waiting.orchestrator() as orchestrator:
        plan = propose(orchestrator, where, "blog")
        assert plan is not None
        with pytest.raises(GatesClosed, match=said):
            released(orchestrator, plan)
    answer = waiting.run("approve", where, "--rules", *waiting.as_("bob"))
    assert answer.code == 0, answer.errors
    with waiting.orchestrator() as orchestrator:
        found = orchestrator.rules()[where]
        assert found.pending is None
        assert found.gate.reason == "approved by bob@example.com"


def test_rules_of_an_environment_that_asks_nobody_change_by_the_commit(desk: Desk) -> None:
    dev = '  - name: dev\n    cluster: here\n    kubernetes: "1.34"\n'
    desk.commit("fleet.yaml", FILES["fleet.yaml"].replace(dev, f"{dev}    policy: {{soak: 1m}}\n"))
    desk.commit("fleet.yaml", FILES["fleet.yaml"])
    with desk.orchestrator() as orchestrator:
        assert orchestrator.rules()["dev"].pending is None


def test_nothing_is_decided_on_rules_that_do_not_wait(waiting: Desk) -> None:
    answer = waiting.run("approve", "production", "--rules", *waiting.as_("bob"))
    assert answer.code == 2
    assert "the rules of production: nothing is pending" in answer.errors
    assert waiting.run("approve", "production", *waiting.as_("bob")).code == 2
    assert waiting.run("approve", "production", "shop", "--rules", *waiting.as_("bob")).code == 2
