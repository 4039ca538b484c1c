"""Somebody decides on the board, through a real provider: what counts, and what becomes no decision."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.responses import Response
from starlette.testclient import TestClient

from deploy_orchestrator.pipeline import Orchestrator, look
from deploy_orchestrator.registries import ANYWHERE, Internet
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web import LOOPBACK, SignIn, SignInFile, Watch, site
from deploy_orchestrator.web.asking import MAX_AT_ONCE
from deploy_orchestrator.web.deciding import DecisionAttempt
from deploy_orchestrator.web.sign_in.cookies import Cookies
from tests.desk import Desk, copied, inside, make_keys
from tests.openid import PEOPLE, client, openid_provider, through_the_provider

BASE = "http://localhost:3000"
SHOP = "/deployments/production/shop"
JSON = {"accept": "application/json"}
OURS = client("sign-in", f"{BASE}/sign-in/acme/back")
DECISIONS = client("decisions", f"{BASE}/decide/acme/back")
ISSUERS = "issuers:\n  - {name: acme, url: '%s', client: decisions, domains: [example.com]}\n"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with openid_provider(
        [OURS, DECISIONS], {**PEOPLE, "dave": {"email": "dave@example.com", "email_verified": True}}
    ) as url:
        yield url


@dataclass
class Board:
    """A browser at the board, whose person is at the provider as well."""

    client: TestClient
    orchestrator: Orchestrator

    def follow(self, there: str, login: str) -> Any:
        parts = urlsplit(through_the_provider(there, login))
        return self.client.get(f"{parts.path}?{parts.query}")

    def sign_in(self, login: str) -> None:
        there = self.client.post("/sign-in/acme", headers={"origin": BASE}).headers["location"]
        assert self.follow(there, login).status_code == 303

    def press(self, decision: str, reason: str = "", **changed: str) -> Any:
        said = {"digest": self.digest, "seen": self.seen, "decision": decision, "reason": reason} | changed
        return self.client.post(f"{SHOP}/decide", data=said, headers={"origin": BASE})

    def decide(self, login: str, decision: str, reason: str = "") -> Any:
        there = self.press(decision, reason)
        assert there.status_code == 303, there.text
        return self.follow(there.headers["location"], login)

    @property
    def said(self) -> Any:
        return self.client.get(SHOP, headers=JSON).json()

    @property
    def digest(self) -> str:
        plan = self.orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        return plan.digest

    @property
    def seen(self) -> str:
        plan = self.orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        return plan.seen

    @property
    def closed(self) -> list[str]:
        plan = self.orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        return [gate.key for gate in self.orchestrator.gates(plan) if not gate.passed]


@pytest.fixture(scope="module")
def provided(held: Desk, issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = copied(held, tmp_path_factory.mktemp("provided"))
    with inside(desk.folder):
        desk.commit("fleet.yaml", (desk.fleet / "fleet.yaml").read_text() + ISSUERS % issuer)
        desk.settle_rules()
        desk.approve_rules()
    return desk


@pytest.fixture
def waiting(provided: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The fleet names the provider, and its approvers have approved that; a change waits for them."""
    monkeypatch.chdir(tmp_path)
    return copied(provided, tmp_path)


@pytest.fixture
def orchestrator(waiting: Desk) -> Iterator[Orchestrator]:
    with waiting.orchestrator() as opened:
        yield opened


@pytest.fixture
def board(orchestrator: Orchestrator, issuer: str) -> Iterator[Board]:
    acme = {"name": "acme", "issuer": issuer, "client": "sign-in", "decisions": "decisions"}
    file = SignInFile.model_validate({"url": BASE, "issuers": [acme], "roles": {"sees": ["acme/*"]}})
    sign_in = SignIn(
        file, {}, b"a key that signs the cookies of these tests", Internet(ANYWHERE.naming(issuer))
    )
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=0.05)
    app = site(watch, orchestrator, None, LOOPBACK, sign_in)
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield Board(client, orchestrator)


def test_an_approver_approves_and_the_proof_stands_in_git(board):
    board.sign_in("bob")
    page = board.client.get(SHOP).text
    assert re.search(r"<button[^>]*>Approve</button>", page)
    assert board.closed == ["approval"]
    answer = board.decide("bob", "approve", "read the diff")
    assert (answer.status_code, answer.headers["location"]) == (303, SHOP)
    assert board.closed == []
    (decided,) = board.said["decisions"]
    assert (decided["who"], decided["reason"], decided["void"]) == ("bob@example.com", "read the diff", "")
    assert decided["proved"].startswith("an ID token of http://127.0.0.1:")
    board.orchestrator.deployments.repository.fetch()
    commit = board.orchestrator.deployments.repository.head("approvals")
    tree = board.orchestrator.deployments.repository.at(commit)
    kept = tree.read(f"{board.digest.removeprefix('sha256:')}/bob@example.com.yaml").decode()
    assert "token:" in kept
    assert "kty: RSA" in kept


