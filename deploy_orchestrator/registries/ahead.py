"""Read from one server while what was read goes to another."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from queue import Full, Queue
from threading import Event, Thread
from typing import Final

_WAITING: Final = 16
"""How many chunks may wait to be used."""

_LOOK: Final = 0.5
"""Seconds after which the reader looks whether anybody still wants what it reads."""


@contextmanager
def ahead(chunks: Iterable[bytes]) -> Generator[Iterator[bytes]]:
    """`chunks`, read by a thread of their own, a few of them ahead of what was taken. What goes wrong with
    reading is raised where it would have been.
    """
    waiting: Queue[bytes | BaseException | None] = Queue(_WAITING)
    unwanted = Event()

    def put(read: bytes | BaseException | None) -> bool:
        while not unwanted.is_set():
            try:
                waiting.put(read, timeout=_LOOK)
            except Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            if all(put(chunk) for chunk in chunks):
                put(None)
        except BaseException as error:
            put(error)

    def taken() -> Iterator[bytes]:
        while (chunk := waiting.get()) is not None:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    reader = Thread(target=read, daemon=True)
    reader.start()
    try:
        yield taken()
    finally:
        unwanted.set()
        reader.join()
