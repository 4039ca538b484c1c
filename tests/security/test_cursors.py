"""Whoever writes a sensor's cursor blinds no guard."""

import pytest

from tests.defs.conftest import (  # noqa: F401
    SENSORS,
    Laptop,
    _example,
    after,
    bench,
)


@pytest.mark.parametrize("cursor", ["not json", "[1]", '{"a": {"b": 1}}', "null", "--upload-pack=x", "\0"])
def test_a_cursor_that_does_not_parse_is_an_empty_one(bench: Laptop, cursor: str) -> None:  # noqa: F811
    assert "ship dev analytics" not in bench.tick("fleet_commits")
    bench.cursors = dict.fromkeys(SENSORS, cursor)

    assert "ship dev analytics" in bench.tick("fleet_commits")
    for name in SENSORS:
        bench.tick(name)
