"""What a request says in its body, within bounds on size and time."""

import asyncio
from typing import Final

from starlette.requests import Request

MAX_SECONDS: Final = 10.0


class TooMuchSent(Exception):
    """A body has more bytes than it may."""


async def read_body(request: Request, most: int) -> bytes:
    """All that is sent, up to `most` bytes of it.

    Raises:
        TooMuchSent: there is more.
        TimeoutError: it did not arrive within `MAX_SECONDS`.
    """
    received = bytearray()
    async with asyncio.timeout(MAX_SECONDS):
        async for part in request.stream():
            received += part
            if len(received) > most:
                raise TooMuchSent
    return bytes(received)
