"""Processes that render within bounds on time and memory, so that a chart can harm nothing but itself."""

import contextlib
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

_PROGRAM: Final = Path(__file__).with_name("helm.py")
_START_SECONDS: Final = 60
_ANSWER_BYTES: Final = 128 * 2**20
_PASSED_ON: Final = frozenset(
    {"HELM_C_LIB", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV"}
)
_STDERR_BYTES: Final = 64_000
_OUT_OF_MEMORY: Final = re.compile("out of memory|cannot allocate memory|MemoryError")
_FATAL: Final = re.compile(r"^(?:fatal error|panic|runtime): .*", re.MULTILINE)
_GO: Final = {"GOGC": "800", "GOTRACEBACK": "none"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take. The bound on memory holds on Linux only."""

    seconds: float = 30
    megabytes: int = 2048


class WorkerError(Exception):
    """A worker was ended, or ended itself, before it answered."""


class Workers:
    """Up to `count` processes, started when first needed, that end with the process that holds this object.

    Safe to use from several threads; each call takes one process for itself, or waits for one.
    """

    def __init__(self, count: int, limits: Limits = Limits()) -> None:
        self.count = count
        self._limits = limits
        self._free: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(None)

    def ask(self, task: str, request: Mapping[str, Any]) -> bytes:
        """The worker's answer to one request, as JSON: see `helm.answer`.

        Raises:
            WorkerError: it took too long or too much, or broke the engine; the process is gone then.
        """
        worker = self._free.get()
        try:
            if worker and worker.is_gone:
                worker.end()
                worker = None
            worker = worker or _Worker(self._limits)
            return worker.ask({**request, "task": task})
        except BaseException:
            if worker:
                worker.end()
                worker = None
            raise
        finally:
            self._free.put(worker)

    def start(self) -> None:
        """Have the processes that are not needed yet start now, beside the work before the first question."""
        free: list[_Worker | None] = []
        with contextlib.suppress(queue.Empty):
            while True:
                free.append(self._free.get_nowait())
        for worker in free:
            self._free.put(worker or _Worker(self._limits))

    def close(self) -> None:
        """End the processes, each when it is at rest."""
        for worker in [self._free.get() for _ in range(self.count)]:
            if worker:
                worker.end()
            self._free.put(None)


class _Worker:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115
        ours, theirs = socket.socketpair()
        self.connection = Connection(ours.detach())
        with theirs:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    str(_PROGRAM),
                    *map(str, (theirs.fileno(), limits.megabytes, limits.seconds)),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self.stderr,
                env={**{name: os.environ[name] for name in _PASSED_ON & os.environ.keys()}, **_GO},
                start_new_session=True,
            )
        self.is_ready = False

    def ask(self, request: Mapping[str, Any]) -> bytes:
        if not self.is_ready:
            self.receive(_START_SECONDS)
            self.is_ready = True
        try:
            self.connection.send_bytes(json.dumps(request).encode())
        except OSError as error:
            raise WorkerError(self.last_words()) from error
        return self.receive(self.limits.seconds)

    def receive(self, seconds: float) -> bytes:
        if not self.connection.poll(seconds):
            raise WorkerError(f"took longer than {seconds:g} seconds")
        try:
            return self.connection.recv_bytes(_ANSWER_BYTES)
        except (EOFError, ConnectionError) as error:
            raise WorkerError(self.last_words()) from error
        except OSError as error:
            raise WorkerError(f"answered with more than {_ANSWER_BYTES:,} bytes") from error

    @property
    def is_gone(self) -> bool:
        return self.process.poll() is not None

    def last_words(self) -> str:
        self.kill()
        self.stderr.seek(max(0, self.stderr.seek(0, os.SEEK_END) - _STDERR_BYTES))
        said = self.stderr.read().decode(errors="replace")
        if _OUT_OF_MEMORY.search(said):
            return f"took more than {self.limits.megabytes} MB of memory"
        fatal = _FATAL.findall(said) or said.split("\n")[-2:-1] or [f"status {self.process.returncode}"]
        return f"broke the engine: {fatal[-1].strip()}"

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        self.connection.close()
        self.kill()
        self.stderr.close()