def test_all_that_waits_of_one_commit_is_approved_by_a_token_each(board, waiting):
    text = (waiting.fleet / "tenants/shop/tenant.yaml").read_text()
    waiting.commit("tenants/kiosk/tenant.yaml", text)
    waiting.ship()
    waiting.commit("charts/app/values.yaml", "greeting: hello\nlegacy: false\n")
    waiting.commit("tenants/shop/values.yaml", "greeting: other\nlegacy: false\n")
    waiting.ship()
    deployments = board.orchestrator.deployments
    deployments.repository.fetch()
    plans = [each for each in deployments.pending_plans() if each.environment == "production"]
    assert [each.tenant for each in plans] == ["kiosk", "shop"]
    board.sign_in("bob")
    digests = " ".join(f"{each.tenant}:{each.digest.removeprefix('sha256:')}:{each.seen}" for each in plans)
    said = {"environment": "production", "digests": digests, "decision": "approve", "reason": "seen"}
    commit = plans[0].source.commit
    begun = board.client.post(f"/changes/{commit}/decide", data=said, headers={"origin": BASE})
    further = board.follow(begun.headers["location"], "bob")
    assert urlsplit(further.headers["location"]).path != f"/changes/{commit}"
    done = board.follow(further.headers["location"], "bob")
    assert (done.status_code, done.headers["location"]) == (303, f"/changes/{commit}")
    for plan in plans:
        believed, _ = board.orchestrator.decisions(plan)
        assert [(each.who, each.reason) for each in believed] == [("bob@example.com", "seen")]


@pytest.mark.parametrize("digests", ["", "shop", "shop:00", "shop:" + "0" * 64, "a:b " * 21])
def test_what_is_another_by_now_or_too_much_is_not_begun(board, digests):
    board.sign_in("bob")
    said = {"environment": "production", "digests": digests, "decision": "approve"}
    answer = board.client.post(f"/changes/{'1' * 40}/decide", data=said, headers={"origin": BASE})
    assert answer.status_code in (400, 409)


def test_as_many_decisions_as_are_taken_at_once_fit_into_what_the_browser_keeps():
    rest = tuple(
        (f"tenant-{'x' * 40}-{each:02}", f"sha256:{token_hex(32)}", token_hex(16))
        for each in range(MAX_AT_ONCE - 1)
    )
    attempt = DecisionAttempt(
        issuer="acme",
        by=f"{'b' * 60}@example.com",
        state="s" * 43,
        verifier="v" * 64,
        environment="production",
        tenant="shop",
        digest=f"sha256:{'a' * 64}",
        seen="5" * 32,
        decision="approve",
        reason="r" * 500,
        rest=rest,
        then=f"/changes/{'1' * 40}",
    )
    Cookies(b"a key that signs cookies", is_secure=True).give(Response(), "x", attempt, 60)


def test_more_than_a_browser_keeps_is_told_and_not_begun(board):
    board.sign_in("bob")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deploy_orchestrator.web.sign_in.cookies.MAX_COOKIE", 500)
        answer = board.press("approve", reason=token_hex(200))
    assert answer.status_code == 400
    assert "fewer at once" in answer.text


def test_whoever_only_sees_neither_syncs_nor_goes_back(board):
    board.sign_in("bob")
    assert "Roll back" not in board.client.get(SHOP).text
    for act in ("sync", "rollback"):
        answer = board.client.post(f"{SHOP}/{act}", data={"reason": "x"}, headers={"origin": BASE})
        assert answer.status_code == 403
    assert board.client.get(f"{SHOP}/rollback").status_code == 403


def test_a_release_tells_later_how_its_approval_was_proved(board, waiting):
    board.sign_in("bob")
    board.decide("bob", "approve")
    waiting.ship()
    newest = board.said["history"][0]
    assert newest["event"]["kind"] == "release"
    (decided,) = newest["decisions"]
    assert decided["who"] == "bob@example.com"
    assert decided["proved"].endswith("verified again with the key that was recorded")
    audited = waiting.run("audit")
    assert audited.code == 0, audited.output + audited.errors


def test_a_rejection_takes_a_reason_and_holds(board):
    board.sign_in("bob")
    assert board.press("reject").status_code == 400
    board.decide("bob", "reject", "not on a Friday")
    plan = board.orchestrator.deployments.pending("production", "shop")
    (gate,) = [gate for gate in board.orchestrator.gates(plan) if not gate.passed]
    assert "rejected by bob@example.com: not on a Friday" in gate.reason


