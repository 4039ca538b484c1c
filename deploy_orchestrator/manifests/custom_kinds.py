"""The kinds that CustomResourceDefinitions among the manifests define, with the schemas that these give."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import jsonschema_rs

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.misfits import MASK, Schema
from deploy_orchestrator.manifests.objects import Manifests, Object
from deploy_orchestrator.manifests.schemas import Kind

_DEFINED: Final = "custom kinds"
_EVERY_OBJECT: Final[Mapping[str, Any]] = {"apiVersion": {}, "kind": {}, "metadata": {}}
_COUNTS: Final = frozenset(
    f"{bound}{of}" for bound in ("max", "min") for of in ("Items", "Length", "Properties")
) | {"multipleOf"}
_DROPPED: Final = frozenset({"$ref", "$schema", "default", "description", "example", "format", "nullable"})


@dataclass(frozen=True)
class CustomKind:
    """A kind in a version that the CRD `defined_by` serves, and the schema as the CRD says it."""

    kind: Kind
    defined_by: ObjectKey
    structural: Mapping[str, Any]

    @cached_property
    def schema(self) -> Schema | str:
        """Its schema, or why that is none."""
        return _schema(self.structural)


def custom_kinds(manifests: Manifests) -> Iterator[CustomKind]:
    """Every kind in every version that a CRD among the manifests serves."""
    for object_ in manifests.objects:
        if object_.kind == "CustomResourceDefinition":
            if _DEFINED not in object_.remembered:
                object_.remembered[_DEFINED] = tuple(_defined_by(object_))
            yield from object_.remembered[_DEFINED]


def _defined_by(definition: Object) -> Iterator[CustomKind]:
    spec = untyped.mapping(definition.body.get("spec"))
    group, kind = str(spec.get("group")), str(untyped.at(spec, "names", "kind"))
    for version in untyped.mappings(spec.get("versions")):
        if version.get("served"):
            structural = untyped.mapping(untyped.at(version, "schema", "openAPIV3Schema"))
            yield CustomKind((group, str(version.get("name")), kind), definition.key, structural)


def _schema(structural: Any) -> Schema | str:
    document = _as_json_schema({**untyped.mapping(structural), "x-kubernetes-embedded-resource": True})
    linear_time = jsonschema_rs.RegexOptions()
    try:
        validator = jsonschema_rs.Draft202012Validator(
            document, pattern_options=linear_time, offline=True, mask=MASK
        )
    except (jsonschema_rs.ReferencingError, jsonschema_rs.ValidationError, ValueError) as error:
        return str(error).splitlines()[0]
    return Schema(validator, document)


def _as_json_schema(structural: Any) -> dict[str, Any]:
    """A structural schema as the API server takes it: fields that it does not name are refused.

    After https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
    """
    given = _meant(untyped.mapping(structural))
    schema: dict[str, Any] = {
        name: _below(name, value)
        for name, value in given.items()
        if name not in _DROPPED and not name.startswith("x-kubernetes-")
    }
    if given.get("x-kubernetes-int-or-string"):
        schema["type"] = ["integer", "string"]
    if given.get("nullable") and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if given.get("x-kubernetes-embedded-resource"):
        schema["properties"] = {**untyped.mapping(schema.get("properties")), **_EVERY_OBJECT}
    closed = "properties" in schema and not given.get("x-kubernetes-preserve-unknown-fields")
    return {"additionalProperties": False, **schema} if closed else schema


def _meant(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema of OpenAPI 3.0 without what says nothing in it, and with bounds as JSON Schema has them."""
    meant = {name: value for name, value in given.items() if not _says_nothing(name, value)}
    for name in ("maximum", "minimum"):
        exclusive = f"exclusive{name.capitalize()}"
        if meant.pop(exclusive, False) and name in meant:
            meant[exclusive] = meant.pop(name)
    if isinstance(meant.get("required"), list):
        meant["required"] = [*dict.fromkeys(meant["required"])]
    return meant


def _says_nothing(name: str, value: Any) -> bool:
    if name in {"allOf", "anyOf", "oneOf"}:
        return not value
    if name == "items":
        return not isinstance(value, Mapping)
    return (
        name in _COUNTS
        and isinstance(value, int | float)
        and (value < 0 or (name == "multipleOf" and not value))
    )


def _below(name: str, value: Any) -> Any:
    if name == "properties":
        return {field: _as_json_schema(schema) for field, schema in untyped.mapping(value).items()}
    if name in {"items", "additionalProperties"} and isinstance(value, Mapping):
        return _as_json_schema(value)
    return value
