import os
import pty
import subprocess
import sys

import pytest

from tests.desk import git
from tests.steps import propose


def test_pending_tells_what_waits_and_for_what(waiting):
    answer = waiting.run("pending")
    assert answer.code == 0
    source, subject, *_ = answer.output.splitlines()
    assert source.endswith("  Edit tenants/shop/values.yaml, by alice@example.com")
    assert subject == "production/shop  needs-approval  0 added, 0 changed, 1 removed"
    digest = waiting.json("pending")[0]["plan"]["digest"].removeprefix("sha256:")[:12]
    told = [" ".join(line.split()) for line in answer.output.splitlines()]
    assert "waiting approval: 0 of 1 approvals" in told
    assert any(line.startswith("needs-approval ") for line in told), told
    assert "may bob@example.com" in told
    assert f"next deploy-orchestrator approve production shop --digest {digest}" in told


def test_pending_says_how_to_mend_what_nobody_can_let_through(waiting):
    claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec:\n"
    claim += "  accessModes: [%s]\n  resources: {requests: {storage: 1Gi}}\n"
    waiting.commit("charts/app/templates/claim.yaml", claim % "ReadWriteOnce")
    waiting.ship()
    waiting.commit("charts/app/templates/claim.yaml", claim % "ReadWriteMany")
    with waiting.orchestrator() as orchestrator:
        plan = propose(orchestrator, "dev", "blog")
    assert plan
    assert plan.verdict == "blocked"
    told = [" ".join(line.split()) for line in waiting.run("pending", "-t", "blog").output.splitlines()]
    assert any(line.startswith("mend ") for line in told), told
    assert not any(line.startswith("next ") for line in told)


def test_pending_shows_one_environment_or_tenant(waiting):
    assert waiting.run("pending", "-e", "dev").output == "Nothing waits.\n"
    assert waiting.run("pending", "-t", "blog").output == "Nothing waits.\n"
    assert "production/shop" in waiting.run("pending", "-e", "production", "-t", "shop").output
    assert "did you mean production?" in waiting.run("pending", "-e", "prod").errors


@pytest.fixture
def two(waiting):
    """The same change waits for production/shop and production/kiosk."""
    text = (waiting.fleet / "tenants/shop/tenant.yaml").read_text()
    waiting.commit("tenants/kiosk/tenant.yaml", text)
    waiting.ship()
    waiting.commit("charts/app/values.yaml", "greeting: hello\nlegacy: false\n")
    waiting.ship()
    return waiting


def test_all_that_waits_of_one_commit_is_approved_by_a_decision_each(two):
    said = two.json("pending")
    assert [each["plan"]["tenant"] for each in said] == ["kiosk", "shop"]
    commits = [each["plan"]["source"]["commit"] for each in said]
    assert two.run("pending").output.count("all of them: ") == (commits[0] == commits[1])
    answer = two.run("approve", "production", "--commit", commits[0][:8], "-m", "seen", *two.as_("bob"))
    assert answer.code == 0, answer.errors
    assert "production/kiosk: signed as bob@example.com" in answer.output
    for each in two.json("pending"):
        (gate,) = [gate for gate in each["gates"] if gate["key"] == "approval"]
        assert (gate["state"] == "open") == (each["plan"]["source"]["commit"] == commits[0])


def test_decisions_on_a_commit_are_a_list_as_json(two):
    commit = two.json("pending")[0]["plan"]["source"]["commit"]
    made = two.json("reject", "production", "--commit", commit, "-m", "no", *two.as_("bob"))
    assert {each["tenant"] for each in made} >= {"kiosk"}
    assert all(each["void"] is None for each in made)
    assert len({each["commit"] for each in made}) == len(made)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--commit", "1234567"), "nothing is pending of the commit 1234567"),
        (("shop", "--commit", "1234567"), "one of them alone"),
        (("--rules", "--commit", "1234567"), "one of them alone"),
        ((), "name a tenant"),
    ],
)
def test_what_is_decided_on_must_be_clear(waiting, arguments, said):
    answer = waiting.run("approve", "production", *arguments, *waiting.as_("bob"))
    assert answer.code == 2
    assert said in " ".join(answer.errors.replace("│", " ").split())


def test_pending_says_when_nothing_waits(desk):
    assert desk.run("pending").output == "Nothing waits.\n"


def test_pending_as_json_is_each_plan_with_all_its_gates(waiting):
    (found,) = waiting.json("pending")
    assert (found["plan"]["environment"], found["plan"]["tenant"]) == ("production", "shop")
    gates = {gate["key"]: gate["state"] for gate in found["gates"]}
    assert gates["approval"] == "waiting"
    assert gates["promotion"] == "open"
    assert set(found["gates"][0]) == {"key", "state", "reason", "outdated", "people"}