@pytest.mark.parametrize(
    ("login", "offered", "why"),
    [
        ("alice", ["Reject"], "alice@example.com may not approve: authors cannot approve their own change"),
        ("dave", [], "dave@example.com may not approve or reject: the policy does not name them"),
        ("bob", ["Approve", "Reject"], ""),
    ],
)
def test_only_a_decision_that_counts_is_offered_and_taken(board, login, offered, why):
    board.sign_in(login)
    commit = board.orchestrator.deployments.pending("production", "shop").source.commit
    for path in (SHOP, f"/changes/{commit}"):
        page = board.client.get(path).text
        found = re.findall(r"<button[^>]*>(Approve|Reject)\b[^<]*</button>", page)
        assert (found, why in page) == (offered, True), path
    if "Approve" not in offered:
        answer = board.press("approve")
        assert (answer.status_code, "may not approve production/shop" in answer.text) == (403, True)
        assert board.said["decisions"] == []


def test_who_has_approved_is_offered_nothing_but_to_reject(board):
    board.sign_in("bob")
    board.decide("bob", "approve")
    page = board.client.get(SHOP).text
    assert re.findall(r"<button[^>]*>(Approve|Reject)</button>", page) == ["Reject"]


def test_only_whom_the_policy_names_is_offered_to_stop_the_line(board):
    for login, offered in (("bob", ["Pause"]), ("dave", [])):
        board.sign_in(login)
        page = board.client.get(SHOP).text
        assert re.findall(r"<button[^>]*>(Pause|Resume)</button>", page) == offered
    assert "dave@example.com may not pause or resume: alice@example.com, bob@example.com may" in page


def test_who_decides_at_the_provider_as_somebody_else_decides_nothing(board):
    board.sign_in("bob")
    answer = board.decide("dave", "approve")
    assert answer.status_code == 403
    assert "decided as dave@example.com" in answer.text
    assert board.said["decisions"] == []


def test_what_somebody_began_to_decide_nobody_else_finishes(board):
    """Whoever gets its cookie into another's browser, and them to follow a link, would decide as they."""
    board.sign_in("alice")
    said = {"environment": "production", "decision": "pause", "reason": "it burns"}
    begun = board.client.post("/stop", data=said, headers={"origin": BASE}).headers["location"]
    board.sign_in("bob")
    answer = board.follow(begun, "bob")
    assert (answer.status_code, "began" in answer.text) == (403, True), answer.text
    assert board.orchestrator.pausing() == []


def test_an_address_that_is_not_verified_decides_nothing(board):
    board.sign_in("mallory")
    assert board.press("approve").status_code == 403
    board.sign_in("bob")
    assert board.decide("mallory", "approve").status_code == 403
    assert board.said["decisions"] == []


def test_what_waits_by_now_is_decided_and_nothing_before_it(board):
    board.sign_in("bob")
    answer = board.press("approve", digest="sha256:" + "0" * 64)
    assert answer.status_code == 409
    assert board.said["decisions"] == []


def test_what_was_found_while_somebody_is_at_the_provider_they_have_not_decided_on(board):
    board.sign_in("bob")
    there = board.press("approve").headers["location"]
    kept = board.orchestrator.deployments
    plan, manifests = kept.pending("production", "shop"), kept.manifests("production", "shop")
    found = plan.reasons[0].model_copy(update={"saw": "it takes the host of blog"})
    more = plan.model_copy(update={"reasons": (*plan.reasons, found)})
    assert kept.propose(more, manifests, lambda *_: False).digest == plan.digest
    assert board.follow(there, "bob").status_code == 409
    assert board.closed == ["approval"]


def test_an_answer_of_the_provider_decides_once(board):
    board.sign_in("bob")
    there = through_the_provider(board.press("approve").headers["location"], "bob")
    back = urlsplit(there)
    assert board.client.get(f"{back.path}?{back.query}").status_code == 303
    assert board.client.get(f"{back.path}?{back.query}").status_code == 400


def test_a_link_or_another_sites_form_decides_nothing(board):
    board.sign_in("bob")
    assert board.client.get(f"{SHOP}/decide").status_code == 405
    said = {"digest": board.digest, "seen": board.seen, "decision": "approve"}
    foreign = {"origin": "http://evil.example"}
    assert board.client.post(f"{SHOP}/decide", data=said, headers=foreign).status_code == 403
    assert board.client.get("/decide/acme/back", params={"code": "x", "state": "y"}).status_code == 400


def test_a_token_of_the_client_that_signs_people_in_proves_nothing(board):
    """The nonce of a sign-in is nobody's decision, and its audience is another."""
    board.sign_in("bob")
    asked = parse_qs(urlsplit(board.press("approve").headers["location"]).query)
    assert asked["client_id"] == ["decisions"]
    assert re.fullmatch(r"[0-9a-f]{64}", asked["nonce"][0])


