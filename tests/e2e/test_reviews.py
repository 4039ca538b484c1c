"""Approve by a review on a real Gitea, with people of their own there and protected branches."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from rig import Gitea, User

from deploy_orchestrator.pipeline import Orchestrator
from tests.desk import FILES, Desk, begin, git, make_keys
from tests.steps import released

BRANCH = "review/production/shop"
RULES = """\
reviews:
  kind: gitea
  api: {url}/api/v1
  project: {owner}/deployments
  people: {people}
"""


@dataclass(frozen=True)
class Team:
    """People on the forge, and what they do with the one pull request that is open there."""

    forge: Gitea
    owner: User
    bot: User
    bob: User
    alice: User
    mallory: User
    desk: Desk

    def ask(self, user: User, method: str, path: str, **content: Any) -> Any:
        answer = httpx.request(
            method,
            f"{self.forge.url}/api/v1/repos/{self.owner.name}/deployments/{path}",
            auth=(user.name, user.password),
            json=content or None,
            timeout=60,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    @property
    def pull(self) -> Any:
        (pull,) = self.ask(self.owner, "GET", "pulls?state=open")
        return pull

    def review(self, user: User, event: str = "APPROVED") -> int:
        path = f"pulls/{self.pull['number']}/reviews"
        head = self.pull["head"]["sha"]
        return self.ask(user, "POST", path, event=event, body="looked at", commit_id=head)["id"]

    def dismiss(self, review: int) -> None:
        path = f"pulls/{self.pull['number']}/reviews/{review}/dismissals"
        self.ask(self.owner, "POST", path, message="not so fast")

    def push(self, user: User, *arguments: str, orphan: bool = False) -> None:
        """Somebody who may write there puts a commit on the branch, or another one in its place."""
        clone = self.desk.folder / f"clone-{user.name}-{orphan}"
        url = self.forge.signed_in(f"{self.forge.url}/{self.owner.name}/deployments.git", user)
        git(self.desk.folder, "clone", "--quiet", "--branch", BRANCH, url, str(clone))
        identity = ("-c", f"user.name={user.name}", "-c", f"user.email={user.email}")
        if orphan:
            git(clone, *identity, "commit", "--quiet", "--amend", "--allow-empty", "--message", "Another")
        else:
            git(clone, *identity, "commit", "--quiet", "--allow-empty", "--message", "More")
        git(clone, "push", "--quiet", *arguments, "origin", f"HEAD:{BRANCH}")

    def closed(self) -> list[str]:
        with self.desk.orchestrator() as opened:
            return [each.key for each in opened.gates(waiting(opened)) if not each.passed]

    def asked(self) -> None:
        with self.desk.orchestrator() as opened:
            opened.ask_for_reviews()


def waiting(orchestrator: Orchestrator) -> Any:
    plan = orchestrator.deployments.pending("production", "shop")
    assert plan is not None
    return plan


@pytest.fixture(scope="module")
def team(forge: Gitea, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """What waits for an approval in production has its pull request."""
    folder = tmp_path_factory.mktemp("reviewed")
    owner, bot, bob, alice, mallory = (
        forge.user(f"reviewed-{name}") for name in ("owner", "bot", "bob", "alice", "mallory")
    )
    url = forge.repository(owner, "deployments")
    for each in (bot, bob, alice, mallory):
        forge.collaborate(owner, "deployments", each)
    desk, keys = Desk(folder), folder / "keys"
    keys.mkdir()
    make_keys(keys, ("alice", "bob"))
    begin(desk, keys)
    token = forge.token(bot)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DEPLOY_ORCHESTRATOR_DEPLOYMENTS", forge.signed_in(url, token))
        patch.setenv("DEPLOY_ORCHESTRATOR_REVIEWS_TOKEN", token.password)
        people = {"bob@example.com": bob.name, "alice@example.com": alice.name}
        rules = RULES.format(url=forge.url, owner=owner.name, people=json.dumps(people))
        desk.commit("fleet.yaml", FILES["fleet.yaml"] + rules)
        desk.ship()
        forge.protect(owner, "deployments", "main", bot)
        desk.commit("tenants/shop/values.yaml", "legacy: false\n")
        desk.ship()
        found = Team(forge, owner, bot, bob, alice, mallory, desk)
        found.asked()
        forge.protect(owner, "deployments", "reviews", bot)
        yield found


def test_the_pull_request_says_what_waits_and_is_open_once(team: Team) -> None:
    team.asked()
    pull = team.pull
    with team.desk.orchestrator() as opened:
        digest = waiting(opened).digest
    assert digest in pull["body"]
    assert "shop-legacy" in pull["body"]
    assert pull["base"]["ref"] == "reviews"
    assert team.closed() == ["approval"]


def test_the_author_and_whoever_is_not_named_approve_nothing(team: Team) -> None:
    team.review(team.alice)
    team.review(team.mallory)
    assert team.closed() == ["approval"]


def test_a_review_counts_until_it_is_dismissed(team: Team) -> None:
    review = team.review(team.bob)
    assert team.closed() == []
    team.dismiss(review)
    assert team.closed() == ["approval"]


def test_a_review_counts_for_the_text_that_was_asked_for(team: Team) -> None:
    review, pull = team.review(team.bob), team.pull
    for changed in ({"body": pull["body"] + "\nnothing much"}, {"title": "Nothing much"}):
        assert team.closed() == []
        team.ask(team.owner, "PATCH", f"pulls/{pull['number']}", **changed)
        assert team.closed() == ["approval"]
        team.asked()
        assert team.closed() == ["approval"], "who knows what they have read"
        review = team.review(team.bob)
    team.dismiss(review)


def test_a_review_counts_for_what_stood_there(team: Team) -> None:
    team.review(team.bob)
    team.push(team.mallory)
    assert team.closed() == ["approval"]
    team.review(team.bob)
    assert team.closed() == []
    team.push(team.mallory, "--force", orphan=True)
    assert team.closed() == ["approval"]


def test_who_asks_for_changes_holds_it(team: Team) -> None:
    review = team.review(team.bob, "REQUEST_CHANGES")
    with team.desk.orchestrator() as opened:
        (gate,) = [each for each in opened.gates(waiting(opened)) if not each.passed]
    assert "rejected by bob@example.com: looked at" in gate.reason
    team.dismiss(review)


def test_what_bob_approved_is_released_with_his_review_and_its_pull_request_is_closed(team: Team) -> None:
    team.review(team.bob)
    with team.desk.orchestrator() as opened:
        release = released(opened, waiting(opened))
        opened.ask_for_reviews()
    (approval,) = release.approvals
    assert (approval.who, approval.reason) == ("bob@example.com", "looked at")
    assert approval.review is not None
    assert approval.review.startswith(f"{team.forge.url}/")
    assert team.ask(team.owner, "GET", "pulls?state=open") == []
    answer = team.desk.run("audit")
    assert answer.code == 0, answer.output + answer.errors
