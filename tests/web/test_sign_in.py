"""Sign-in through a real OpenID provider, and what nobody gets without it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from itsdangerous import TimestampSigner
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from deploy_orchestrator.registries import ANYWHERE, Internet
from deploy_orchestrator.web import LOOPBACK, Door, SignIn, SignInFile, person_of
from deploy_orchestrator.web.sign_in import Guard
from deploy_orchestrator.web.sign_in.cookies import Cookies, Session
from tests.openid import client, openid_provider, through_the_provider

BASE = "http://localhost:3000"
KEY = b"a key that signs the cookies of these tests"
PAGE = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
SECRET = "a secret of/this=client+only%"
OURS = client("ours", f"{BASE}/sign-in/acme/back", secret=SECRET)
PUBLIC = client("public", f"{BASE}/sign-in/acme/back")


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with openid_provider([OURS, PUBLIC]) as issuer:
        yield issuer


def described(issuer: str, **changed: Any) -> SignInFile:
    acme = {"name": "acme", "issuer": issuer, "client": "ours", "scopes": OURS["scope"].split()}
    roles = {"sees": ["acme/readers"], "operates": ["alice@example.com"], "administers": ["acme/admins"]}
    return SignInFile.model_validate({"url": BASE, "issuers": [acme], "roles": roles} | changed)


def asked_of(file: SignInFile, secret: str = SECRET, key: bytes = KEY) -> TestClient:
    """A site that tells everybody who they are."""

    def tell(request: Request) -> JSONResponse:
        person = person_of(request.scope)
        return JSONResponse({"who": person.who, "role": person.role.name, "name": person.name})

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(person_of(socket.scope).who)
        await socket.close()

    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("listening")
        await socket.receive_text()

    sign_in = SignIn(file, {"acme": secret}, key, Internet(ANYWHERE.naming(file.issuers[0].issuer)))
    routes = [
        *sign_in.routes(),
        Route("/", tell, methods=["GET", "POST"]),
        Route("/page", tell),
        WebSocketRoute("/talk", talk),
        WebSocketRoute("/listen", listen),
    ]
    app = Door(Starlette(routes=routes, middleware=[Middleware(Guard, sign_in)]), LOOPBACK)
    return TestClient(app, base_url=BASE, follow_redirects=False)


@dataclass
class Tab:
    """A browser at the site and at the provider."""

    site: TestClient
    provider: httpx.Client = field(default_factory=httpx.Client)

    def start(self, then: str = "/") -> str:
        """To where the site sends who presses the button."""
        answer = self.site.post("/sign-in/acme", data={"then": then}, headers=PAGE | {"origin": BASE})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def come_back(self, there: str) -> Any:
        parts = urlsplit(there)
        return self.site.get(f"{parts.path}?{parts.query}", headers=PAGE | {"sec-fetch-site": "cross-site"})

    def sign_in(self, login: str, then: str = "/") -> Any:
        return self.come_back(through_the_provider(self.start(then), login))


def talks(site: TestClient) -> str:
    """Who a WebSocket of this browser is told that it is; nothing where it is refused."""
    own = {"host": "localhost:3000", "cookie": "; ".join(f"{n}={v}" for n, v in site.cookies.items())}
    with suppress(WebSocketDisconnect), site.websocket_connect("/talk", headers=own) as socket:
        return socket.receive_text()
    return ""


@pytest.fixture
def tab(issuer: str) -> Tab:
    return Tab(asked_of(described(issuer)))


@pytest.mark.parametrize(
    ("login", "who", "role"),
    [
        ("alice", "alice@example.com", "OPERATES"),
        ("bob", "bob@example.com", "SEES"),
        ("root", "root@example.com", "ADMINISTERS"),
    ],
)
def test_somebody_signs_in_and_is_who_they_are_at_the_provider(tab, login, who, role):
    answer = tab.sign_in(login, "/page?environment=dev")
    assert (answer.status_code, answer.headers["location"]) == (303, "/page?environment=dev")
    said = tab.site.get("/page").json()
    assert (said["who"], said["role"]) == (who, role)
    assert talks(tab.site) == who


def test_a_client_without_a_secret_signs_people_in_by_pkce_alone(issuer):
    acme = {"name": "acme", "issuer": issuer, "client": "public", "scopes": PUBLIC["scope"].split()}
    tab = Tab(asked_of(described(issuer, issuers=[acme]), secret=""))
    assert tab.sign_in("alice").status_code == 303
    assert tab.site.get("/").json()["who"] == "alice@example.com"


def test_whoever_has_not_signed_in_gets_the_page_that_asks_for_it_and_nothing_else(tab):
    answer = tab.site.get("/page?x=1", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?then=%2Fpage%3Fx%3D1")
    assert "Sign in with acme" in tab.site.get(answer.headers["location"], headers=PAGE).text
    for method, path in (("GET", "/"), ("POST", "/"), ("GET", "/dagster/graphql"), ("DELETE", "/nothing")):
        assert tab.site.request(method, path).status_code == 401
    assert not talks(tab.site)


@pytest.mark.parametrize("login", ["stranger", "mallory"])
def test_who_has_no_role_sees_nothing_though_they_signed_in(tab, login):
    tab.sign_in(login)
    assert tab.site.get("/").status_code == 403
    page = tab.site.get("/", headers=PAGE)
    assert page.status_code == 403
    assert "nobody gave you a role" in page.text
    assert not talks(tab.site)


def test_an_address_that_the_provider_did_not_verify_is_not_who_somebody_is(tab):
    tab.sign_in("mallory")
    assert "mallory of acme" in tab.site.get("/", headers=PAGE).text


def test_the_request_to_the_provider_has_a_challenge_a_state_and_a_nonce_of_its_own(tab):
    asked = [parse_qs(urlsplit(tab.start()).query) for _ in range(2)]
    for each in asked:
        assert each["code_challenge_method"] == ["S256"]
        assert each["response_type"] == ["code"]
        assert SECRET not in str(each)
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(tab):
    tab.start()
    answer = tab.sign_in("alice")
    given = answer.headers.get_list("set-cookie")
    assert len(given) == 2
    for each in given:
        assert "HttpOnly" in each
        assert "SameSite=lax" in each


def test_over_tls_cookies_are_bound_to_the_host(issuer):
    file = described(issuer, url="https://deploy.example.com")
    site = asked_of(file)
    given = site.post("/sign-in/acme", headers={"host": "localhost"}).headers["set-cookie"]
    assert given.startswith("__Host-")
    assert "Secure" in given
    assert "Path=/" in given
    assert "Domain" not in given


@pytest.mark.parametrize("space", [b"\xa0", b"\x85", b"\x1f", b"\t"])
def test_a_cookie_whose_name_only_looks_like_ours_is_not_ours(space):
    """Browsers let another host of the domain set it, though they hold `__Host-` for us alone."""
    cookies, answer = Cookies(b"a key that signs cookies", is_secure=True), Response()
    given = Session(issuer="acme", url="https://acme", subject="1", name="A", email=None, held=())
    cookies.give(answer, "x", given, 60)
    ours = answer.headers["set-cookie"].partition(";")[0].encode()

    def read(said: bytes) -> Session | None:
        asked = HTTPConnection({"type": "http", "headers": [(b"cookie", said)]})
        return cookies.read(asked, "x", Session, 60)

    assert read(space + ours) is None
    assert read(b"a=b; " + space + b"__Host-x=another; " + ours) == given
    assert read(b"a=b;" + ours + b"; " + space + b"__Host-x=another") == given


def test_an_answer_is_taken_once(tab):
    there = through_the_provider(tab.start(), "alice")
    assert tab.come_back(there).status_code == 303
    assert tab.come_back(there).status_code == 400


def test_a_code_is_not_taken_twice_by_the_provider_though_the_browser_keeps_its_cookie(tab):
    start = tab.start()
    kept = dict(tab.site.cookies)
    there = through_the_provider(start, "alice")
    assert tab.come_back(there).status_code == 303
    tab.site.cookies.clear()
    tab.site.cookies.update(kept)
    assert tab.come_back(there).status_code == 403
    assert tab.site.get("/").status_code == 401


def test_the_answer_to_somebody_elses_attempt_signs_nobody_in(issuer, tab):
    other = Tab(asked_of(described(issuer)))
    there = through_the_provider(other.start(), "alice")
    tab.start()
    answer = tab.come_back(there)
    assert answer.status_code == 400
    assert "another attempt" in answer.text
    assert tab.site.get("/").status_code == 401


def test_a_code_of_another_attempt_is_refused_though_its_state_fits(issuer, tab):
    other = Tab(asked_of(described(issuer)))
    stolen = parse_qs(urlsplit(through_the_provider(other.start(), "root")).query)["code"][0]
    state = parse_qs(urlsplit(tab.start()).query)["state"][0]
    answer = tab.site.get("/sign-in/acme/back", params={"code": stolen, "state": state}, headers=PAGE)
    assert answer.status_code == 403
    assert tab.site.get("/").status_code == 401


def test_an_answer_without_an_attempt_signs_nobody_in(tab):
    there = through_the_provider(tab.start(), "alice")
    tab.site.cookies.clear()
    assert tab.come_back(there).status_code == 400


def test_the_answer_of_another_provider_is_refused(tab):
    there = httpx.URL(through_the_provider(tab.start(), "alice"))
    mixed = there.copy_merge_params({"iss": "https://evil.example"})
    assert tab.come_back(str(mixed)).status_code == 400


def test_who_does_not_want_to_is_told_so_and_can_try_again(tab):
    state = parse_qs(urlsplit(tab.start()).query)["state"][0]
    answer = tab.site.get(
        "/sign-in/acme/back", params={"error": "access_denied<script>", "state": state}, headers=PAGE
    )
    assert answer.status_code == 403
    assert "access_denied&lt;script&gt;" in answer.text
    assert "Sign in with acme" in answer.text


def test_a_cookie_that_was_altered_or_signed_with_another_key_is_nobodys(issuer, tab):
    tab.sign_in("bob")
    (name, value), *_ = tab.site.cookies.items()
    for forged in (value[:-2], "A" + value[1:], value.replace(".", ""), "", "x" * 5000):
        tab.site.cookies.clear()
        assert tab.site.get("/", headers={"cookie": f"{name}={forged}"}).status_code == 401
    other = asked_of(described(issuer), key=b"another key that signs cookies of these tests")
    assert other.get("/", headers={"cookie": f"{name}={value}"}).status_code == 401
    assert tab.site.get("/", headers={"cookie": f"{name}={value}"}).status_code == 200


def test_the_cookie_of_an_attempt_is_no_session(tab):
    tab.start()
    ((name, value),) = tab.site.cookies.items()
    tab.site.cookies.clear()
    session = name.removesuffix("-attempt")
    assert tab.site.get("/", headers={"cookie": f"{session}={value}"}).status_code == 401


def test_a_session_ends(issuer, monkeypatch):
    tab = Tab(asked_of(described(issuer, hours=1)))
    tab.sign_in("alice")
    assert tab.site.get("/").status_code == 200
    later = int(time.time()) + 3700
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: later)
    assert tab.site.get("/").status_code == 401


def test_who_listens_on_a_web_socket_hears_nothing_more_when_their_session_ends(issuer, monkeypatch):
    tab = Tab(asked_of(described(issuer, hours=1)))
    began = int(time.time()) - 3600 + 3
    with monkeypatch.context() as patch:
        patch.setattr(TimestampSigner, "get_timestamp", lambda _: began)
        tab.sign_in("alice")
    own = {"host": "localhost:3000", "cookie": "; ".join(f"{n}={v}" for n, v in tab.site.cookies.items())}
    with tab.site.websocket_connect("/listen", headers=own) as socket:
        assert socket.receive_text() == "listening"
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert closed.value.code == 1008


def test_who_signs_out_is_nobody(tab):
    tab.sign_in("alice")
    assert tab.site.post("/sign-out", headers={"origin": BASE}).status_code == 303
    assert tab.site.get("/").status_code == 401


def test_a_link_signs_nobody_in_or_out(tab):
    tab.sign_in("alice")
    assert tab.site.get("/sign-out", headers=PAGE).status_code == 405
    assert tab.site.get("/sign-in/acme", headers=PAGE).status_code == 405
    assert tab.site.get("/").status_code == 200


def test_rights_that_the_file_takes_away_are_gone_with_its_next_reading(issuer, tab):
    tab.sign_in("alice")
    cookies = dict(tab.site.cookies)
    later = asked_of(described(issuer, roles={"sees": ["bob@example.com"]}))
    later.cookies.update(cookies)
    assert later.get("/").status_code == 403


def test_an_address_of_a_domain_that_the_issuer_may_no_longer_speak_for_is_not_who_somebody_is(issuer, tab):
    tab.sign_in("alice")
    cookies = dict(tab.site.cookies)
    for domain, status in (("example.com", 200), ("example.org", 403)):
        acme = {"name": "acme", "issuer": issuer, "client": "ours", "domains": [domain]}
        later = asked_of(described(issuer, issuers=[acme]))
        later.cookies.update(cookies)
        assert later.get("/").status_code == status


def test_a_provider_that_is_no_longer_believed_signed_nobody_in(issuer, tab):
    tab.sign_in("alice")
    cookies = dict(tab.site.cookies)
    elsewhere = {"name": "acme", "issuer": "https://login.example.com", "client": "ours"}
    later = asked_of(described(issuer, issuers=[elsewhere]))
    later.cookies.update(cookies)
    assert later.get("/").status_code == 401


@pytest.mark.parametrize(
    "then",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\n/x", "/sign-in"],
)
def test_nobody_is_led_elsewhere_after_they_signed_in(tab, then):
    assert tab.sign_in("alice", then).headers["location"] == "/"


def test_headers_that_say_who_somebody_is_are_believed_from_nobody(tab):
    forged = {"x-forwarded-email": "root@example.com", "x-forwarded-user": "root", "remote-user": "root"}
    assert tab.site.get("/", headers=forged).status_code == 401
    tab.sign_in("bob")
    assert tab.site.get("/", headers=forged).json()["role"] == "SEES"


def test_a_provider_out_of_reach_is_told_on_the_page():
    tab = Tab(asked_of(described("http://127.0.0.1:9")))
    answer = tab.site.post("/sign-in/acme", headers=PAGE | {"origin": BASE})
    assert answer.status_code == 502
    assert "out of reach" in answer.text


def test_who_waits_for_a_slow_provider_keeps_nobody_else_waiting():
    sign_in = SignIn(described("http://127.0.0.1:9"), {}, KEY, Internet(ANYWHERE))

    async def asked() -> None:
        answers = Event()
        waiting = [asyncio.create_task(sign_in.asks(answers.wait, 20)) for _ in range(60)]
        await asyncio.sleep(0.1)
        await asyncio.wait_for(run_in_threadpool(lambda: None), 15)
        assert not any(each.done() for each in waiting)
        answers.set()
        assert all(await asyncio.gather(*waiting))

    asyncio.run(asked())


def test_a_wrong_client_secret_signs_nobody_in(issuer):
    tab = Tab(asked_of(described(issuer), secret="another"))
    answer = tab.sign_in("alice")
    assert answer.status_code == 403
    assert tab.site.get("/").status_code == 401
