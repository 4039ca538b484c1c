import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from starlette.applications import Starlette

from deploy_orchestrator.web import server


@contextmanager
def served(app: Starlette, header_seconds: float = 10.0) -> Iterator[httpx.Client]:
    """`app` on a port of loopback, as `deploy-orchestrator webhooks` serves it; a client of it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = server(app, "127.0.0.1", 0, header_seconds)
        thread = threading.Thread(target=serving.run, args=([listening],))
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
                yield client
        finally:
            serving.should_exit = True
            thread.join()
