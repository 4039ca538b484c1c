"""The server agrees with the protocol, and with a client of others."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Serving

HERE = Path(__file__).parent
SUITE = HERE.parents[2] / "tests" / "oip"


@pytest.mark.parametrize("model", ["every", "sum"])
def test_the_conformance_suite_finds_nothing(server: Serving, model: str) -> None:
    options = ["--oip-http", server.http, "--oip-grpc", server.grpc, "--oip-model", model]
    suite = ["-c", "pytest.ini", "-q", "-p", "no:cacheprovider", "."]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *suite, *options],
        cwd=SUITE,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout
    assert "skipped" not in ran.stdout


def test_tritons_client_gets_what_it_sends(server: Serving) -> None:
    asking = HERE / "asking_as_triton.py"
    ran = subprocess.run(
        [sys.executable, str(asking), server.http.removeprefix("http://"), server.grpc],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["http", "grpc"]
