"""What gets through the door, and what another site's page cannot do to whoever has it open."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.sync.client import connect

from deploy_orchestrator.web import LOOPBACK, Door, site_server
from tests.web.serving import serving

FOREIGN = {"origin": "http://evil.example"}
FROM_ELSEWHERE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
FOLLOWED = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.fixture
def client() -> TestClient:
    def answer(_: Request) -> PlainTextResponse:
        return PlainTextResponse("in")

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    routes = [
        Route("/", answer),
        Route("/dagster/graphql", answer, methods=["GET", "POST"]),
        WebSocketRoute("/dagster/graphql", talk),
    ]
    return TestClient(Door(Starlette(routes=routes), LOOPBACK), base_url="http://127.0.0.1:3000")


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1", "[::1]:3000", "LOCALHOST"])
def test_this_machines_own_names_are_let_in(client, host):
    assert client.get("/", headers={"host": host}).text == "in"


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "[::", "a@b"),
        *("evil@localhost", "localhost#x", "localhost/x", "localhost?x"),
    ],
)
def test_another_name_that_leads_here_is_not(client, host):
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("path", ["/dagster/graphql", "/dagster/graphql/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_link_asks_graphql_nothing(client, path, method):
    link = f"{path}?query=mutation{{stopRunningSchedule}}"
    assert client.request(method, link, headers=FOLLOWED).status_code == 405


@pytest.mark.parametrize(
    "headers",
    [FOREIGN, {"origin": "null"}, {"origin": "http://["}, FROM_ELSEWHERE, {"sec-fetch-site": "same-site"}],
)
def test_a_page_of_another_site_changes_nothing(client, headers):
    assert client.post("/dagster/graphql", json={}, headers=headers).status_code == 403


def test_a_form_that_is_sent_by_following_it_changes_nothing(client):
    assert client.post("/dagster/graphql", headers=FOLLOWED | FOREIGN).status_code == 403
    assert client.post("/dagster/graphql", headers=FOLLOWED).status_code == 403


def test_another_port_of_this_machine_is_another_site(client):
    assert client.post("/dagster/graphql", headers={"origin": "http://127.0.0.1:8080"}).status_code == 403


def test_a_page_of_another_site_hears_nothing_over_a_websocket(client):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/dagster/graphql", headers=FOREIGN):
        raise AssertionError("it was let in")
    with client.websocket_connect(
        "/dagster/graphql", headers={"origin": "http://127.0.0.1:3000", "host": "127.0.0.1:3000"}
    ):
        pass


def test_a_link_to_a_page_may_be_followed_from_anywhere(client):
    assert client.get("/", headers=FOLLOWED).text == "in"
    assert client.get("/", headers=FROM_ELSEWHERE).status_code == 403


def test_its_own_pages_and_programs_are_let_in(client):
    own = {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-origin"}
    assert client.post("/dagster/graphql", json={}, headers=own).text == "in"
    assert client.post("/dagster/graphql", json={}).text == "in"


@pytest.fixture
def taking() -> Iterator[httpx.Client]:
    """Behind the door something that takes whatever it gets, as Dagster does."""

    async def take(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    server = site_server(
        Door(Starlette(routes=[Route("/", take, methods=["POST"])]), LOOPBACK), "127.0.0.1", 0
    )
    with serving(server) as url, httpx.Client(base_url=url) as client:
        yield client


def test_a_request_of_any_size_is_refused_before_it_is_kept(taking):
    part = b"x" * 1024 * 1024
    assert taking.post("/", content=part).text == str(len(part))
    assert taking.post("/", content=3 * part).status_code == 413
    assert taking.post("/", content=iter([part] * 3)).status_code == 413


def test_strangers_with_half_requests_keep_nobody_out(taking):
    place = (taking.base_url.host, taking.base_url.port or 0)
    with ExitStack() as stack:
        begun = [stack.enter_context(socket.create_connection(place)) for _ in range(400)]
        for each in begun:
            each.sendall(b"GET / HT")
        assert taking.post("/", content=b"x").text == "1"
        begun[0].settimeout(20)
        assert begun[0].recv(1) == b""


def test_a_web_socket_stays_open_when_the_time_for_headers_is_over():
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.send_text(await socket.receive_text())

    app = Door(Starlette(routes=[WebSocketRoute("/", talk)]), LOOPBACK)
    with (
        serving(site_server(app, "127.0.0.1", 0, header_seconds=0.3)) as url,
        connect(url.replace("http", "ws")) as socket,
    ):
        for each in range(4):
            socket.send(str(each))
            assert socket.recv() == str(each)
            time.sleep(0.2)
