"""What the checks refuse is what kube-apiserver refused: `tests/e2e/record_refusals.py` asked one of 1.37."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from deploy_orchestrator.manifests import InvalidObject
from tests.manifests.test_refusals import refused

RECORDED = Path(__file__).parents[1] / "data" / "refusals.json.gz"
AGREEING = 0.99


@pytest.fixture(scope="module")
def said() -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(RECORDED.read_bytes()).splitlines()]


def is_refused(body: dict[str, Any]) -> bool:
    try:
        return bool(refused(body))
    except InvalidObject:
        return True


def test_nothing_that_was_taken_is_refused(said):
    taken = [each for each in said if each["taken"]]
    assert len(taken) > len(said) / 4
    assert [each["what"] for each in taken if is_refused(each["body"])] == []


def test_what_was_refused_is_refused(said):
    missed = [each["what"] for each in said if not each["taken"] and not is_refused(each["body"])]
    assert 1 - len(missed) / len(said) >= AGREEING, "\n".join(missed[:40])
