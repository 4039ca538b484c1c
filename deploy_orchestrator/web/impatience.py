"""Hear strangers out: whoever is slow to say what they want makes room for others."""

import asyncio
from typing import Final, cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEADER_SECONDS: Final = 10.0
"""How long the headers of a request may take."""


def impatient(header_seconds: float, most: int) -> type[H11Protocol]:
    """A protocol of servers that closes connections whose headers do not arrive within `header_seconds`, and
    the oldest of more than the `most` whose request is not whole. Web sockets are heard.
    """
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
            if self.transport.get_protocol() is not self:
                self._heard(whole=True)
            elif asked and not asked.response_complete:
                self._heard(whole=not asked.more_body)
            elif self._late is None and not self.transport.is_closing():
                self._late = self.loop.call_later(header_seconds, self.transport.close)
                unheard[self] = None
                if len(unheard) > most:
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
