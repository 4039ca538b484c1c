"""Python's garbage collector, which goes through all that is kept again and again while a graph grows."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def at_rest() -> Generator[None]:
    """Nothing is collected within, where nearly all that is allocated stays. Threads may overlap in it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
