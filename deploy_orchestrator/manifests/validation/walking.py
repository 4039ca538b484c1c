"""Go through an object by its schema, and hold each part of it to what its type must be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation.formats import base64_text
from deploy_orchestrator.manifests.validation.shapes import Path, Refusal, Says, Shape, found

_REFERENCE: Final = "#/$defs/"
_PREFIXES: Final = ("io.k8s.api.", "io.k8s.apimachinery.pkg.apis.", "io.k8s.apimachinery.pkg.")
_DEFAULTS: Final = {"protocol": "TCP"}
"""The values of the keys of lists that may be left out."""

_OF_SOPS: Final = "ENC[AES256_GCM,"
"""How a text begins that is decrypted before it is applied."""

_EMPTY: Final[Mapping[str, Any]] = {}
_STRUCTS: Final = ("spec", "template", "jobTemplate")
"""Parts that are there, and empty, where nobody writes them."""

Definitions = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Field:
    """A field that holds values of a type or a format, or a list whose items have identities."""

    definition: str
    holds: str
    format: str | None
    list_type: str | None
    list_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Type:
    shape: Shape | None
    says: Says | None
    fields: Mapping[str, _Field]
    structs: tuple[str, ...]


class Types:
    """The types of one version of Kubernetes, by the `definitions` of its schemas.

    `shapes` say what parts of each type must be, `scalars` what values; by a type's short name, such as
    `core.v1.Container`.
    """

    def __init__(
        self, definitions: Definitions, shapes: Mapping[str, Shape], scalars: Mapping[str, Says]
    ) -> None:
        self._definitions = definitions
        self._shapes = shapes
        self._scalars = scalars
        self._types: dict[str, _Type] = {}

    def refusals(self, value: Any, definition: str) -> list[Refusal]:
        """All that is wrong with `value`, from the outside in.

        The status is left out: the API server keeps its own.
        """
        wrong: list[Refusal] = []
        self._judge(untyped.without(value, "status"), definition, (), wrong)
        return wrong

    def _judge(self, value: Any, definition: str, path: Path, wrong: list[Refusal]) -> None:
        type_ = self._types.get(definition) or self._read(definition)
        if type_.says:
            if said := type_.says(value):
                wrong.append(Refusal(path, found(said, value)))
            return
        given = untyped.mapping(value)
        if type_.shape:
            wrong += [Refusal((*path, *each.path), each.message) for each in type_.shape.refusals(given)]
        for name, below in given.items():
            if below is not None and (known := type_.fields.get(name)):
                self._judge_field(known, below, (*path, name), wrong)
        for name in type_.structs:
            if given.get(name) is None:
                self._judge_field(type_.fields[name], _EMPTY, (*path, name), wrong)

    def _judge_field(self, known: _Field, value: Any, path: Path, wrong: list[Refusal]) -> None:
        if known.holds == "one":
            self._judge_value(known, value, path, wrong)
        elif known.holds == "map":
            for key, item in untyped.mapping(value).items():
                self._judge_value(known, item, (*path, key), wrong)
        else:
            _judge_list(known, untyped.items(value), path, wrong)
            for index, item in enumerate(untyped.items(value)):
                self._judge_value(known, item, (*path, index), wrong)

    def _judge_value(self, known: _Field, value: Any, path: Path, wrong: list[Refusal]) -> None:
        if known.definition:
            self._judge(value, known.definition, path, wrong)
        elif known.format == "byte":
            if not str(value).startswith(_OF_SOPS) and (said := base64_text(value)):
                wrong.append(Refusal(path, said))
        elif known.format == "int32" and isinstance(value, int) and not -(2**31) <= value < 2**31:
            wrong.append(Refusal(path, found("must be a number of 32 bits", value)))

    def _read(self, definition: str) -> _Type:
        properties = untyped.mapping(untyped.mapping(self._definitions.get(definition)).get("properties"))
        fields = {name: _field(untyped.mapping(schema)) for name, schema in properties.items()}
        name = _short(definition)
        type_ = self._types[definition] = _Type(
            shape=self._shapes.get(name),
            says=self._scalars.get(name),
            fields={name: field for name, field in fields.items() if field},
            structs=tuple(name for name in _STRUCTS if fields.get(name)),
        )
        return type_


def _short(definition: str) -> str:
    """A definition's name without what all have: `io.k8s.api.apps.v1.Scale` is `apps.v1.Scale`."""
    for prefix in _PREFIXES:
        if definition.startswith(prefix):
            return definition.removeprefix(prefix)
    return definition


def _field(schema: Mapping[str, Any]) -> _Field | None:
    """What is to be judged of a field; None where there is nothing."""
    held, holds = schema, "one"
    if isinstance(schema.get("items"), Mapping):
        held, holds = schema["items"], "list"
    elif isinstance(schema.get("additionalProperties"), Mapping):
        held, holds = schema["additionalProperties"], "map"
    definition = untyped.text(held.get("$ref")).partition(_REFERENCE)[2]
    format_, list_type = held.get("format"), schema.get("x-kubernetes-list-type")
    if not definition and format_ not in {"byte", "int32"} and list_type not in {"map", "set"}:
        return None
    keys = tuple(untyped.texts(schema.get("x-kubernetes-list-map-keys")))
    return _Field(definition, holds, format_, list_type, keys)


def _judge_list(known: _Field, items: list[Any], path: Path, wrong: list[Refusal]) -> None:
    """What server-side apply refuses in a list whose items have an identity: one that stands twice."""
    if len(items) < 2 or known.list_type not in {"map", "set"}:
        return
    seen = set[str]()
    for index, item in enumerate(items):
        values = [item]
        if known.list_type == "map":
            values = [untyped.mapping(item).get(key) or _DEFAULTS.get(key, "") for key in known.list_keys]
        if (identity := repr(values)) in seen:
            wrong.append(Refusal((*path, index), f"stands twice: {', '.join(map(str, values))}"))
        seen.add(identity)
