import socket
from collections.abc import Iterator

import pytest

from tests.chat import Service, listening


@pytest.fixture
def service() -> Iterator[Service]:
    with listening() as made:
        yield made


@pytest.fixture
def free_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
