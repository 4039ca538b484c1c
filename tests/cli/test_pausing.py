def test_whoever_may_stops_the_line_and_starts_it_again(waiting):
    answer = waiting.run("pause", "production", "-m", "it burns", *waiting.as_("bob")[:-1])
    assert answer.code == 0
    assert answer.output.startswith(
        "production: nothing more is released; signed as bob@example.com, commit "
    )
    (gate,) = [each for each in waiting.json("pending")[0]["gates"] if each["key"] == "paused"]
    assert (gate["state"], gate["reason"].split(" at ")[0]) == ("waiting", "production, by bob@example.com")

    status = waiting.run("status")
    assert status.code == 0
    assert "paused  production, by bob@example.com at " in status.output
    (shop,) = waiting.json("status", "-e", "production")
    assert shop["paused"][0].endswith("UTC: it burns")
    assert [each["paused"] for each in waiting.json("status", "-e", "dev")] == [[], []]
    assert "paused  production, by bob@example.com" in waiting.run("plan").output
    assert "Paused: `production, by bob" in waiting.run("plan", "--format", "markdown").output
    assert waiting.run("plan", "-e", "dev").output.count("paused") == 0

    answer = waiting.run("resume", "production", "-m", "out", *waiting.as_("alice")[:-1], "--format", "json")
    assert (answer.code, answer.json["counts"], answer.json["paused"]) == (0, True, False)
    assert "paused" not in waiting.run("status").output


def test_a_tenant_is_paused_alone(waiting):
    answer = waiting.run("pause", "production", "shop", "-m", "x", *waiting.as_("bob")[:-1])
    assert answer.code == 0
    assert "production/shop: nothing more is released" in answer.output
    assert "paused  production/shop, by bob@example.com" in waiting.run("status").output
    assert "paused" in waiting.run("status", "-t", "shop").output
    assert "paused" not in waiting.run("status", "-t", "blog").output


def test_who_may_not_is_told_whom_to_ask_and_nothing_is_pushed(waiting):
    answer = waiting.run("pause", "production", "-m", "x", *waiting.as_("mallory")[:-1])
    assert answer.code == 2
    assert "mallory@example.com may not pause production" in answer.errors
    assert "fix: ask one of: alice@example.com, bob@example.com" in answer.errors
    assert waiting.json("status", "-e", "production")[0]["paused"] == []


def test_where_nobody_may_the_policy_is_what_to_change(waiting):
    answer = waiting.run("pause", "dev", "-m", "x", *waiting.as_("bob")[:-1])
    assert answer.code == 2
    assert "fix: name who may in fleet.yaml: pause.pausers in the policy of dev" in answer.errors


def test_a_key_that_is_somebody_elses_does_not_count(waiting):
    answer = waiting.run(
        "pause", "production", "-m", "x", "--as", "alice@example.com", *waiting.as_("bob")[2:-1]
    )
    assert answer.code == 1
    assert "your decision does not count: it was signed by bob@example.com" in answer.errors


def test_what_is_not_there_cannot_be_paused(waiting):
    assert (
        "did you mean production?" in waiting.run("pause", "prod", "-m", "x", *waiting.as_("bob")[:-1]).errors
    )
    assert (
        "did you mean shop?"
        in waiting.run("pause", "production", "shopp", "-m", "x", *waiting.as_("bob")[:-1]).errors
    )
