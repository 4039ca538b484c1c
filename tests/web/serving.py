"""The board as a server of its own, which real browsers and programs reach."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import uvicorn


@contextmanager
def serving(server: uvicorn.Server) -> Iterator[str]:
    """Its address."""
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = datetime.now() + timedelta(seconds=60)
    while not server.started:
        assert thread.is_alive()
        assert datetime.now() < until
        thread.join(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def free_port() -> int:
    """One of this machine that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]
