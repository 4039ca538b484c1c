from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import stamina

from tests.answering import Reply, answering


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
def serving_answers() -> Iterator[Server]:
    served = Server()

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        served.asked.append((method, path, headers, body))
        return served.answer(path)

    with answering(answer) as served.port:
        yield served


@pytest.fixture
def server() -> Iterator[Server]:
    with serving_answers() as served:
        yield served


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """Another server than `server`."""
    with serving_answers() as served:
        yield served


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """What is tried again is tried at once, as often as without this."""
    with stamina.set_testing(True, attempts=3):
        yield