def test_a_broken_plan_exits_2_and_the_others_are_shown(waiting):
    deployments = waiting.clone()
    (deployments / "plans/dev/blog.yaml").write_text("digest: no\n")
    waiting.push(deployments)
    answer = waiting.run("pending")
    assert answer.code == 2
    assert "production/shop" in answer.output
    assert "plans/dev/blog.yaml" in answer.errors


def test_a_broken_quarantine_file_exits_2_and_the_others_are_shown(waiting):
    waiting.commit("tenants/blog/values.yaml", "greeting: hey\n")
    with waiting.orchestrator() as orchestrator:
        propose(orchestrator, "dev", "blog")
    deployments = waiting.clone()
    (deployments / "quarantine/dev").mkdir(parents=True)
    (deployments / "quarantine/dev/blog.yaml").write_text("junk\n")
    git(deployments, "add", "--all")
    waiting.push(deployments)
    for answer in (waiting.run("pending"), waiting.run("pending", "--format", "json")):
        assert answer.code == 2
        assert "shop" in answer.output
        assert "quarantine/dev/blog.yaml" in answer.errors
    assert [each["plan"]["tenant"] for each in answer.json] == ["shop"]
    assert "what it waits for cannot be told" in waiting.run("pending").output


def test_an_approval_opens_the_way(waiting):
    answer = waiting.run("approve", "production", "shop", "-m", "read it", *waiting.as_("bob"))
    assert answer.code == 0
    assert "production/shop: signed as bob@example.com" in answer.output
    assert "nothing stands in its way" in answer.output
    waiting.ship()
    assert "bob@example.com: read it" in waiting.run("history", "production", "shop").output


def test_a_rejection_closes_it_with_its_reason(waiting):
    answer = waiting.run("reject", "production", "shop", "-m", "too late today", *waiting.as_("bob"))
    assert answer.code == 0
    assert "closed  approval: rejected by bob@example.com: too late today" in answer.output


def test_as_json_a_decision_is_who_what_and_the_gates(waiting):
    decided = waiting.json("approve", "production", "shop", *waiting.as_("bob"))
    told = {"decision", "who", "digest", "commit", "void", "gates", "environment", "tenant"}
    assert set(decided) == told
    assert (decided["decision"], decided["who"], decided["void"]) == ("approve", "bob@example.com", None)


def test_a_key_that_nobody_knows_is_told_at_once(waiting):
    answer = waiting.run("approve", "production", "shop", *waiting.as_("mallory"))
    assert answer.code == 1
    assert "your decision does not count" in answer.errors
    assert "fix: have your key put into allowed_signers" in answer.errors


def test_somebody_elses_key_is_told_at_once(waiting):
    answer = waiting.run(
        "approve", "production", "shop", "--as", "alice@example.com", *waiting.as_("bob")[2:]
    )
    assert answer.code == 1
    assert "it was signed by bob@example.com" in answer.errors


def test_an_author_is_told_at_once_and_whom_to_ask(waiting):
    answer = waiting.run("approve", "production", "shop", *waiting.as_("alice"), "--format", "json")
    assert answer.code == 1
    assert "authors cannot approve their own change" in answer.json["void"]
    assert answer.errors.endswith("fix: ask one of: bob@example.com\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("production", "blog"), "blog is not in production"),
        (("prod", "shop"), "did you mean production?"),
        (("production", "shopp"), "did you mean shop?"),
        (("dev", "shop"), "dev/shop: nothing is pending\n  fix: see what is: deploy-orchestrator pending"),
        (("production", "shop", "--digest", "0123456789ab"), "what is pending now is sha256:"),
    ],
)
def test_what_cannot_be_decided_exits_2_and_says_why(waiting, arguments, said):
    answer = waiting.run("approve", *arguments, *waiting.as_("bob"))
    assert answer.code == 2
    assert said in answer.errors


def test_only_the_digest_that_is_meant_is_approved(waiting):
    digest = waiting.json("pending")[0]["plan"]["digest"]
    for named in (digest, digest[7:19]):
        answer = waiting.run("approve", "production", "shop", "--digest", named, *waiting.as_("bob"))
        assert answer.code == 0


@pytest.mark.parametrize("digest", ["", "12", "sha256:"])
def test_a_digest_too_short_to_mean_anything_is_refused(waiting, digest):
    answer = waiting.run("approve", "production", "shop", "--digest", digest, *waiting.as_("bob"))
    assert answer.code == 2
    assert "at least 12 hexadecimal digits" in answer.errors


def test_without_a_terminal_nobody_is_asked(waiting):
    answer = waiting.run("approve", "production", "shop", *waiting.as_("bob")[:-1])
    assert answer.code == 2
    assert "add --yes" in answer.errors


