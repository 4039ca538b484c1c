"""The Kubernetes API of a minor version: the kinds that it has, and the schema of each."""

import json
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

import jsonschema_rs

from deploy_orchestrator.manifests.misfits import MASK, Schema
from deploy_orchestrator.manifests.objects import Object
from deploy_orchestrator.manifests.validation import Types, types

Kind = tuple[str, str, str]
"""Group, version and kind, as `("apps", "v1", "Deployment")`."""


def _schemas() -> Path:
    package = find_spec("kubernetes_validate")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the schemas of kubernetes_validate are missing")
    return Path(package.origin).with_name("kubernetes-json-schema")


_SCHEMAS: Final = _schemas()


class Api:
    """What a minor version of Kubernetes knows, in the strict form that refuses unknown fields."""

    def __init__(self, version: tuple[int, int], folder: Path) -> None:
        self.version = version
        self._shared: dict[str, Any] = json.loads((folder / "_definitions.json").read_bytes())
        self._schemas: dict[Kind, Schema] = {}

    def __str__(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    @cached_property
    def kinds(self) -> Mapping[Kind, str]:
        """Every kind that may be applied, with the name of its definition."""
        definitions = cast(Mapping[str, Any], self._shared["$defs"])
        return {
            (each["group"], each["version"], each["kind"]): name
            for name, definition in definitions.items()
            for each in definition.get("x-kubernetes-group-version-kind", ())
        }

    def schema(self, kind: Kind) -> Schema | None:
        """The schema of a kind; None where this version does not have it."""
        if kind not in self.kinds:
            return None
        if kind not in self._schemas:
            schema = {"$ref": f"{self._shared['$id']}#/$defs/{self.kinds[kind]}"}
            validator = jsonschema_rs.Draft202012Validator(schema, registry=self._registry, mask=MASK)
            self._schemas[kind] = Schema(validator, self._shared, is_built_in=True)
        return self._schemas[kind]

    @cached_property
    def types(self) -> Types:
        """The types that its kinds are made of."""
        return types(self._shared["$defs"])

    @cached_property
    def _registry(self) -> jsonschema_rs.Registry:
        return jsonschema_rs.Registry([(self._shared["$id"], self._shared)])


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
