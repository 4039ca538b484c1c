"""`token`: made, shown once, listed by its hash, and counting when it was approved."""

import yaml

from deploy_orchestrator.identity import token_hash


def test_a_token_is_shown_once_with_the_lines_that_fleet_yaml_takes(desk):
    answer = desk.run("token", "new", "pipeline", "--may", "operate", "--days", "7")
    assert answer.code == 0
    made = answer.output.strip()
    assert made.startswith("dotoken_")
    assert made not in answer.errors
    ((listed,),) = yaml.safe_load(answer.errors[answer.errors.index("tokens:") :]).values()
    assert (listed["name"], listed["hash"], listed["may"]) == ("pipeline", token_hash(made), "operate")


def test_no_two_tokens_are_the_same(desk):
    made = {desk.run("token", "new", "pipeline", "--format", "json").json["token"] for _ in range(3)}
    assert len(made) == 3


def test_a_name_that_fleet_yaml_would_not_take_is_refused(desk):
    answer = desk.run("token", "new", "Not A Name")
    assert (answer.code, "'Not A Name' is no name" in answer.errors) == (2, True)


def test_a_listed_token_counts_when_its_rules_are_approved(waiting):
    lines = waiting.run("token", "new", "pipeline").errors
    text = (waiting.fleet / "fleet.yaml").read_text()
    waiting.settle_rules()
    waiting.commit("fleet.yaml", f"{text}{lines[lines.index('tokens:') :]}")
    waiting.settle_rules()
    answer = waiting.run("token", "list", "--format", "json")
    assert (answer.code, [each["standing"] for each in answer.json]) == (
        1,
        ["waits for approval: see `deploy-orchestrator pending`"],
    )
    assert "tokens" in waiting.run("pending").output
    assert waiting.run("approve", "production", "--rules", *waiting.as_("bob")).code == 0
    waiting.settle_rules()
    answer = waiting.run("token", "list")
    assert answer.code == 0, answer.errors
    assert "pipeline" in answer.output
    assert "counts" in answer.output


def test_a_fleet_without_tokens_lists_none(desk):
    answer = desk.run("token", "list")
    assert (answer.code, answer.output) == (0, "fleet.yaml lists none.\n")
