"""The conformance suite of the Open Inference Protocol, run against a server that is up."""

import subprocess
import sys
from pathlib import Path

_SUITE = Path(__file__).parents[1] / "oip"


def assert_conforms(http: str, grpc: str, *more: str) -> str:
    """That it finds nothing of the model `shapes` at these two addresses; what it said."""
    asked = ("--oip-http", http, "--oip-grpc", grpc, "--oip-model", "shapes", *more)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pytest.ini", "-q", "-p", "no:cacheprovider", ".", *asked],
        cwd=_SUITE,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
