"""The one web process as people and their browsers reach it: the board, and Dagster below it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.desk import Desk, copied, inside
from tests.pipeline.conftest import sandbox_of

DAGSTER = """\
telemetry: {enabled: false}
nux: {enabled: false}
"""
WORKSPACE = "load_from:\n  - python_file: {relative_path: some.py, location_name: some}\n"
DEFINITIONS = "import dagster as dg\n\n@dg.asset\ndef a(): ...\n\ndefs = dg.Definitions(assets=[a])\n"


@dataclass(frozen=True)
class Served:
    desk: Desk
    process: subprocess.Popen[bytes]
    address: str


@pytest.fixture(scope="module")
def served(shipped: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A program of its own that serves a desk where everything is live; it takes seconds to come up."""
    desk = copied(shipped, tmp_path_factory.mktemp("served"))
    home = tmp_path_factory.mktemp("dagster")
    for name, text in (("dagster.yaml", DAGSTER), ("workspace.yaml", WORKSPACE), ("some.py", DEFINITIONS)):
        (home / name).write_text(text)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("deploy-orchestrator"), "serve", "--port", str(port)]
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    with subprocess.Popen(
        [*command, "-w", str(home / "workspace.yaml")], cwd=desk.folder, env=environment
    ) as server:
        try:
            _until_it_answers(f"http://127.0.0.1:{port}/healthz", server)
            yield Served(desk, server, f"http://127.0.0.1:{port}")
        finally:
            if server.poll() is None:
                server.send_signal(signal.SIGINT)
            server.wait(60)


@pytest.fixture
def address(served: Served) -> str:
    return served.address


def _until_it_answers(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert server.poll() is None
        with suppress(httpx.TransportError):
            if httpx.get(url).is_success:
                return
        time.sleep(0.1)
    raise AssertionError("it never answered")


def test_the_board_and_dagster_are_one_site(address):
    assert "3 of 3 are live and healthy" in httpx.get(address).text
    page = httpx.get(f"{address}/dagster/overview")
    assert page.status_code == 200
    assert '"/dagster"' in page.text
    said = httpx.post(f"{address}/dagster/graphql", json={"query": "{ version }"}).json()
    assert said["data"]["version"]


def test_no_other_site_gets_to_dagster(address):
    foreign = {"origin": "http://evil.example"}
    stop = 'mutation { stopSensor(id: "x") { __typename } }'
    assert httpx.post(f"{address}/dagster/graphql", json={"query": stop}, headers=foreign).status_code == 403
    assert httpx.get(f"{address}/dagster/graphql", params={"query": stop}).status_code == 405
    assert httpx.post(f"{address}/dagster/report_asset_materialization/a", headers=foreign).status_code == 403


def test_a_page_that_is_open_is_told_when_there_is_something_new(served):
    address = served.address
    with (
        inside(served.desk.folder),
        served.desk.orchestrator() as orchestrator,
        httpx.stream("GET", f"{address}/events", timeout=30) as events,
    ):
        sandbox_of(orchestrator).degrade("dev", "shop", "it is on fire")
        assert next(line for line in events.iter_lines() if line.startswith("data: "))
    assert "it is on fire" in httpx.get(address).text


def test_it_ends_when_it_is_told_to_though_a_page_is_open(served):
    """The last of this module: nothing answers after it."""
    with httpx.stream("GET", f"{served.address}/events", timeout=60):
        served.process.send_signal(signal.SIGINT)
        served.process.wait(40)
