"""Programs as children: each with its own log, ready when it answers, ended with the one who started it."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

Ready = Callable[[], bool]


class MissingProgram(Exception):
    """A program that the rig cannot build itself is not installed."""


class ProcessFailed(Exception):
    """A program ended, or did not answer in time; the message ends with the last lines of its log."""


@dataclass
class Process:
    """One program. It dies with the thread that started it, so nothing outlives a killed test run.

    `user` (name or number) is who it runs as when the rig itself runs as root.
    """

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str]
    ready: Ready
    user: str | None = None
    timeout: float = 300
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> "Process":
        self.launch()
        return self.wait()

    def launch(self) -> None:
        """Start it without waiting until it answers."""
        setpriv = program("setpriv", install="it is part of util-linux")
        identity = [f"--reuid={self.user}", "--clear-groups"] if self.user else []
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [setpriv, "--pdeathsig=KILL", *identity, "--", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                cwd=self.environment.get("HOME"),
                process_group=0,  # Ctrl-C is for the test run, which ends it in its turn
            )

    def wait(self) -> "Process":
        """Return when it answers.

        Raises:
            ProcessFailed: it ended, or does not answer within `timeout` seconds.
        """
        deadline = time.monotonic() + self.timeout
        while not self.ready():
            if self._child is None or self._child.poll() is not None:
                raise ProcessFailed(f"{self.name} ended before it was ready\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} is not ready after {self.timeout} s\n{self.tail()}")
            time.sleep(0.05)
        return self

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        if self._child is None:
            raise ProcessFailed(f"{self.name} is not running")
        return self._child.pid

    def stop(self) -> None:
        """End it: politely, and after 10 seconds by force."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def restart(self) -> "Process":
        """Crash it and bring it back."""
        self.kill()
        return self.start()

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _end(self, how: signal.Signals) -> None:
        if self._child is None:
            return
        self._child.send_signal(how)
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None


class Booted(ABC):
    """What is started as a whole or not at all; a context manager that ends what it started."""

    _stack: ExitStack

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self._boot(starting)
            self._stack = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @abstractmethod
    def _boot(self, stack: ExitStack) -> None:
        """Start it all; what is to be ended goes onto `stack`."""


def unprivileged() -> str | None:
    """Who runs a program that refuses to run as root; None where nobody has to be chosen."""
    return "nobody" if os.geteuid() == 0 else None


def program(name: str, folder: Path | None = None, *, install: str) -> str:
    """The path of a program, from `folder` or PATH.

    Raises:
        MissingProgram: saying how to `install` it.
    """
    found = shutil.which(name, path=str(folder) if folder else None)
    if found is None:
        raise MissingProgram(f"{name} is not installed: {install}")
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port: int, address: str = "127.0.0.1") -> Ready:
    def ready() -> bool:
        with socket.socket() as client:
            return client.connect_ex((address, port)) == 0

    return ready


def answers(url: str, *, ca: Path | None = None) -> Ready:
    """Ready when `url` answers 200.

    `ca` is the certificate that an https server must show; without one any is accepted, for programs that
    make their own at each start.
    """

    def ready() -> bool:
        try:
            context = ssl.create_default_context(cafile=ca) if ca else ssl._create_unverified_context()
            with urllib.request.urlopen(url, timeout=10, context=context) as response:
                return response.status == 200
        except OSError:
            return False

    return ready
