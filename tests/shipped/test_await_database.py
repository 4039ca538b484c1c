"""The script that the hooks run: it waits for the database, then becomes the command that follows."""

import runpy
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "charts/dagster-tenant/files/await_database.py"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


# What PostgreSQL says to a login it takes: AuthenticationOk, the settings of the session, ReadyForQuery.
WELCOME = (
    message(b"R", bytes(4))
    + message(b"S", b"client_encoding\0UTF8\0")
    + message(b"S", b"DateStyle\0ISO, MDY\0")
    + message(b"Z", b"I")
)


def run(port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, "--timeout", "0", *arguments],
        env={"PATH": "/usr/bin:/bin", "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGSSLMODE": "disable"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def database() -> Iterator[int]:
    """The port of a server that lets everyone log in."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def welcome() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(WELCOME)
                connection.recv(4096)

        threading.Thread(target=welcome, daemon=True).start()
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_login_is_enough(database: int) -> None:
    done = run(database)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_runs_once_the_login_works_and_its_exit_counts(database: int) -> None:
    done = run(database, "--", sys.executable, "-c", "print('migrated'); raise SystemExit(3)")
    assert done.stdout.splitlines()[-1] == "migrated"
    assert done.returncode == 3


def test_without_a_login_the_command_never_runs_and_the_reason_is_told(closed_port: int) -> None:
    done = run(closed_port, "--", "echo", "migrated")
    assert done.returncode == 1
    assert "migrated" not in done.stdout
    assert "no login to the database" in done.stderr
    assert "refused" in done.stderr


def test_a_database_that_exists_must_take_the_login_though_it_may_be_absent(closed_port: int) -> None:
    assert run(closed_port, "--may-be-absent").returncode == 1


@pytest.mark.parametrize(
    ("failure", "exists"),
    [(socket.EAI_NONAME, False), (socket.EAI_AGAIN, True), (socket.EAI_FAIL, True)],
    ids=["no such name", "name service busy", "name service broken"],
)
def test_only_a_name_that_surely_does_not_exist_means_a_first_install(
    monkeypatch: pytest.MonkeyPatch, failure: int, exists: bool
) -> None:
    def getaddrinfo(*_: object) -> None:
        raise socket.gaierror(failure, "told by the test")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert runpy.run_path(str(SCRIPT))["host_exists"]("analytics-postgresql") is exists
