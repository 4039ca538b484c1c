"""Logs as JSON: what is said, and whom it is about."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from deploy_orchestrator.telemetry import JsonLines, log_as_json, trace_of
from tests.desk import Desk
from tests.pipeline.conftest import sandbox_of

LOGGER = logging.getLogger("deploy_orchestrator")


@pytest.fixture
def as_json() -> Iterator[None]:
    kept = {name: logging.getLogger(name) for name in ("deploy_orchestrator", "opentelemetry", "uvicorn")}
    before = {name: (each.handlers, each.propagate, each.level) for name, each in kept.items()}
    yield
    for name, each in kept.items():
        each.handlers, each.propagate, each.level = before[name]


def test_a_record_is_one_line_whatever_it_says():
    record = logging.LogRecord(
        "deploy_orchestrator.x", logging.WARNING, "", 0, "%s\nand \u2028 more", ("é",), None
    )
    record.tenant = 'a"b'
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == (
        "warning",
        "deploy_orchestrator.x",
        "é\nand \u2028 more",
    )
    assert told["tenant"] == 'a"b'
    assert told["time"].endswith("+00:00")
    assert not {"release", "trace_id", "error"} & set(told)


def test_an_error_brings_its_traceback():
    try:
        raise ValueError("odd")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    assert "ValueError: odd" in json.loads(JsonLines().format(record))["error"]


def test_what_happens_to_a_change_is_said_with_its_tenant_release_and_trace(
    waiting: Desk, as_json: None, capfd: pytest.CaptureFixture[str]
):
    log_as_json()
    waiting.commit("tenants/blog/values.yaml", "greeting: broken\n")
    waiting.ship()
    with waiting.orchestrator() as orchestrator:
        release = orchestrator.deployments.release("dev", "blog")
        assert release
        sandbox_of(orchestrator).degrade("dev", "blog", "it is on fire")
        orchestrator.roll_back("dev", "blog", "it is on fire")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    blog = [each for each in lines if each.get("tenant") == "blog"]
    assert [each["message"].split(": ")[1].split(",")[0] for each in blog] == [
        "needs-approval is pending",
        "released",
        "healthy",
        "reverted",
    ]
    assert {each["trace_id"] for each in blog} == {f"{trace_of(release.source.commit):032x}"}
    assert {each.get("release") for each in blog} == {None, release.commit}
    assert {each["environment"] for each in blog} == {"dev"}


@pytest.mark.parametrize(("format", "handlers"), [("json", ["JsonLines"]), ("", [])])
def test_dagsters_processes_log_so_where_the_environment_says_so(format: str, handlers: list[str]):  # noqa: A002
    code = (
        "import logging, deploy_orchestrator.definitions\n"
        "print([type(each.formatter).__name__ for each in logging.getLogger('deploy_orchestrator').handlers])"
    )
    environment = {**os.environ, "DEPLOY_ORCHESTRATOR_LOG_FORMAT": format}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == str(handlers)
