"""docs/security.md names a test for each threat, and each test here has its line."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
THREATS = [
    line
    for line in PAGE.partition("## Threats")[2].partition("\n## ")[0].splitlines()
    if re.match(r"\| (?!\*\*|What is tried)", line)
]
NAMED = [re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", threat) for threat in THREATS]


def functions(file: Path) -> set[str]:
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("threat", THREATS, ids=[threat[2:40] for threat in THREATS])
def test_a_threat_has_a_test_that_exists(threat: str) -> None:
    named = NAMED[THREATS.index(threat)]

    assert named
    for file, name in named:
        assert name in functions(ROOT / file), f"{file} has no {name}"


def test_every_file_of_tests_here_has_a_threat() -> None:
    named = {file for tests in NAMED for file, _ in tests}
    here = {str(file.relative_to(ROOT)) for file in Path(__file__).parent.glob("test_*.py")}

    assert here - named == {"tests/security/test_page.py"}
