"""The JSON schemas by which editors check and complete the files of the fleet repository."""

import json

from deploy_orchestrator.fleet import json_schemas


def fleet() -> str:
    """Of `fleet.yaml`."""
    return _text("fleet.yaml")


def tenant() -> str:
    """Of `tenant.yaml`."""
    return _text("tenant.yaml")


def _text(file: str) -> str:
    return json.dumps(json_schemas()[file], indent=2) + "\n"
