"""Results as SARIF 2.1.0, which code review shows next to the lines that they are about.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal
from urllib.parse import quote

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class SarifRule:
    """Something that is looked for: what it `sees`, and as `help` why that matters and what to do."""

    id: str
    sees: str
    help: str


@dataclass(frozen=True, slots=True)
class SarifResult:
    """One thing that was found by a `rule`: in a `file`, and where known a line of it.

    `about` names what it is about beside the file.
    """

    rule: SarifRule
    level: Level
    message: str
    file: str
    line: int = 1
    about: tuple[str, ...] = ()


def sarif(results: Iterable[SarifResult]) -> dict[str, Any]:
    """One run of this tool with `results`, as plain JSON types."""
    found = list(results)
    rules = list(dict.fromkeys(each.rule for each in found))
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "deploy-orchestrator",
                        "version": version("deploy-orchestrator"),
                        "rules": [_rule(each) for each in rules],
                    }
                },
                "results": [{**_result(each), "ruleIndex": rules.index(each.rule)} for each in found],
            }
        ],
    }


def _rule(rule: SarifRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.sees},
        "fullDescription": {"text": rule.sees},
        "help": {"text": rule.help},
    }


def _result(result: SarifResult) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": quote(result.file, safe="/@")}, "region": {"startLine": result.line}}
    names = [{"fullyQualifiedName": each} for each in result.about]
    identity = "\0".join((result.rule.id, result.file, result.message, *result.about))
    return {
        "ruleId": result.rule.id,
        "level": result.level,
        "message": {"text": result.message},
        "locations": [{"physicalLocation": place, **({"logicalLocations": names} if names else {})}],
        "partialFingerprints": {"primaryLocationLineHash": hashlib.sha256(identity.encode()).hexdigest()},
    }
