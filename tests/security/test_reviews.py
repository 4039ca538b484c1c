"""An approving review counts for exactly the commit, the text and the person that it is about."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy_orchestrator.forges import Forge, ForgeError
from deploy_orchestrator.forges.forge import MAX_TEXT
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.registries import Egress, Internet
from deploy_orchestrator.releases import GatesClosed, Plan, PullRequests
from tests.desk import Desk, copied, inside
from tests.hosted import BASE, OWN, PROJECT, TOKEN, Hosted, hosted
from tests.steps import propose, released

BRANCH = "review/production/shop"
RULES = """\
reviews:
  kind: gitea
  api: {api}
  project: {project}
  people: {people}
"""
Closed = Callable[[], list[str]]
PAGES = 2
PEOPLE = {"bob@example.com": "bob-s", "alice@example.com": "alice"}


@contextmanager
def asked(held: Desk, folder: Path) -> Iterator[tuple[Desk, Hosted]]:
    """The rules name the forge, and a pull request is open there for what waits."""
    desk = copied(held, folder)
    with (
        inside(folder),
        pytest.MonkeyPatch.context() as patch,
        hosted(folder / ".local/deployments.git") as forge,
    ):
        patch.setenv("DEPLOY_ORCHESTRATOR_REVIEWS_TOKEN", TOKEN)
        with desk.orchestrator() as opened:
            opened.settle_rules()
        text = (desk.fleet / "fleet.yaml").read_text()
        rules = RULES.format(api=forge.api, project=PROJECT, people=json.dumps(PEOPLE))
        desk.commit("fleet.yaml", text + rules)
        with desk.orchestrator() as opened:
            opened.settle_rules()
            opened.ask_for_reviews()
            assert forge.pulls == [], "those that the approvers did not approve are nobody's forge"
        answer = desk.run("approve", "production", "--rules", *desk.as_("bob"))
        assert answer.code == 0, answer.errors
        with desk.orchestrator() as opened:
            opened.settle_rules()
            opened.ask_for_reviews()
        yield desk, forge


@pytest.fixture(scope="module")
def walked(held: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Hosted]]:
    with asked(held, tmp_path_factory.mktemp("reviewed")) as found:
        yield found


@pytest.fixture
def forge(walked: tuple[Desk, Hosted]) -> Iterator[Hosted]:
    """As it was at first, whatever is done there."""
    forge, head = walked[1], walked[1].head(BRANCH)
    pulls = deepcopy(forge.pulls)
    yield forge
    forge.pulls, forge.reviews, forge.is_there = pulls, {}, True
    git(forge, "update-ref", f"refs/heads/{BRANCH}", head)


@pytest.fixture
def orchestrator(walked: tuple[Desk, Hosted]) -> Iterator[Orchestrator]:
    with walked[0].orchestrator() as opened:
        yield opened


@pytest.fixture
def closed(orchestrator: Orchestrator) -> Closed:
    """The gates that hold what waits, as whoever releases it sees them; nothing is released by it."""

    def read() -> list[str]:
        orchestrator.deployments.repository.fetch()
        plan = waiting(orchestrator)
        return [each.key for each in orchestrator.gates(plan) if not each.passed]

    return read


def waiting(orchestrator: Orchestrator) -> Plan:
    plan = orchestrator.deployments.pending("production", "shop")
    assert plan is not None
    return plan


def git(forge: Hosted, *arguments: str, told: str | None = None) -> str:
    identity = ("-c", "user.name=M", "-c", "user.email=mallory@example.com")
    command = ["git", "-C", forge.repository, *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=told).stdout.strip()


def push(forge: Hosted, tree: str, *parents: str) -> None:
    """Somebody who may write there has the branch be a new commit of a `tree`."""
    after = (word for parent in parents for word in ("-p", parent))
    commit = git(forge, "commit-tree", git(forge, "rev-parse", tree), *after, "-m", "x")
    git(forge, "update-ref", f"refs/heads/{BRANCH}", commit)


def test_an_approving_review_of_what_waits_opens_the_gate(forge: Hosted, closed: Closed) -> None:
    assert closed() == ["approval"]
    forge.review("bob-s")
    assert closed() == []


def test_who_wrote_it_in_the_forges_editor_does_not_review_it(held: Desk, tmp_path: Path) -> None:
    with asked(held, tmp_path) as (desk, forge):
        file = desk.fleet / "tenants/shop/values.yaml"
        file.write_text("greeting: written on the forge\n")
        said = [
            "commit",
            "--quiet",
            "--all",
            "--message=Greet",
            "--author=b <7+Bob-S@users.noreply.github.com>",
        ]
        subprocess.run(["git", "-C", desk.fleet, *said], check=True)
        with desk.orchestrator() as opened:
            assert propose(opened, "production", "shop")
            opened.ask_for_reviews()
            forge.review("bob-s")
            gates = {each.key: each.reason for each in opened.gates(waiting(opened)) if not each.passed}
    assert "authors cannot approve their own change" in gates["approval"]


def test_the_account_is_the_same_whatever_its_capitals(forge: Hosted, closed: Closed) -> None:
    forge.review("BOB-S")
    assert closed() == []


def test_a_review_of_what_was_pushed_since_counts_where_it_says_the_same(
    forge: Hosted, closed: Closed
) -> None:
    forge.review("bob-s")
    assert closed() == []
    push(forge, f"{BRANCH}^{{tree}}", forge.head(BRANCH))
    assert closed() == ["approval"]
    forge.review("bob-s")
    assert closed() == []


def test_what_is_asked_fits_the_forge_however_much_there_is_to_say(
    forge: Hosted, orchestrator: Orchestrator
) -> None:
    """A text that the forge has cut is not what was asked for, and no review of it would count."""
    plan = waiting(orchestrator)
    source = plan.source.model_copy(update={"authors": tuple(f"{n}@example.com" for n in range(5000))})
    large = plan.model_copy(update={"reasons": plan.reasons * 5000, "source": source})
    web = Internet(Egress().naming(forge.api))
    there = Forge("gitea", forge.api, PROJECT, TOKEN, web)
    PullRequests.read(orchestrator.deployments.repository, there, OWN.casefold()).ask(large, None)
    assert len(forge.open()["body"]) < MAX_TEXT
    assert "more reasons" in forge.open()["body"]


def test_a_review_of_what_was_asked_before_more_was_known_lets_nothing_through(
    held: Desk, tmp_path: Path
) -> None:
    """The same bytes by their name, which leads to another image by now; nobody was asked about that yet."""
    with asked(held, tmp_path) as (desk, forge), desk.orchestrator() as opened:
        kept, first = opened.deployments, waiting(opened)
        manifests = kept.manifests("production", "shop")
        assert manifests is not None

        def led(digit: str) -> None:
            more = first.model_copy(update={"images": {"app:1": f"sha256:{digit * 64}"}})
            planned = kept.propose(more, manifests, lambda *_: False)
            assert planned is not None
            assert planned.digest == first.digest

        def is_open() -> bool:
            return all(each.passed for each in opened.gates(waiting(opened)))

        led("1")
        opened.ask_for_reviews()
        led("2")
        forge.review("bob-s")
        assert not is_open()
        opened.ask_for_reviews()
        forge.review("bob-s")
        assert is_open()


def rewritten(forge: Hosted) -> None:
    """Nothing of what was reviewed is left, and nobody has fetched it."""
    forge.review("bob-s", "REQUEST_CHANGES", commit_id="1" * 40)
    push(forge, f"{BRANCH}^{{tree}}")


def stale_by_another_commit(forge: Hosted) -> None:
    forge.review("bob-s", "REQUEST_CHANGES", stale=True)
    push(forge, f"{BRANCH}^{{tree}}", forge.head(BRANCH))


def another_into_another_branch(forge: Hosted) -> None:
    """Whoever may read there opens another pull request of the same branch."""
    forge.review("bob-s", "REQUEST_CHANGES")
    forge.opens(BRANCH, "main", "x")


def sent_into_another_branch(forge: Hosted) -> None:
    forge.review("bob-s", "REQUEST_CHANGES")
    forge.open()["base"]["ref"] = "main"


def with_another_text(forge: Hosted) -> None:
    forge.review("bob-s", "REQUEST_CHANGES")
    forge.open()["body"] = "looks good to all of us"


def with_another_title(forge: Hosted) -> None:
    forge.review("bob-s", "REQUEST_CHANGES")
    forge.open()["title"] = "Nothing to see"


def closed_and_opened_anew(forge: Hosted) -> None:
    """Somebody closes it; the orchestrator looks again."""
    forge.review("bob-s", "REQUEST_CHANGES")
    forge.open()["state"] = "closed"


def closed_behind_another(forge: Hosted) -> None:
    """Somebody closes it, opens another of the same branch, and the orchestrator closes that."""
    closed_and_opened_anew(forge)
    forge.opens(BRANCH, "reviews", "x")


def behind_one_about_something_else(forge: Hosted) -> None:
    """The change was taken back, another one waited in its place, and then it again."""
    closed_and_opened_anew(forge)
    forge.opens(BRANCH, "reviews", "x", by=OWN)


def closed_behind_one_of_a_fork(forge: Hosted) -> None:
    closed_and_opened_anew(forge)
    forge.opens(BRANCH, "reviews", "x", of="zoe/deployments")["state"] = "closed"


def without_the_right_to_approve(forge: Hosted) -> None:
    """The rules name them, whatever the forge makes of what they say."""
    forge.review("bob-s", "REQUEST_CHANGES", official=False)


def of_what_others_pushed(forge: Hosted) -> None:
    """Somebody pushes what says nothing of the change, for people to review, and it is written over."""
    push(forge, "reviews^{tree}", forge.head(BRANCH))
    forge.review("bob-s", "REQUEST_CHANGES")


def closed_in_another_branch(forge: Hosted) -> None:
    sent_into_another_branch(forge)
    forge.pulls[0]["state"] = "closed"


UNDOING = [
    rewritten,
    stale_by_another_commit,
    another_into_another_branch,
    sent_into_another_branch,
    with_another_text,
    with_another_title,
    closed_and_opened_anew,
    closed_behind_another,
    behind_one_about_something_else,
    closed_behind_one_of_a_fork,
    without_the_right_to_approve,
    of_what_others_pushed,
    closed_in_another_branch,
]


@pytest.mark.parametrize("undo", UNDOING, ids=lambda undo: undo.__name__)
def test_a_rejection_by_review_stands_whatever_others_do_to_it(
    undo: Callable[[Hosted], None], forge: Hosted, orchestrator: Orchestrator
) -> None:
    undo(forge)
    orchestrator.deployments.repository.fetch()
    (gate,) = [each for each in orchestrator.gates(waiting(orchestrator)) if each.key == "approval"]
    assert not gate.passed
    orchestrator.ask_for_reviews()
    orchestrator.deployments.repository.fetch()
    gates = orchestrator.gates(waiting(orchestrator))
    assert [each.reason for each in gates if "rejected by bob@example.com" in each.reason]


def test_a_rejection_by_review_stands_though_its_pull_request_is_sent_elsewhere_and_later_closed(
    forge: Hosted, orchestrator: Orchestrator
) -> None:
    """The orchestrator looks in between, and asks again where it was."""
    sent_into_another_branch(forge)
    orchestrator.ask_for_reviews()
    for base in ("main", BASE):
        forge.pulls[0]["base"]["ref"] = base
        forge.pulls[0]["state"] = "closed"
        orchestrator.ask_for_reviews()
    orchestrator.deployments.repository.fetch()
    gates = orchestrator.gates(waiting(orchestrator))
    assert [each.reason for each in gates if "rejected by bob@example.com" in each.reason]


def test_where_commits_are_signed_none_that_others_pushed_says_what_a_rejection_is_about(
    held: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "signing"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_SIGNING_KEY_FILE", str(key))
    with asked(held, tmp_path / "reviewed") as (desk, forge):
        own = git(forge, "show", f"{BRANCH}:production/shop.md")
        other = re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", own)
        file = git(forge, "hash-object", "-w", "--stdin", told=other)
        folder = git(forge, "mktree", told=f"100644 blob {file}\tshop.md")
        push(forge, git(forge, "mktree", told=f"040000 tree {folder}\tproduction"), forge.head(BRANCH))
        forge.review("bob-s", "REQUEST_CHANGES")
        with desk.orchestrator() as orchestrator:
            orchestrator.ask_for_reviews()
            orchestrator.deployments.repository.fetch()
            gates = orchestrator.gates(waiting(orchestrator))
    assert [each.reason for each in gates if "rejected by bob@example.com" in each.reason]


def pushed_after(forge: Hosted) -> None:
    """Something else is pushed to the branch, after the review."""
    forge.review("bob-s")
    push(forge, f"{BRANCH}^{{tree}}", forge.head(BRANCH))


def pushed_by_force(forge: Hosted) -> None:
    """The branch is rewritten to a commit with the same content, which nobody reviewed."""
    forge.review("bob-s")
    push(forge, f"{BRANCH}^{{tree}}")


def another_file(forge: Hosted) -> None:
    """The branch says something else than the pull request, and that was reviewed."""
    push(forge, "reviews^{tree}", forge.head(BRANCH))
    forge.review("bob-s")


def edited(forge: Hosted) -> None:
    """The text is another than was asked for, before or after."""
    forge.open()["body"] = forge.open()["body"].replace("exactly these bytes", "nothing much")
    forge.review("bob-s")


def retitled(forge: Hosted) -> None:
    forge.open()["title"] = "dev/blog: safe, 0 changed"
    forge.review("bob-s")


def dismissed(forge: Hosted) -> None:
    forge.review("bob-s")["dismissed"] = True


def dismissed_after_another(forge: Hosted) -> None:
    """What they said before is no longer what they say."""
    forge.review("bob-s")
    forge.review("bob-s", dismissed=True)


def withdrawn(forge: Hosted) -> None:
    forge.review("bob-s")
    forge.review("bob-s", "REQUEST_CHANGES")


def withdrawn_on_a_later_page(forge: Hosted) -> None:
    forge.review("bob-s")
    for _ in range(120):
        forge.review("carol", "COMMENT")
    forge.review("bob-s", "REQUEST_CHANGES")


def stale(forge: Hosted) -> None:
    forge.review("bob-s", stale=True)


def by_the_author(forge: Hosted) -> None:
    forge.review("alice")


def by_a_stranger(forge: Hosted) -> None:
    forge.review("mallory")


def by_one_who_calls_themselves_so(forge: Hosted) -> None:
    """Addresses and names of accounts are what people write there."""
    forge.review("mallory", user={"login": "mallory", "email": "bob@example.com", "full_name": "bob-s"})


def by_a_team(forge: Hosted) -> None:
    forge.review("bob-s", user=None, team={"name": "approvers"})


def without_the_right_to(forge: Hosted) -> None:
    """The forge does not count it: whoever wrote it may not write there."""
    forge.review("bob-s", official=False)


def a_comment(forge: Hosted) -> None:
    forge.review("bob-s", "COMMENT")


def not_yet_sent(forge: Hosted) -> None:
    forge.review("bob-s", "PENDING")


def asked_for(forge: Hosted) -> None:
    forge.review("bob-s", "REQUEST_REVIEW")


def of_another_commit(forge: Hosted) -> None:
    forge.review("bob-s", commit_id=forge.head("main"))


def without_a_commit(forge: Hosted) -> None:
    forge.review("bob-s", commit_id=None)


def dated_ahead(forge: Hosted) -> None:
    forge.review("bob-s", submitted_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())


def expired(forge: Hosted) -> None:
    forge.review("bob-s", submitted_at=(datetime.now(UTC) - timedelta(days=8)).isoformat())


def closed_there(forge: Hosted) -> None:
    forge.review("bob-s")
    forge.open()["state"] = "closed"


def into_another_branch(forge: Hosted) -> None:
    forge.review("bob-s")
    forge.open()["base"]["ref"] = "main"


def from_a_fork(forge: Hosted) -> None:
    forge.review("bob-s")
    forge.open()["head"]["repo"] = {"full_name": "mallory/deployments"}


def from_a_fork_that_is_gone(forge: Hosted) -> None:
    forge.review("bob-s")
    forge.open()["head"]["repo"] = None


def opened_by_somebody_else(forge: Hosted) -> None:
    """Who opened it shows reviewers what they like, and puts back what was asked."""
    forge.open()["user"] = {"login": "zoe"}
    forge.review("bob-s")


def while_it_is_out_of_reach(forge: Hosted) -> None:
    forge.review("bob-s")
    forge.is_there = False


def of_an_answer_that_nobody_can_read(forge: Hosted) -> None:
    forge.review("bob-s")
    forge.review("carol", submitted_at="yesterday")


VOID = [
    pushed_after,
    pushed_by_force,
    another_file,
    edited,
    retitled,
    dismissed,
    dismissed_after_another,
    withdrawn,
    withdrawn_on_a_later_page,
    stale,
    by_the_author,
    by_a_stranger,
    by_one_who_calls_themselves_so,
    by_a_team,
    without_the_right_to,
    a_comment,
    not_yet_sent,
    asked_for,
    of_another_commit,
    without_a_commit,
    dated_ahead,
    expired,
    closed_there,
    into_another_branch,
    from_a_fork,
    from_a_fork_that_is_gone,
    opened_by_somebody_else,
    while_it_is_out_of_reach,
    of_an_answer_that_nobody_can_read,
]


@pytest.mark.parametrize("done", VOID, ids=lambda each: each.__name__)
def test_a_review_lets_nothing_through_that_is(
    forge: Hosted, orchestrator: Orchestrator, closed: Closed, done: Callable[[Hosted], None]
) -> None:
    done(forge)
    assert closed() == ["approval"]
    with pytest.raises(GatesClosed) as refused:
        released(orchestrator, waiting(orchestrator))
    assert [gate.key for gate in refused.value.gates] == ["approval"]


@pytest.fixture
def few_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy_orchestrator.forges.forge.MAX_PAGES", PAGES)


def too_large(forge: Hosted) -> None:
    """Control characters take six bytes each in JSON."""
    forge.opens("elsewhere", "main", "x", "\x01" * 900_000)


def too_many(forge: Hosted) -> None:
    for _ in range(PAGES * 50):
        forge.opens("elsewhere", "main", "x")


@pytest.mark.usefixtures("few_pages")
@pytest.mark.parametrize(
    "others", [another_into_another_branch, too_large, too_many], ids=lambda each: each.__name__
)
def test_what_others_open_there_takes_no_review_away(
    others: Callable[[Hosted], None], forge: Hosted, orchestrator: Orchestrator, closed: Closed
) -> None:
    forge.review("bob-s")
    others(forge)
    forge.review("bob-s")
    assert closed() == []
    forge.review("bob-s", "REQUEST_CHANGES")
    assert closed() == ["approval"]


@pytest.mark.usefixtures("few_pages")
@pytest.mark.parametrize("others", [too_large, too_many], ids=lambda each: each.__name__)
def test_where_not_all_can_be_read_nothing_goes_out_that_may_have_been_rejected(
    others: Callable[[Hosted], None], forge: Hosted, orchestrator: Orchestrator
) -> None:
    (asked,) = forge.pulls
    forge.pulls.clear()
    others(forge)
    large = {"number": len(forge.pulls) + 1, "body": "\x01" * 900_000}
    forge.pulls.append(asked | large)
    with pytest.raises(GatesClosed, match="the forge cannot tell"):
        released(orchestrator, waiting(orchestrator))
    gates = orchestrator.gates(waiting(orchestrator))
    assert [each.reason for each in gates if "the forge cannot tell" in each.reason]


def behind_so_many(forge: Hosted, by: str = OWN, days: int = 0) -> None:
    for _ in range(PAGES * 50):
        at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        forge.opens("elsewhere", "main", "x", by=by).update(state="closed", created_at=at)


def grown_too_large(forge: Hosted) -> None:
    forge.pulls[0]["body"] = "\x01" * 900_000


@pytest.mark.usefixtures("few_pages")
@pytest.mark.parametrize("hide", [behind_so_many, grown_too_large], ids=lambda each: each.__name__)
def test_where_not_all_that_were_closed_can_be_read_nothing_is_asked_anew(
    hide: Callable[[Hosted], None], forge: Hosted, orchestrator: Orchestrator
) -> None:
    closed_and_opened_anew(forge)
    hide(forge)
    with pytest.raises(ForgeError, match=r"were closed .* cannot all be read"):
        orchestrator.ask_for_reviews()
    assert {each["state"] for each in forge.pulls} == {"closed"}


@pytest.mark.usefixtures("few_pages")
def test_a_rejection_by_review_is_found_behind_whatever_others_closed(
    forge: Hosted, orchestrator: Orchestrator
) -> None:
    closed_and_opened_anew(forge)
    behind_so_many(forge, by="zoe")
    orchestrator.ask_for_reviews()
    assert [each["number"] for each in forge.pulls if each["state"] == "open"] == [1]


@pytest.mark.usefixtures("few_pages")
def test_what_was_closed_before_anybody_was_asked_is_not_gone_through(
    forge: Hosted, orchestrator: Orchestrator, closed: Closed
) -> None:
    forge.pulls.clear()
    behind_so_many(forge, days=2)
    orchestrator.ask_for_reviews()
    forge.review("bob-s")
    assert closed() == []


def test_one_that_another_account_opened_stays_where_somebody_asked_for_changes_in_it(
    forge: Hosted, orchestrator: Orchestrator, closed: Closed
) -> None:
    """The orchestrator got another account since, or somebody was there first."""
    forge.review("bob-s", "REQUEST_CHANGES")
    (theirs,) = forge.pulls
    theirs["user"] = {"login": "former"}
    with pytest.raises(ForgeError, match=f"asked for changes in {theirs['html_url']}"):
        orchestrator.ask_for_reviews()
    assert ([each["state"] for each in forge.pulls], closed()) == (["open"], ["approval"])
    forge.reviews[theirs["number"]][0]["dismissed"] = True
    orchestrator.ask_for_reviews()
    assert [each["state"] for each in forge.pulls] == ["closed", "open"]


def test_one_from_before_what_is_released_now_is_closed_and_another_is_asked_for(
    forge: Hosted, orchestrator: Orchestrator, closed: Closed
) -> None:
    """Behind it is not looked for what was closed."""
    forge.open().update(
        body="of another plan", created_at=(datetime.now(UTC) - timedelta(days=2)).isoformat()
    )
    orchestrator.ask_for_reviews()
    assert [each["state"] for each in forge.pulls] == ["closed", "open"]
    forge.review("bob-s")
    assert closed() == []


def test_a_pull_request_of_a_fork_takes_the_place_of_none(
    forge: Hosted, orchestrator: Orchestrator, closed: Closed
) -> None:
    """Whoever may read forks, and calls a branch as they like."""
    forge.pulls.clear()
    theirs = forge.opens(BRANCH, "reviews", "x", of="zoe/deployments")
    orchestrator.ask_for_reviews()
    assert theirs["title"] == "x"
    theirs["state"] = "closed"
    forge.review("bob-s")
    assert closed() == []


def test_who_asks_for_changes_there_holds_what_others_approve(
    forge: Hosted, walked: tuple[Desk, Hosted], orchestrator: Orchestrator, closed: Closed
) -> None:
    forge.review("alice", "REQUEST_CHANGES", body="not on a Friday")
    forge.review("bob-s")
    gates = orchestrator.gates(waiting(orchestrator))
    (gate,) = [each for each in gates if not each.passed]
    assert "rejected by alice@example.com: not on a Friday" in gate.reason


def test_one_person_counts_once_there_and_here(forge: Hosted, orchestrator: Orchestrator) -> None:
    forge.review("bob-s")
    forge.review("bob-s")
    believed, _ = orchestrator.decisions(waiting(orchestrator))
    assert [each.who for each in believed] == ["bob@example.com"]


def test_text_that_was_another_for_a_while_is_asked_about_anew(
    forge: Hosted, orchestrator: Orchestrator, closed: Closed
) -> None:
    edited(forge)
    orchestrator.ask_for_reviews()
    assert "exactly these bytes" in forge.open()["body"]
    assert closed() == ["approval"]
    forge.review("bob-s")
    assert closed() == []


def test_it_is_asked_once_released_with_the_review_and_closed(held: Desk, tmp_path: Path) -> None:
    with asked(held, tmp_path) as (desk, forge), desk.orchestrator() as orchestrator:
        head = forge.head(BRANCH)
        orchestrator.ask_for_reviews()
        assert (len(forge.pulls), forge.head(BRANCH)) == (1, head)
        forge.review("bob-s", body="looked at")
        release = released(orchestrator, waiting(orchestrator))
        (approval,) = release.approvals
        assert (approval.who, approval.commit, approval.reason) == ("bob@example.com", head, "looked at")
        assert approval.review == f"{forge.open()['html_url']}#100"
        forge.is_there = False
        answer = desk.run("audit")
        assert answer.code == 0, answer.output + answer.errors
        forge.is_there = True
        orchestrator.ask_for_reviews()
        assert [each["state"] for each in forge.pulls] == ["closed"]


def test_what_takes_its_place_is_asked_about_anew_and_what_is_taken_back_has_none_open(
    held: Desk, tmp_path: Path
) -> None:
    with asked(held, tmp_path) as (desk, forge):
        forge.review("bob-s")
        desk.commit("tenants/shop/values.yaml", "legacy: false\ngreeting: hi there\n")
        desk.ship()
        with desk.orchestrator() as orchestrator:
            orchestrator.ask_for_reviews()
            assert "hi there" in forge.open()["body"]
            gates = orchestrator.gates(waiting(orchestrator))
            assert [each.key for each in gates if not each.passed] == ["approval"]
        desk.commit("tenants/shop/values.yaml", "")
        desk.ship()
        with desk.orchestrator() as orchestrator:
            assert orchestrator.deployments.pending("production", "shop") is None
            orchestrator.ask_for_reviews()
        assert {each["state"] for each in forge.pulls} == {"closed"}


@pytest.mark.parametrize("taken", ["the forge", "the account", "the approver"])
def test_a_rejection_there_stands_though_a_commit_takes_away_who_rejected(
    held: Desk, tmp_path: Path, taken: str
) -> None:
    with asked(held, tmp_path) as (desk, forge):
        forge.review("bob-s", "REQUEST_CHANGES", body="not on a Friday")
        text = (desk.fleet / "fleet.yaml").read_text()
        if taken == "the forge":
            text = text[: text.index("reviews:")]
        elif taken == "the account":
            text = text.replace(json.dumps(PEOPLE), '{"alice@example.com": "alice"}')
        else:
            text = text.replace("[alice@example.com, bob@example.com]", "[alice@example.com]")
        desk.commit("fleet.yaml", text)
        with desk.orchestrator() as orchestrator:
            orchestrator.settle_rules()
            reasons = [each.reason for each in orchestrator.gates(waiting(orchestrator)) if not each.passed]
    assert any("rejected by bob@example.com: not on a Friday" in each for each in reasons)


@pytest.mark.parametrize("asked_anew", [False, True])
def test_a_rejection_there_stands_for_the_same_bytes_whatever_commit_asks_for_them(
    held: Desk, tmp_path: Path, asked_anew: bool
) -> None:
    with asked(held, tmp_path) as (desk, forge):
        forge.review("alice", "REQUEST_CHANGES", body="not on a Friday")
        answer = desk.run("approve", "production", "shop", *desk.as_("bob"))
        assert "not on a Friday" in answer.output + answer.errors
        values = desk.fleet / "tenants/shop/values.yaml"
        desk.commit("tenants/shop/values.yaml", f"{values.read_text()}# a comment\n")
        desk.ship()
        with desk.orchestrator() as orchestrator:
            if asked_anew:
                orchestrator.ask_for_reviews()
            reasons = [each.reason for each in orchestrator.gates(waiting(orchestrator)) if not each.passed]
    assert any("rejected by alice@example.com: not on a Friday" in each for each in reasons)


def test_a_pull_request_that_somebody_else_opened_is_closed_and_another_is_asked_for(
    forge: Hosted, orchestrator: Orchestrator, closed: Closed
) -> None:
    opened_by_somebody_else(forge)
    (theirs,) = forge.pulls
    orchestrator.ask_for_reviews()
    assert theirs["state"] == "closed"
    assert closed() == ["approval"]
    forge.review("bob-s")
    assert closed() == []
