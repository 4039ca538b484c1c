"""Texts that are compressed once, and of which many answers are put together.

Deflated blocks that end at a whole byte may follow each other: https://www.rfc-editor.org/rfc/rfc1951#section-3.2,
https://www.rfc-editor.org/rfc/rfc1952.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

COMPRESSION: Final = 3
"""A table of thousands of rows is a tenth by it, and three times as fast as by more."""
_HEADER: Final = bytes.fromhex("1f8b0800000000000003")
_LAST_BLOCK: Final = bytes.fromhex("0300")


@dataclass(frozen=True, slots=True)
class Piece:
    """A text in UTF-8, and the same `deflated` up to a whole byte."""

    plain: bytes
    deflated: bytes

    @classmethod
    def of(cls, text: str) -> Self:
        plain = text.encode()
        deflating = zlib.compressobj(COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
        return cls(plain, deflating.compress(plain) + deflating.flush(zlib.Z_SYNC_FLUSH))


def gzipped(pieces: Sequence[Piece]) -> bytes:
    """The texts of all `pieces` as one, as gzip has it; nothing is compressed for it."""
    check = 0
    for each in pieces:
        check = zlib.crc32(each.plain, check)
    length = sum(len(each.plain) for each in pieces) % 2**32
    deflated = (each.deflated for each in pieces)
    return b"".join((_HEADER, *deflated, _LAST_BLOCK, struct.pack("<II", check, length)))
