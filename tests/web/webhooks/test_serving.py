"""Strangers who hold connections open keep nobody out."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from deploy_orchestrator.web import MAX_CONNECTIONS, Deliveries, receiver
from tests.web.webhooks.conftest import served

BEGUN = b"POST /webhooks HTTP/1.1\r\nHost: x\r\n"


class NoRuns:
    async def start(self, sensor: str) -> int:
        raise AssertionError(sensor)


@contextmanager
def receiving(folder: Path, header_seconds: float = 10.0) -> Iterator[httpx.Client]:
    app = receiver((), "a secret that two share", NoRuns(), Deliveries(folder / "seen.sqlite"))
    with served(app, header_seconds) as client:
        yield client


def opened(client: httpx.Client, stack: ExitStack, sent: bytes) -> socket.socket:
    connection = stack.enter_context(
        socket.create_connection((client.base_url.host, client.base_url.port or 0))
    )
    connection.settimeout(20)
    connection.sendall(sent)
    return connection


@pytest.mark.parametrize("sent", [BEGUN, BEGUN + b"Content-Length: 9\r\n\r\n{", b""])
def test_requests_that_never_end_keep_nobody_out(tmp_path: Path, sent: bytes) -> None:
    with receiving(tmp_path) as client, ExitStack() as stack:
        for _ in range(2 * MAX_CONNECTIONS):
            opened(client, stack, sent)
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("sent", [BEGUN, b""])
def test_headers_that_do_not_arrive_in_time_close_the_connection(tmp_path: Path, sent: bytes) -> None:
    with receiving(tmp_path, header_seconds=0.3) as client, ExitStack() as stack:
        assert opened(client, stack, sent).recv(1) == b""


def test_headers_that_trickle_in_are_given_no_more_time(tmp_path: Path) -> None:
    with receiving(tmp_path, header_seconds=0.3) as client, ExitStack() as stack:
        connection = opened(client, stack, BEGUN)
        connection.settimeout(0.05)
        for _ in range(400):
            try:
                connection.sendall(b"A")
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return
        pytest.fail("the connection was still open")


def test_a_second_request_on_a_connection_must_be_in_time_as_well(tmp_path: Path) -> None:
    with receiving(tmp_path, header_seconds=0.5) as client, ExitStack() as stack:
        connection = opened(client, stack, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in connection.recv(4096)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + BEGUN)
        while connection.recv(4096):
            pass
