"""JSON schemas by which editors check and complete the files of the fleet repository."""

from typing import Any

from deploy_orchestrator.fleet.layout import FLEET_FILE, TENANT_FILE
from deploy_orchestrator.fleet.model import FleetFile, TenantFile


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema (draft 2020-12) of `fleet.yaml` and of `tenant.yaml`, by file name."""
    models = {FLEET_FILE: FleetFile, TENANT_FILE: TenantFile}
    return {
        file: {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
        for file, model in models.items()
    }
