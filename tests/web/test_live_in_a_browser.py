"""People in a real browser, at a real provider: sign in, see what waits, decide, and watch it go live."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy_orchestrator.pipeline import Orchestrator, look
from deploy_orchestrator.registries import ANYWHERE, Internet
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web import LOOPBACK, SignIn, SignInFile, Watch, site, site_server
from tests.chromium import chromium, needs_chromium
from tests.desk import Desk
from tests.openid import PEOPLE, client, openid_provider
from tests.steps import released
from tests.web.serving import free_port, serving

pytestmark = needs_chromium
ISSUERS = "issuers:\n  - {name: acme, url: '%s', client: decisions, domains: [example.com], maxAge: 5m}\n"
SHOP = "/deployments/production/shop"
VIEWER = {"email": "viewer@example.com", "email_verified": True, "name": "Viewer", "groups": ["readers"]}
PATIENCE = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def issuer(port: int) -> Iterator[str]:
    back = f"http://127.0.0.1:{port}"
    ours = client("sign-in", f"{back}/sign-in/acme/back")
    decisions = client("decisions", f"{back}/decide/acme/back")
    with openid_provider([ours, decisions], {**PEOPLE, "viewer": VIEWER}) as url:
        yield url


@pytest.fixture
def orchestrator(waiting: Desk, issuer: str) -> Iterator[Orchestrator]:
    """The fleet names the provider, which its approvers have approved."""
    waiting.commit("fleet.yaml", (waiting.fleet / "fleet.yaml").read_text() + ISSUERS % issuer)
    waiting.settle_rules()
    waiting.approve_rules()
    with waiting.orchestrator() as opened:
        yield opened


@pytest.fixture
def address(orchestrator: Orchestrator, issuer: str, port: int) -> Iterator[str]:
    """The board, beside a sensor's loop that releases what nothing holds back any more."""
    url = f"http://127.0.0.1:{port}"
    acme = {"name": "acme", "issuer": issuer, "client": "sign-in", "decisions": "decisions"}
    acme |= {"scopes": ["openid", "email", "profile", "groups"]}
    roles = {"sees": ["acme/readers"], "operates": ["alice@example.com"]}
    file = SignInFile.model_validate({"url": url, "issuers": [acme], "roles": roles})
    sign_in = SignIn(
        file, {}, b"a key that signs the cookies of these tests", Internet(ANYWHERE.naming(issuer))
    )
    watch = Watch(lambda: look(orchestrator, Settings().home), seconds=0.5)
    app = site(watch, orchestrator, None, LOOPBACK, sign_in)
    with serving(site_server(app, "127.0.0.1", port)) as served:
        assert served == url
        yield url


@contextmanager
def sensor(orchestrator: Orchestrator) -> Iterator[None]:
    """Looks again and again, as the sensor `open_gates` does, and ships what may go."""
    done = threading.Event()

    def look_again() -> None:
        while not done.wait(0.5):
            plan = orchestrator.deployments.pending("production", "shop")
            if plan is not None and all(gate.passed for gate in orchestrator.gates(plan)):
                orchestrator.deliver(released(orchestrator, plan))

    thread = threading.Thread(target=look_again, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def sign_in(page: Page, address: str, login: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="acme").click()
    at_the_provider(page, login)


def at_the_provider(page: Page, login: str) -> None:
    """Whatever forms it has, until it sends them back."""
    page.wait_for_load_state()
    while page.locator("input[name=login], input[name=prompt]").count():
        if page.locator("input[name=login]").count():
            page.locator("input[name=login]").fill(login)
            page.locator("input[name=password]").fill("x")
        with page.expect_navigation():
            page.locator("button[type=submit]").first.click()
        page.wait_for_load_state()


def test_an_approver_signs_in_sees_what_waits_approves_and_watches_it_go_live(browser, address, orchestrator):
    with browser.new_context() as context, sensor(orchestrator):
        page = context.new_page()
        sign_in(page, address, "bob")
        expect(page.get_by_text("waits for you")).to_be_visible()
        page.locator(".attention").get_by_role("link", name="production/shop").click()
        page.get_by_label("Reason").first.fill("looked at")
        page.get_by_role("button", name="Approve").click()
        at_the_provider(page, "bob")
        expect(page).to_have_url(f"{address}{SHOP}")
        page.evaluate("window.neverReloaded = true")
        expect(page.get_by_role("heading", name=re.compile("^Waits:"))).to_have_count(0, timeout=PATIENCE)
        expect(page.locator("h1")).to_contain_text("live")
        expect(page.locator(".history").last).to_contain_text("approved by bob@example.com: looked at")
        assert page.evaluate("window.neverReloaded")
    (event, *_) = orchestrator.deployments.history("production", "shop")
    assert [(each.who, each.reason) for each in event.release.approvals] == [("bob@example.com", "looked at")]


def test_who_signs_in_as_another_at_the_provider_decides_nothing(browser, address, orchestrator):
    with browser.new_context() as context:
        page = context.new_page()
        sign_in(page, address, "bob")
        page.goto(f"{address}{SHOP}")
        context.clear_cookies(name=re.compile("^_"))
        page.get_by_role("button", name="Approve").click()
        at_the_provider(page, "alice")
        expect(page.locator("body")).to_contain_text(
            "you are here as bob@example.com, and decided as alice@example.com"
        )
        assert orchestrator.decisions(orchestrator.deployments.pending("production", "shop")) == ([], [])


def test_a_stranger_gets_the_page_that_says_so_and_nothing_else(browser, address):
    with browser.new_context() as context:
        page = context.new_page()
        sign_in(page, address, "stranger")
        expect(page.locator("body")).to_contain_text("nobody gave you a role")
        for path in ("/", SHOP, "/tenants/shop", "/charts", "/audit", "/figures", "/isolation", "/programs"):
            answer = page.goto(f"{address}{path}")
            assert answer is not None
            assert (answer.status, "legacy" in page.content()) == (403, False), path
        for path in ("/events", "/openapi.json", "/static/board.js"):
            assert context.request.get(f"{address}{path}").status == 403, path


def test_a_viewer_sees_and_changes_nothing(browser, address, orchestrator):
    with browser.new_context() as context:
        page = context.new_page()
        sign_in(page, address, "viewer")
        page.goto(f"{address}/deployments/dev/shop")
        expect(page.get_by_role("button", name="Sync")).to_have_count(0)
        own = {"origin": address}
        for path in ("sync", "rollback"):
            answer = context.request.post(
                f"{address}/deployments/dev/shop/{path}", headers=own, form={"reason": "so", "now": "a" * 40}
            )
            assert answer.status == 403
        page.goto(f"{address}{SHOP}")
        why = "viewer@example.com may not approve or reject: the policy does not name them as an approver"
        expect(page.locator("#shown")).to_contain_text(why)
        expect(page.get_by_role("button", name=re.compile("Approve|Reject|Pause"))).to_have_count(0)
        plan = orchestrator.deployments.pending("production", "shop")
        said = {"digest": plan.digest, "seen": plan.seen, "decision": "approve", "reason": ""}
        assert context.request.post(f"{address}{SHOP}/decide", headers=own, form=said).status == 403
        plan = orchestrator.deployments.pending("production", "shop")
        assert not all(gate.passed for gate in orchestrator.gates(plan))
