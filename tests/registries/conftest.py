import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stamina

Reply = tuple[int, Mapping[str, str], bytes]


@dataclass
class Server:
    """A server that answers as `answer` says, and remembers each method, path, headers and body."""

    port: int = 0
    asked: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[str], Reply] = lambda path: (404, {}, b"")

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.asked]


@contextmanager
def _serving() -> Iterator[Server]:
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            served.asked.append((self.command, self.path, headers, body))
            status, reply, answer = served.answer(self.path)
            self.send_response(status)
            for name, value in reply.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        served.port = http.server_port
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield served
        http.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with _serving() as served:
        yield served


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """Another server than `server`."""
    with _serving() as served:
        yield served


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """What is tried again is tried at once, as often as without this."""
    with stamina.set_testing(True, attempts=3):
        yield