def test_whoever_has_not_signed_in_decides_nothing(board):
    assert board.press("approve").status_code == 401


@pytest.mark.parametrize("verb", ["", "break-glass", "pause"])
def test_nothing_else_is_decided_here(board, verb):
    board.sign_in("bob")
    assert board.press(verb).status_code == 400


def test_an_approver_stops_the_line_and_nothing_is_released_there(board):
    board.sign_in("bob")
    said = {"environment": "production", "tenant": "shop", "decision": "pause", "reason": "it burns"}
    begun = board.client.post("/stop", data=said, headers={"origin": BASE})
    assert begun.status_code == 303, begun.text
    assert board.follow(begun.headers["location"], "bob").headers["location"] == "/"
    assert board.closed == ["approval", "paused"]
    (stopped,) = board.orchestrator.pausing()
    assert (stopped.line.key, [each.who for each in stopped.paused]) == (
        "production/shop",
        ["bob@example.com"],
    )


@pytest.mark.parametrize(
    ("login", "changed", "status"),
    [
        ("dave", {}, 403),
        ("bob", {"decision": "resume"}, 403),
        ("bob", {"decision": "approve"}, 400),
        ("bob", {"reason": " "}, 400),
        ("bob", {"environment": "elsewhere"}, 404),
        ("bob", {"tenant": "nobody"}, 404),
    ],
)
def test_whom_the_policy_does_not_name_stops_nothing_and_no_token_resumes(board, login, changed, status):
    board.sign_in(login)
    said = {"environment": "production", "decision": "pause", "reason": "it burns"} | changed
    assert board.client.post("/stop", data=said, headers={"origin": BASE}).status_code == status
    assert board.orchestrator.pausing() == []


@pytest.fixture
def vouched_for(waiting: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The orchestrator has a key of its own."""
    make_keys(waiting.folder, ["orchestrator"])
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_SIGNING_KEY_FILE", str(waiting.folder / "orchestrator"))


def test_who_may_resumes_on_the_board_where_the_orchestrator_vouches_for_it(vouched_for, board):
    board.sign_in("bob")
    for decision in ("pause", "resume"):
        said = {"environment": "production", "decision": decision, "reason": "it burns"}
        there = board.client.post("/stop", data=said, headers={"origin": BASE})
        time.sleep(1.1)
        assert board.follow(there.headers["location"], "bob").status_code == 303
        (line,) = board.orchestrator.pausing()
        assert bool(line.paused) is (decision == "pause")
    assert line.resumed is not None
    assert (line.resumed.who, line.resumed.reason) == ("bob@example.com", "it burns")


def test_the_first_page_lets_whoever_decides_here_resume_what_is_paused(vouched_for, board):
    board.sign_in("bob")
    said = {"environment": "production", "decision": "pause", "reason": "it burns"}
    there = board.client.post("/stop", data=said, headers={"origin": BASE}).headers["location"]
    board.follow(there, "bob")
    page = ""
    for _ in range(1200):
        page = board.client.get("/").text
        if 'class="paused"' in page:
            break
        time.sleep(0.05)
    assert re.search(r"<button[^>]*>Resume</button>", page)


def test_whom_nothing_waits_for_never_sees_the_page_of_whom_something_waits_for(board):
    seen = {}
    for login in ("bob", "dave", "bob"):
        board.sign_in(login)
        page = board.client.get("/", headers={"x-part": "shown", "accept-encoding": "gzip"})
        assert page.headers["content-encoding"] == "gzip"
        assert page.headers["vary"] == "X-Part, Accept-Encoding"
        seen[login] = "waits for you" in page.text
        assert ("production/shop" in page.text, "<header>" in page.text) == (True, False)
    assert seen == {"bob": True, "dave": False}


def test_where_the_rules_name_no_provider_the_page_has_no_buttons(board, waiting):
    text = (waiting.fleet / "fleet.yaml").read_text()
    waiting.commit("fleet.yaml", text[: text.index("issuers:")])
    board.orchestrator.fleet_repository.fetch()
    board.sign_in("bob")
    assert board.press("approve").status_code == 403
    _ = [time.sleep(0.05) for _ in range(1200) if "Approve</button>" in board.client.get(SHOP).text]
    assert "Approve</button>" not in board.client.get(SHOP).text


def test_a_provider_that_the_approvers_did_not_approve_proves_nothing(desk, issuer):
    with desk.orchestrator() as opened:
        opened.settle_rules()
        text = (desk.fleet / "fleet.yaml").read_text()
        desk.commit("fleet.yaml", text + ISSUERS % issuer)
        opened.fleet_repository.fetch()
        assert opened.fleet().trusted("production") == ()
        assert "issuers: +" in " ".join(opened.rules()["production"].pending.differences)
