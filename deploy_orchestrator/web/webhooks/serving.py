"""Serve an application to strangers: whoever is slow to say what they want makes room for others."""

import uvicorn
from starlette.types import ASGIApp

from deploy_orchestrator.web.impatience import HEADER_SECONDS, impatient

MAX_CONNECTIONS = 64
"""Connections, and requests, that are served at a time; others are told to come back."""

MAX_UNHEARD = 32
"""Connections that have not sent a whole request yet; of more, the oldest is closed."""


def server(app: ASGIApp, host: str, port: int, header_seconds: float = HEADER_SECONDS) -> uvicorn.Server:
    """A server of `app` at `host` and `port`, to be run.

    A connection whose headers do not arrive within `header_seconds` is closed, and so is the oldest of more
    than `MAX_UNHEARD` whose request is not whole.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=impatient(header_seconds, MAX_UNHEARD),
            ws="none",
            limit_concurrency=MAX_CONNECTIONS,
            server_header=False,
            access_log=False,
        )
    )
