"""The way back: shown first, further than one release, and for all that a commit had changed."""

import pytest


@pytest.fixture
def thrice(desk):
    """dev/blog was released three times: hello, one, two."""
    for greeting in ("one", "two"):
        desk.commit("tenants/blog/values.yaml", f"greeting: {greeting}\n")
        desk.ship()
    return desk


def live(desk):
    (file,) = (desk.folder / ".local/state/sandbox/here/blog-dev").glob("ConfigMap.*.blog.yaml")
    return file.read_text()


def test_a_dry_run_shows_what_would_change_and_changes_nothing(thrice):
    before = thrice.json("history", "dev", "blog")
    answer = thrice.run("rollback", "dev", "blog", "-m", "worse", "--dry-run")
    assert answer.code == 0
    assert "-  greeting: two\n+  greeting: one\n" in answer.output
    assert "undoes one release" in answer.output
    assert thrice.json("history", "dev", "blog") == before
    said = thrice.json("rollback", "dev", "blog", "-m", "worse", "--dry-run")
    assert set(said) == {"now", "back", "undoes", "diff"}
    assert said["undoes"] == [before[0]["commit"]]


def test_a_rollback_goes_as_far_back_as_it_is_told_in_one_push_and_quarantines_all_of_it(thrice):
    events = thrice.json("history", "dev", "blog")
    first = events[2]["commit"]
    answer = thrice.run("rollback", "dev", "blog", "-m", "worse", "--to", first[:8])
    assert answer.code == 0
    assert "undoes 2 releases" in answer.output
    assert "greeting: hello" in live(thrice)
    after = thrice.json("history", "dev", "blog")
    assert [each["kind"] for each in after] == ["revert", "revert", "release", "release", "release"]
    assert after[0]["release"]["digest"] == events[2]["release"]["digest"]
    with thrice.orchestrator() as orchestrator:
        held = [each.reverted for each in orchestrator.deployments.quarantine("dev", "blog")]
    assert held == [events[0]["commit"], events[1]["commit"]]
    assert thrice.run("status").code == 0


def test_a_rollback_of_what_was_brought_back_goes_on_from_there(thrice):
    first = thrice.json("history", "dev", "blog")[2]["commit"]
    assert thrice.run("rollback", "dev", "blog", "-m", "worse").code == 0
    assert "greeting: one" in live(thrice)
    assert thrice.run("rollback", "dev", "blog", "-m", "still", "--to", first).code == 0
    assert "greeting: hello" in live(thrice)


@pytest.mark.parametrize("which", [0, "other", "fleet"])
def test_what_is_no_release_before_is_refused_and_nothing_changes(thrice, which):
    before = thrice.json("history", "dev", "blog")
    other = thrice.json("history", "dev", "shop")[0]["commit"]
    fleet = before[0]["release"]["source"]["commit"]
    to = {"other": other, "fleet": fleet}.get(which) or before[which]["commit"]
    answer = thrice.run("rollback", "dev", "blog", "-m", "worse", "--to", to)
    assert answer.code == 2
    assert thrice.json("history", "dev", "blog") == before


def test_all_that_a_commit_changed_goes_back_at_once(desk):
    desk.commit("charts/app/values.yaml", "greeting: hi all\nlegacy: true\n")
    desk.ship()
    commit = desk.json("status", "dev")[0]["release"]["source"]["commit"]
    dry = desk.json("rollback", "dev", "--commit", commit[:8], "-m", "worse", "--dry-run")
    assert [each["now"]["tenant"] for each in dry] == ["blog", "shop"]
    answer = desk.run("rollback", "dev", "--commit", commit[:8], "-m", "worse")
    assert answer.code == 0
    assert "dev/blog: Healthy" in answer.output
    assert "dev/shop: Healthy" in answer.output
    assert "greeting: hello" in live(desk)


def test_who_cannot_go_back_is_told_and_stops_nobody_else(desk):
    desk.commit("tenants/late/tenant.yaml", (desk.fleet / "tenants/blog/tenant.yaml").read_text())
    desk.commit("charts/app/values.yaml", "greeting: hi all\nlegacy: true\n")
    desk.ship()
    commit = desk.json("status", "dev")[0]["release"]["source"]["commit"]
    answer = desk.run("rollback", "dev", "--commit", commit, "-m", "worse")
    assert answer.code == 2
    assert "dev/late: nothing was released before" in answer.errors
    assert "dev/blog: Healthy" in answer.output
    assert "greeting: hello" in live(desk)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a tenant, or say --commit"),
        (("blog", "--commit", "1234567"), "name a tenant, or say --commit"),
        (("--commit", "1234567", "--to", "1234567"), "--to is for one tenant"),
        (("--commit", "123"), "7 to 40 hexadecimal digits"),
        (("--commit", "1234567"), "nothing is released of the commit 1234567"),
    ],
)
def test_what_is_unclear_is_refused(desk, arguments, said):
    answer = desk.run("rollback", "dev", "-m", "why", *arguments)
    assert answer.code == 2
    assert said in " ".join(answer.errors.replace("│", " ").split())
