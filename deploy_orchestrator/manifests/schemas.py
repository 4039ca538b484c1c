"""The Kubernetes API of a minor version: the kinds that it has, and what is wrong with an object of one."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as _Kind

from deploy_orchestrator.errors import instead_of
from deploy_orchestrator.manifests import fields
from deploy_orchestrator.manifests.objects import Object

_SCHEMAS: Final = Path(str(files("kubernetes_validate"))) / "kubernetes-json-schema"
_OPAQUE: Final = ("RawExtension", "FieldsV1")
_SHORT: Final = 60
_MEND: Final = "mend the value; quote a number that is meant as text, and unquote one that is not"
_WORDS: Final = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a mapping",
    "string": "a text",
}

Kind = tuple[str, str, str]
"""Group, version and kind, as `("apps", "v1", "Deployment")`."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """One field that the schema does not allow: what is wrong with it, and what to do."""

    field: str
    problem: str
    fix: str


class Api:
    """What a minor version of Kubernetes knows, in the strict form that refuses unknown fields."""

    def __init__(self, version: tuple[int, int], folder: Path) -> None:
        self.version = version
        self._shared: dict[str, Any] = json.loads((folder / "_definitions.json").read_bytes())
        self._validators: dict[Kind, jsonschema_rs.Draft202012Validator] = {}

    def __str__(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    @cached_property
    def kinds(self) -> Mapping[Kind, str]:
        """Every kind that may be applied, with the name of its definition."""
        return {
            (each["group"], each["version"], each["kind"]): name
            for name, definition in self._definitions.items()
            for each in definition.get("x-kubernetes-group-version-kind", ())
        }

    def misfits(self, object_: Object) -> Iterator[Misfit]:
        """What is wrong with an object of one of the `kinds`, field by field."""
        for error in self._validator(kind_of(object_)).iter_errors(object_.body):
            yield from self._misfits_of(object_, error)

    @cached_property
    def _registry(self) -> jsonschema_rs.Registry:
        return jsonschema_rs.Registry([(self._shared["$id"], self._shared)])

    @property
    def _definitions(self) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self._shared["$defs"])

    def _validator(self, kind: Kind) -> jsonschema_rs.Draft202012Validator:
        if kind not in self._validators:
            schema = {"$ref": f"{self._shared['$id']}#/$defs/{self.kinds[kind]}"}
            self._validators[kind] = jsonschema_rs.Draft202012Validator(schema, registry=self._registry)
        return self._validators[kind]

    def _misfits_of(self, object_: Object, error: jsonschema_rs.ValidationError) -> Iterator[Misfit]:
        path = fields.named(object_.body, error.instance_path)
        type_name = str(error.schema_path[1])
        match error.kind:
            case _Kind.AdditionalProperties(unexpected=names) if not type_name.endswith(_OPAQUE):
                known = self._definitions[type_name].get("properties", {})
                for name in names:
                    yield Misfit(
                        fields.dotted((*path, name)), "there is no such field", instead_of(name, known)
                    )
            case _Kind.Required(property=name):
                yield Misfit(fields.dotted((*path, name)), "required, and absent", "set the field")
            case _Kind.Type(types=types):
                expected = " or ".join(_WORDS.get(each, each) for each in types if each != "null")
                yield Misfit(
                    fields.dotted(path), f"expected {expected}, found {_short(error.instance)}", _MEND
                )
            case _Kind.OneOfNotValid():
                yield Misfit(
                    fields.dotted(path), f"expected a text or a number, found {_short(error.instance)}", _MEND
                )
            case _Kind.AdditionalProperties() | _Kind.OneOfMultipleValid():
                return
            case _:
                yield Misfit(fields.dotted(path), error.message, _MEND)


@cache
def api(version: str) -> Api:
    """The API of a minor version such as `1.34`, one of those in `kubernetes_versions()`."""
    number = minor(version)
    (folder,) = _SCHEMAS.glob(f"v{number[0]}.{number[1]}.*-local-strict")
    return Api(number, folder)


def minor(version: str) -> tuple[int, int]:
    """`1.34` or `v1.34.2` as `(1, 34)`."""
    major, number, *_ = version.removeprefix("v").split(".")
    return int(major), int(number)


def kind_of(object_: Object) -> Kind:
    group, _, version = object_.api_version.rpartition("/")
    return group, version, object_.kind


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
