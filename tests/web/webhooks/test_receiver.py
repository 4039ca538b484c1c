"""The receiver over real HTTP: what it answers, what it starts, and what it refuses."""

import asyncio
import hashlib
import hmac
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from deploy_orchestrator.web import MAX_BODY, DagsterUnreachable, Deliveries, FollowedBranch, receiver
from tests.web.webhooks.conftest import served

SECRET = "a secret that two share"
FOLLOWED = (
    FollowedBranch("https://forge.example/platform/fleet.git", "main", ("fleet_commits", "open_gates")),
    FollowedBranch("https://forge.example/platform/deployments.git", "approvals", ("open_gates",)),
)


@dataclass
class Recorder:
    """Starts nothing and writes down what it was asked for; each look waits until it may go on."""

    looks: list[str] = field(default_factory=list)
    looked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    free: threading.Event = field(default_factory=threading.Event)
    fails: Exception | None = None

    async def start(self, sensor: str) -> int:
        self.looks.append(sensor)
        self.looked.release()
        await asyncio.to_thread(self.free.wait)
        if self.fails:
            raise self.fails
        return 1

    def wait(self, looks: int) -> list[str]:
        for _ in range(looks):
            assert self.looked.acquire(timeout=60)
        return self.looks


@pytest.fixture
def runs() -> Iterator[Recorder]:
    recorder = Recorder()
    recorder.free.set()
    yield recorder
    recorder.free.set()


@pytest.fixture
def forge(runs: Recorder, tmp_path: Path) -> Iterator[httpx.Client]:
    with served(receiver(FOLLOWED, SECRET, runs, Deliveries(tmp_path / "home" / "seen.sqlite"))) as client:
        yield client


def pushed(repository: str, branch: str = "main", commit: str = "1") -> bytes:
    return json.dumps(
        {"ref": f"refs/heads/{branch}", "after": commit, "repository": {"full_name": repository}}
    ).encode()


