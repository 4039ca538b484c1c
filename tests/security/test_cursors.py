"""Whoever writes a sensor's cursor blinds no guard."""

from pathlib import Path

import dagster as dg
import pytest

from deploy_orchestrator.cli.init import init
from tests.defs.conftest import SENSORS, Laptop


@pytest.mark.parametrize("cursor", ["not json", "[1]", '{"a": {"b": 1}}', "null", "--upload-pack=x", "\0"])
def test_a_cursor_that_does_not_parse_is_an_empty_one(tmp_path: Path, cursor: str) -> None:
    init(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        laptop = Laptop(tmp_path, instance)
        laptop.cursors = dict.fromkeys(SENSORS, cursor)

        assert "ship dev analytics, data, ml" in laptop.tick("fleet_commits")
        for name in SENSORS:
            laptop.tick(name)
