"""Results as SARIF 2.1.0, which code review shows next to the lines that they are about.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was found by a `rule`: in a `file`, and where known a line of it."""

    rule: str
    level: Literal["error", "warning", "note"]
    message: str
    file: str
    line: int = 1


def sarif(results: Iterable[Result]) -> dict[str, Any]:
    """One run of this tool with `results`, as plain JSON types."""
    found = list(results)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "deploy-orchestrator",
                        "version": version("deploy-orchestrator"),
                        "rules": [{"id": rule} for rule in dict.fromkeys(each.rule for each in found)],
                    }
                },
                "results": [_result(each) for each in found],
            }
        ],
    }


def _result(result: Result) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": result.file}, "region": {"startLine": result.line}}
    return {
        "ruleId": result.rule,
        "level": result.level,
        "message": {"text": result.message},
        "locations": [{"physicalLocation": place}],
    }