def signed(body: bytes) -> dict[str, str]:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={signature}"}


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def deliver(forge: httpx.Client, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    return forge.post("/webhooks", content=body, headers={**signed(body), **(headers or {})})


@pytest.mark.parametrize(
    ("repository", "branch", "sensors"),
    [
        ("platform/fleet", "main", ["fleet_commits", "open_gates"]),
        ("platform/deployments", "approvals", ["open_gates"]),
    ],
)
def test_a_signed_push_is_accepted_and_its_sensors_are_looked_at(
    forge: httpx.Client, runs: Recorder, repository: str, branch: str, sensors: list[str]
) -> None:
    answer = deliver(forge, pushed(repository, branch))

    assert answer.status_code == 202
    assert runs.wait(len(sensors)) == sensors


@pytest.mark.parametrize(
    ("repository", "branch"),
    [
        ("platform/other", "main"),
        ("mallory/fleet", "main"),
        ("platform/fleet", "feature"),
        ("platform/deployments", "main"),
    ],
)
def test_a_push_that_nothing_follows_starts_nothing(
    forge: httpx.Client, runs: Recorder, repository: str, branch: str
) -> None:
    assert deliver(forge, pushed(repository, branch)).status_code == 200
    assert deliver(forge, b'{"zen": "Keep it simple."}', {"X-GitHub-Event": "ping"}).status_code == 200

    deliver(forge, pushed("platform/deployments", "approvals"))
    assert runs.wait(1) == ["open_gates"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (pushed("platform/fleet"), {"X-Hub-Signature-256": "sha256=" + "0" * 64}, 401),
        (pushed("platform/fleet"), {"X-Hub-Signature-256": ""}, 401),
        (b"not json", {}, 400),
        (b"x" * (MAX_BODY + 1), {}, 413),
        (pushed("platform/fleet"), {"X-GitHub-Event": ""}, 200),
    ],
)
def test_a_hostile_delivery_is_refused_and_the_next_good_one_is_heard(
    forge: httpx.Client, runs: Recorder, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = deliver(forge, body, headers)

    assert answer.status_code == status
    assert SECRET not in answer.text
    assert deliver(forge, pushed("platform/deployments", "approvals")).status_code == 202
    assert runs.wait(1) == ["open_gates"]


def test_without_a_signature_nothing_is_heard(forge: httpx.Client) -> None:
    body = pushed("platform/fleet")

    assert forge.post("/webhooks", content=body, headers={"X-GitHub-Event": "push"}).status_code == 401
    assert forge.get("/webhooks").status_code == 405


def test_a_body_without_a_known_length_is_bounded_too(forge: httpx.Client) -> None:
    chunks = (b"x" * 65536 for _ in range(MAX_BODY // 65536 + 2))

    assert forge.post("/webhooks", content=chunks).status_code == 413


def test_a_body_that_never_comes_is_given_up(forge: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy_orchestrator.web.bodies.MAX_SECONDS", 0.2)
    with socket.create_connection((forge.base_url.host, forge.base_url.port or 80), timeout=20) as slow:
        slow.sendall(b"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
        assert b" 408 " in slow.recv(1000)


@pytest.mark.parametrize("identifier", ["X-GitHub-Delivery", "X-Gitea-Delivery", "X-Gitlab-Event-UUID"])
def test_a_replay_is_refused_whatever_it_calls_itself(
    forge: httpx.Client, runs: Recorder, identifier: str
) -> None:
    body = pushed("platform/deployments", "approvals")
    assert deliver(forge, body, {identifier: "1"}).status_code == 202

    assert deliver(forge, body, {identifier: "1"}).status_code == 409
    assert deliver(forge, body, {identifier: "2"}).status_code == 409
    assert deliver(forge, pushed("platform/deployments", "approvals", commit="2")).status_code == 202
    assert runs.wait(2) == ["open_gates", "open_gates"]


def test_a_replay_is_refused_after_a_restart(runs: Recorder, tmp_path: Path) -> None:
    body = pushed("platform/fleet")
    deliveries = Deliveries(tmp_path / "seen.sqlite")
    with served(receiver(FOLLOWED, SECRET, runs, deliveries)) as forge:
        assert deliver(forge, body).status_code == 202
        eventually(lambda: deliveries.knows(body))

    with served(receiver(FOLLOWED, SECRET, runs, Deliveries(deliveries.path))) as forge:
        assert deliver(forge, body).status_code == 409


def test_what_is_remembered_is_bounded_and_the_newest_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy_orchestrator.web.webhooks.deliveries.REMEMBERED", 3)
    deliveries = Deliveries(tmp_path / "seen.sqlite")

    for number in range(5):
        deliveries.remember(str(number).encode())
    assert [deliveries.knows(str(number).encode()) for number in range(5)] == [False, False, True, True, True]


def test_a_delivery_whose_look_failed_may_be_delivered_again(forge: httpx.Client, runs: Recorder) -> None:
    body = pushed("platform/fleet")
    runs.fails = DagsterUnreachable("it is down")
    assert deliver(forge, body).status_code == 202
    runs.wait(2)

    runs.fails = None
    eventually(lambda: deliver(forge, body).status_code == 202)
    runs.wait(2)
    assert deliver(forge, body).status_code == 409


def test_a_burst_of_pushes_takes_two_looks(forge: httpx.Client, runs: Recorder) -> None:
    runs.free.clear()
    for commit in range(20):
        assert deliver(forge, pushed("platform/fleet", commit=str(commit))).status_code == 202
    runs.wait(1)
    runs.free.set()
    runs.wait(3)

    deliver(forge, pushed("platform/deployments", "approvals"))
    assert runs.wait(1) == ["fleet_commits", "open_gates", "fleet_commits", "open_gates", "open_gates"]


@pytest.mark.parametrize(
    "error", [DagsterUnreachable("it is down"), KeyError("runRequests"), OSError("disk full")]
)
def test_after_a_look_that_failed_the_next_push_is_heard(
    forge: httpx.Client, runs: Recorder, error: Exception
) -> None:
    runs.fails = error
    deliver(forge, pushed("platform/deployments", "approvals", commit="1"))
    runs.wait(1)
    deliver(forge, pushed("platform/deployments", "approvals", commit="2"))

    assert runs.wait(1) == ["open_gates", "open_gates"]


def test_the_secret_is_in_no_log(
    forge: httpx.Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "uvicorn")
    headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": SECRET}
    assert forge.post("/webhooks", content=pushed("platform/fleet"), headers=headers).status_code == 202
    assert forge.post("/webhooks", content=b"", headers=headers).status_code == 400

    said = capfd.readouterr()
    assert "webhook refused" in said.err + caplog.text
    assert SECRET not in caplog.text + said.err + said.out
