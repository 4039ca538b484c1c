"""Whoever a commit names, all go on."""

import subprocess

import pytest

from deploy_orchestrator.errors import OrchestratorError
from tests.desk import Desk


@pytest.mark.parametrize("how", ["co-author", "author"])
def test_a_name_without_end_stops_nobody(desk: Desk, how: str) -> None:
    (desk.fleet / "tenants/shop/values.yaml").write_text("greeting: hi\n")
    long = "a" * 2500 + "@example.com"
    more = ["-m", f"Co-authored-by: X <{long}>"] if how == "co-author" else [f"--author=X <{long}>"]
    subprocess.run(["git", "-C", desk.fleet, "add", "-A"], check=True)
    subprocess.run(["git", "-C", desk.fleet, "commit", "-qam", "Edit", *more], check=True)
    with desk.orchestrator() as orchestrator:
        fleet = orchestrator.fleet()
        found = dict(orchestrator.previews(fleet.deployments(), fleet))
    assert not isinstance(found["dev/blog"], OrchestratorError)
    assert not isinstance(found["dev/shop"], OrchestratorError)
