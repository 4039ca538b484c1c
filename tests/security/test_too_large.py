"""What the orchestrator writes down it can read again, whatever a commit of the fleet says."""

import pytest

from deploy_orchestrator.releases import TooLarge
from tests.desk import Desk

FREEZE = """\
policy:
      freezes:
        - {{start: 2030-01-01T00:00:00Z, end: 2031-01-01T00:00:00Z, reason: {}}}
"""


def test_rules_that_nobody_could_read_again_are_not_written_down(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy_orchestrator.documents.MAX_BYTES", 2_000)
    with desk.orchestrator() as orchestrator:
        orchestrator.settle_rules()
        before = orchestrator.deployments.rules()
    text = (desk.fleet / "fleet.yaml").read_text()
    assert "policy:\n" in text
    desk.commit("fleet.yaml", text.replace("policy:\n", FREEZE.format("x" * 3_900), 1))
    with desk.orchestrator() as orchestrator:
        with pytest.raises(TooLarge, match="rules of"):
            orchestrator.settle_rules()
        assert orchestrator.deployments.rules() == before
    desk.commit("fleet.yaml", text)
    with desk.orchestrator() as orchestrator:
        orchestrator.settle_rules()


def test_a_reason_that_nobody_reads_to_its_end_is_refused(desk: Desk) -> None:
    text = (desk.fleet / "fleet.yaml").read_text()
    desk.commit("fleet.yaml", text.replace("policy:\n", FREEZE.format("x" * 4_001), 1))
    answer = desk.run("pending")
    assert answer.code == 2
    assert "at most 4000 characters" in answer.errors
