"""Sign in with a real Gitea in a real browser: who may see, and who may not."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect
from rig import Gitea, User
from signing_in import consent, sign_in

from deploy_orchestrator.pipeline import Orchestrator, look
from deploy_orchestrator.registries import ANYWHERE, Internet
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.web import LOOPBACK, SignIn, SignInFile, Watch, site, site_server
from tests.chromium import chromium, needs_chromium
from tests.desk import Desk, begin, git, inside, make_keys
from tests.steps import released
from tests.web.serving import free_port, serving

pytestmark = needs_chromium
ISSUERS = "issuers:\n  - {{name: gitea, url: '{}', client: {}, domains: [example.com]}}\n"
APPROVERS = "approvers: [alice@example.com, bob@example.com]"
SHOP = "/deployments/production/shop"


@dataclass(frozen=True)
class Served:
    address: str
    orchestrator: Orchestrator
    approver: User
    stranger: User


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(forge: Gitea, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A board whose people are Gitea's, where a change waits for one of them."""
    approver, stranger = (forge.user(f"{name}-{secrets.token_hex(3)}") for name in ("approver", "stranger"))
    address = f"http://127.0.0.1:{free_port()}"
    ours, secret = forge.client(approver, "board", f"{address}/sign-in/gitea/back")
    decisions, proof = forge.client(approver, "decisions", f"{address}/decide/gitea/back")
    folder = tmp_path_factory.mktemp("signed-in")
    desk, keys = Desk(folder), folder / "keys"
    keys.mkdir()
    make_keys(keys, ("alice", "bob"))
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", ".local/deployments.git")
    begin(desk, keys)
    text = (desk.fleet / "fleet.yaml").read_text()
    named = text.replace(APPROVERS, APPROVERS.replace("bob@example.com", approver.email))
    desk.commit("fleet.yaml", named + ISSUERS.format(forge.url, decisions))
    with inside(folder):
        desk.ship()
        desk.commit("tenants/shop/values.yaml", "legacy: false\n")
        desk.ship()
        gitea = {
            "name": "gitea",
            "issuer": forge.url,
            "client": ours,
            "decisions": decisions,
            "scopes": ["openid", "email", "profile", "groups"],
        }
        roles = {"sees": [approver.email]}
        file = SignInFile.model_validate({"url": address, "issuers": [gitea], "roles": roles})
        web = Internet(ANYWHERE.naming(forge.url))
        key = b"a key that signs the cookies of these tests"
        sign_in = SignIn(file, {"gitea": secret, "gitea.decisions": proof}, key, web)
        with desk.orchestrator() as orchestrator:
            watch = Watch(lambda: look(orchestrator, Settings().home), seconds=0.5)
            server = site_server(
                site(watch, orchestrator, None, LOOPBACK, sign_in),
                "127.0.0.1",
                int(address.rpartition(":")[2]),
            )
            with serving(server):
                yield Served(address, orchestrator, approver, stranger)


def test_a_stranger_is_told_that_they_have_no_role_and_sees_nothing(browser: Browser, served: Served) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        sign_in(page, served.address, served.stranger)
        expect(page.locator("body")).to_contain_text("nobody gave you a role")
        for path in ("/", SHOP, "/charts", "/audit"):
            answer = page.goto(f"{served.address}{path}")
            assert answer is not None
            assert (answer.status, "legacy" in page.content()) == (403, False)


def test_an_approver_signs_in_approves_and_watches_it_go_live(browser: Browser, served: Served) -> None:
    orchestrator = served.orchestrator
    with browser.new_context() as context:
        page = context.new_page()
        sign_in(page, served.address, served.approver)
        expect(page.get_by_text("waits for you")).to_be_visible()
        page.locator(".attention").get_by_role("link", name="production/shop").click()
        page.get_by_label("Reason").first.fill("looked at")
        page.get_by_role("button", name="Approve").click()
        consent(page)
        expect(page).to_have_url(f"{served.address}{SHOP}")
        page.evaluate("window.neverReloaded = true")
        plan = orchestrator.deployments.pending("production", "shop")
        assert plan is not None
        assert all(gate.passed for gate in orchestrator.gates(plan))
        orchestrator.deliver(released(orchestrator, plan))
        expect(page.get_by_role("heading", name=re.compile("^Waits:"))).to_have_count(0, timeout=60_000)
        expect(page.locator(".history").last).to_contain_text(
            f"approved by {served.approver.email}: looked at"
        )
        assert page.evaluate("window.neverReloaded")
