"""The body of an HTTP answer, bounded in time, and in size before anything is inflated."""

import time
import zlib
from collections.abc import Iterable, Iterator, Mapping

_GZIP = 31
"""The `wbits` of zlib for exactly a gzip stream."""

_PLAIN = ("", "identity")
_GZIPPED = ("gzip", "x-gzip")


class BodyRefused(Exception):
    """A body that is larger or slower than it may be, or encoded in another way than was asked for."""


class BodyTooLarge(BodyRefused):
    """A body that is larger than it may be."""


def body_of(chunks: Iterable[bytes], headers: Mapping[str, str], limit: int, until: float) -> bytes:
    """What `chunks`, as they were sent, come to: at most `limit` bytes, by `until` on the monotonic clock.

    Raises:
        BodyTooLarge: it is more.
        BodyRefused: it is later, or encoded but by gzip once.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in _GZIPPED:
        parts = _inflated(chunks, limit)
    elif encoding in _PLAIN:
        parts = chunks
    else:
        raise BodyRefused(f"an answer with the Content-Encoding {encoding!r}, which was not asked for,")
    body = bytearray()
    for part in parts:
        body += part
        if len(body) > limit:
            raise BodyTooLarge(f"the answer is larger than {limit:,} bytes")
        if time.monotonic() > until:
            raise BodyRefused("no whole answer in time")
    return bytes(body)


def _inflated(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """The members of a gzip stream, each piece at most `limit` and a byte long."""
    stream, is_within = zlib.decompressobj(_GZIP), False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                yield stream.decompress(rest, limit + 1)
                rest, is_within = stream.unconsumed_tail, not stream.eof
                if stream.eof:
                    rest, stream = stream.unused_data, zlib.decompressobj(_GZIP)
    except zlib.error as error:
        raise BodyRefused(f"an answer that is no gzip ({error})") from error
    if is_within:
        raise BodyRefused("an answer that ends within its gzip")
