"""A person at a real terminal who looks at what a program shows, and presses keys."""

import os
import pty
import re
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CLEARED = "\x1b[2J\x1b[H"
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
SECONDS = 60.0


class Terminal:
    """What one program shows and is told."""

    def __init__(self, descriptor: int, process: int) -> None:
        self._descriptor = descriptor
        self._process = process
        self._said = b""

    @property
    def screen(self) -> str:
        """What it shows since it last cleared the screen."""
        return _COLOUR.sub("", self._said.decode(errors="replace").rpartition(_CLEARED)[2])

    def until(self, shown: str) -> None:
        """Look until the screen matches, within a minute."""
        ends = time.monotonic() + SECONDS
        while not re.search(shown, self.screen, re.DOTALL):
            assert time.monotonic() < ends, self.screen
            assert self._read(1.0), self.screen

    def press(self, key: str) -> None:
        os.write(self._descriptor, key.encode())

    def ended(self) -> int:
        """Its exit code, once it has shown its last, within a minute."""
        ends = time.monotonic() + SECONDS
        while self._read(1.0):
            assert time.monotonic() < ends, self.screen
        return os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])

    def _read(self, seconds: float) -> bool:
        """Whether there may be more to read."""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return True
        with suppress(OSError):
            read = os.read(self._descriptor, 65536)
            self._said += read
            return bool(read)
        return False


@contextmanager
def terminal(program: Path, *arguments: str) -> Iterator[Terminal]:
    """A program at a terminal of its own."""
    process, descriptor = pty.fork()
    if process == 0:
        # Whoever runs the tests in the background has keys interrupt nothing.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(program, [program, *arguments])
    try:
        yield Terminal(descriptor, process)
    finally:
        os.close(descriptor)
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
