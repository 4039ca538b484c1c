"""Serve an application to strangers: whoever is slow to say what they want makes room for others."""

import asyncio
from typing import cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

MAX_CONNECTIONS = 64
"""Connections, and requests, that are served at a time; others are told to come back."""

MAX_UNHEARD = 32
"""Connections that have not sent a whole request yet; of more, the oldest is closed."""

HEADER_SECONDS = 10.0
"""How long the headers of a request may take."""


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
            http=_impatient(header_seconds),
            ws="none",
            limit_concurrency=MAX_CONNECTIONS,
            server_header=False,
            access_log=False,
        )
    )


def _impatient(header_seconds: float) -> type[H11Protocol]:
    unheard: dict[H11Protocol, None] = {}

    class Impatient(H11Protocol):
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._heard(whole=True)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._wait()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._wait()

        def _wait(self) -> None:
            asked = cast(RequestResponseCycle | None, self.cycle)
            if asked and not asked.response_complete:
                self._heard(whole=not asked.more_body)
            elif self._late is None and not self.transport.is_closing():
                self._late = self.loop.call_later(header_seconds, self.transport.close)
                unheard[self] = None
                if len(unheard) > MAX_UNHEARD:
                    oldest = next(iter(unheard))
                    del unheard[oldest]
                    oldest.transport.close()

        def _heard(self, *, whole: bool) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None
            if whole:
                unheard.pop(self, None)

    return Impatient
