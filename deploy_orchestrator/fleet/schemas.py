"""JSON schemas by which editors check and complete the files of the fleet repository."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from deploy_orchestrator.fleet.layout import FLEET_FILE, TENANT_FILE
from deploy_orchestrator.fleet.model import FleetFile, TenantFile


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema (draft 2020-12) of `fleet.yaml` and of `tenant.yaml`, by file name."""
    models = {FLEET_FILE: FleetFile, TENANT_FILE: TenantFile}
    return {
        file: {"$schema": _Schema.schema_dialect, **model.model_json_schema(schema_generator=_Schema)}
        for file, model in models.items()
    }


class _Schema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False