def test_on_a_terminal_the_change_is_shown_and_no_means_no(waiting):
    leader, follower = pty.openpty()
    os.write(leader, b"n\n")
    command = [sys.executable, "-c", "from deploy_orchestrator.cli import main; main()"]
    answer = subprocess.run(
        [*command, "approve", "production", "shop", *waiting.as_("bob")[:-1]],
        stdin=follower,
        capture_output=True,
        text=True,
    )
    os.close(leader)
    os.close(follower)
    assert answer.returncode == 1
    assert "-  name: shop-legacy" in answer.stdout
    assert "approve production/shop as bob@example.com?" in answer.stderr
    assert "approval: 0 of 1 approvals" in waiting.run("pending").output


def test_who_was_asked_before_more_was_found_in_it_has_decided_nothing(waiting):
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", "from deploy_orchestrator.cli import main; main()"]
    command += ["approve", "production", "shop", *waiting.as_("bob")[:-1]]
    with subprocess.Popen(command, stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asking:
        assert asking.stderr is not None
        while not (asked := asking.stderr.read(1)).endswith(b"?"):
            assert asked
        with waiting.orchestrator() as elsewhere:
            kept = elsewhere.deployments
            plan, manifests = kept.pending("production", "shop"), kept.manifests("production", "shop")
            found = plan.reasons[0].model_copy(update={"saw": "it takes the host of blog"})
            more = plan.model_copy(update={"reasons": (*plan.reasons, found)})
            assert kept.propose(more, manifests, lambda *_: False).digest == plan.digest
        os.write(leader, b"y\n")
        _, errors = asking.communicate()
    os.close(leader)
    os.close(follower)
    assert (asking.returncode, b"more is known of it" in errors) == (2, True), errors
    assert "approval: 0 of 1 approvals" in waiting.run("pending").output


def test_a_script_decides_on_nothing_in_which_more_was_found_since_a_person_looked(waiting):
    looked = waiting.json("pending")[0]
    with waiting.orchestrator() as elsewhere:
        kept = elsewhere.deployments
        plan, manifests = kept.pending("production", "shop"), kept.manifests("production", "shop")
        found = plan.reasons[0].model_copy(update={"saw": "it takes the host of blog"})
        more = plan.model_copy(update={"reasons": (*plan.reasons, found)})
        assert (
            kept.propose(more, manifests, lambda *_: False).digest == plan.digest == looked["plan"]["digest"]
        )
    named = ("--digest", plan.digest, "--seen", looked["seen"])
    answer = waiting.run("approve", "production", "shop", *named, *waiting.as_("bob"))
    assert (answer.code, "more is known of it" in answer.errors) == (2, True)
    assert "approval: 0 of 1 approvals" in waiting.run("pending").output
    again = waiting.json("pending")[0]["seen"]
    answer = waiting.run("approve", "production", "shop", "--seen", again, *waiting.as_("bob"))
    assert answer.code == 0


@pytest.mark.parametrize("subject", [("--rules",), ("--commit", "12345678")])
def test_what_was_seen_is_of_one_tenants_bytes(waiting, subject):
    answer = waiting.run("approve", "production", *subject, "--seen", "0" * 32, *waiting.as_("bob"))
    assert (answer.code, "--seen is for one tenant" in answer.errors) == (2, True)


def test_half_a_signer_is_refused(waiting):
    answer = waiting.run("approve", "production", "shop", *waiting.as_("bob")[:2], "--yes")
    assert answer.code == 2
    assert "--as and --key go together" in answer.errors


def test_a_key_that_is_none_is_told(waiting):
    answer = waiting.run(
        "approve", "production", "shop", "--as", "bob@example.com", "--key", ".local/fleet/fleet.yaml", "-y"
    )
    assert answer.code == 2
    assert "the commit could not be signed" in answer.errors


def test_who_has_not_set_up_git_is_told_how(waiting):
    answer = waiting.run("approve", "production", "shop", "--yes")
    assert answer.code == 2
    assert "fix: run: git config --global" in answer.errors


def test_breaking_the_glass_shows_how_far_it_is_and_who_may_not(waiting):
    text = (waiting.fleet / "fleet.yaml").read_text()
    people = "breakGlass: {people: [alice@example.com, bob@example.com]}"
    waiting.commit("fleet.yaml", text.replace("      approval:", f"      {people}\n      approval:"))
    assert waiting.run("approve", "production", "--rules", *waiting.as_("bob")).code == 0
    answer = waiting.run("break-glass", "production", "shop", "-m", "it is down", *waiting.as_("bob"))
    assert answer.code == 0
    assert "the glass is broken by 1 of 2; bob@example.com: it is down" in answer.output

    answer = waiting.run("break-glass", "production", "shop", "-m", "mine", *waiting.as_("alice"))
    assert answer.code == 1
    assert "authors cannot break the glass for their own change" in answer.errors


def test_without_a_rule_for_it_the_glass_cannot_be_broken(waiting):
    answer = waiting.run("break-glass", "production", "shop", "-m", "it is down", *waiting.as_("bob"))
    assert answer.code == 1
    assert "the policy does not name them as one who breaks the glass" in answer.errors
