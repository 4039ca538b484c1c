"""YAML in block style, line by line. What a text looks like is asked of the library, and of many once."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

_REMEMBERED = 200
"""Characters of the longest text whose looks are remembered."""
_OTHER_BREAKS = frozenset("\r\x85\u2028\u2029")


class Unlike(Exception):
    """A value that looks otherwise than line by line."""


def dumped(value: dict[str, Any], library: Callable[[Any], bytes]) -> bytes:
    """`value`, of JSON types, as the `library` writes it: keys sorted, block style, lines of any length.

    Raises:
        Unlike: it holds what only the library can lay out.
    """
    lines = _Lines(library)
    lines.mapping(value, 0, "")
    return "\n".join([*lines.written, ""]).encode()


class _Lines:
    def __init__(self, library: Callable[[Any], bytes]) -> None:
        self.library = library
        self.written: list[str] = []

    def mapping(self, value: dict[str, Any], column: int, lead: str) -> None:
        """The entries at a `column`, the first of them behind `lead`."""
        for key in sorted(value):
            head, below = f"{lead}{_key(self.library, key)}:", value[key]
            if isinstance(below, dict) and below:
                self.written.append(head)
                self.mapping(cast(dict[str, Any], below), column + 2, " " * (column + 2))
            elif isinstance(below, list) and below:
                self.written.append(head)
                self.sequence(cast(list[Any], below), column, " " * column)
            else:
                self.scalar(below, column, head)
            lead = " " * column

    def sequence(self, value: list[Any], column: int, lead: str) -> None:
        """As `mapping` for the entries of a list."""
        for each in value:
            if isinstance(each, dict) and each:
                self.mapping(cast(dict[str, Any], each), column + 2, f"{lead}- ")
            elif isinstance(each, list) and each:
                self.sequence(cast(list[Any], each), column + 2, f"{lead}- ")
            else:
                self.scalar(each, column, f"{lead}-")
            lead = " " * column

    def scalar(self, value: Any, column: int, head: str) -> None:
        """What has no entries, behind `head`."""
        first, *more = _looks_of(self.library, value)
        self.written.append(f"{head} {first}")
        self.written += (f"{' ' * column}{line}" if line else line for line in more)


@lru_cache(maxsize=8192)
def _key(library: Callable[[Any], bytes], key: str) -> str:
    looks = library({key: None}).decode()
    text = looks.removesuffix(": null\n")
    if text == looks or "\n" in text or text.startswith("? "):
        raise Unlike
    return text


def _looks_of(library: Callable[[Any], bytes], value: Any) -> tuple[str, ...]:
    if isinstance(value, dict | list):
        return ("{}" if isinstance(value, dict) else "[]",)
    if isinstance(value, str) and len(value) > _REMEMBERED:
        return _looked(library, value)
    return _looks(library, value)


@lru_cache(maxsize=16384, typed=True)
def _looks(library: Callable[[Any], bytes], value: Any) -> tuple[str, ...]:
    return _looked(library, value)


def _looked(library: Callable[[Any], bytes], value: Any) -> tuple[str, ...]:
    if isinstance(value, str) and (not _OTHER_BREAKS.isdisjoint(value) or _is_open(value)):
        raise Unlike
    return tuple(library({"k": value}).decode()[3:].split("\n")[:-1])


def _is_open(text: str) -> bool:
    """Whether it ends in lines that are empty, after which a document says where it ends."""
    return text.endswith("\n\n") or text == "\n"
