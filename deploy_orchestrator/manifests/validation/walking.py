"""Go through an object by its schema, and say what kind of thing each part of it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation.formats import base64_text
from deploy_orchestrator.manifests.validation.shapes import Path, Refusal, found

_REFERENCE: Final = "#/$defs/"
_PREFIXES: Final = ("io.k8s.api.", "io.k8s.apimachinery.pkg.apis.", "io.k8s.apimachinery.pkg.")
_DEFAULTS: Final = {"protocol": "TCP"}
"""The values of the keys of lists that may be left out."""

_OF_SOPS: Final = "ENC[AES256_GCM,"
"""How a text begins that is decrypted before it is applied."""

_EMPTY: Final[Mapping[str, Any]] = {}
_STRUCTS: Final = ("spec", "template", "jobTemplate")
"""Parts that are there, and empty, where nobody writes them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an object: where it stands, the type that the schema gives it, as `core.v1.Container`."""

    path: Path
    type: str
    value: Any


@dataclass(frozen=True, slots=True)
class _Field:
    type: str | None
    holds: str
    list_type: str | None
    list_keys: tuple[str, ...]
    format: str | None


Definitions = Mapping[str, Any]


class Types:
    """The types of one version of Kubernetes, by the `definitions` of its schemas."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._fields = lru_cache(maxsize=None)(self._read)

    def parts(self, value: Any, definition: str) -> Iterator[Part | Refusal]:
        """Every part of `value` that has a type, from the outside in; what is wrong with lists and numbers.

        The status is left out: the API server keeps its own.
        """
        yield from self._parts(value, definition, ())

    def _parts(self, value: Any, definition: str, path: Path) -> Iterator[Part | Refusal]:
        yield Part(path, short(definition), value)
        if not isinstance(value, dict):
            return
        fields, given = self._fields(definition), untyped.mapping(cast(Any, value))
        absent = [name for name in _STRUCTS if name in fields and given.get(name) is None]
        for name, below in {**given, **dict.fromkeys(absent, _EMPTY)}.items():
            known = fields.get(name)
            if known is None or below is None or (not path and name == "status"):
                continue
            here = (*path, name)
            if known.holds == "list":
                yield from _list_refusals(known, below, here)
                for index, item in enumerate(untyped.items(below)):
                    yield from self._below(known, item, (*here, index))
            elif known.holds == "map":
                for key, item in untyped.mapping(below).items():
                    yield from self._below(known, item, (*here, key))
            else:
                yield from self._below(known, below, here)

    def _below(self, known: _Field, value: Any, path: Path) -> Iterator[Part | Refusal]:
        if known.type:
            yield from self._parts(value, known.type, path)
        elif known.format == "byte" and not str(value).startswith(_OF_SOPS) and (said := base64_text(value)):
            yield Refusal(path, said)
        elif known.format == "int32" and isinstance(value, int) and not -(2**31) <= value < 2**31:
            yield Refusal(path, found("must be a number of 32 bits", value))

    def _read(self, definition: str) -> Mapping[str, _Field]:
        properties = untyped.mapping(untyped.mapping(self._definitions.get(definition)).get("properties"))
        return {name: _field(untyped.mapping(schema)) for name, schema in properties.items()}


def short(definition: str) -> str:
    """A definition's name without what all have: `io.k8s.api.apps.v1.Scale` is `apps.v1.Scale`."""
    for prefix in _PREFIXES:
        if definition.startswith(prefix):
            return definition.removeprefix(prefix)
    return definition


def _field(schema: Mapping[str, Any]) -> _Field:
    held, holds = schema, "one"
    if isinstance(schema.get("items"), Mapping):
        held, holds = schema["items"], "list"
    elif isinstance(schema.get("additionalProperties"), Mapping):
        held, holds = schema["additionalProperties"], "map"
    reference = untyped.text(held.get("$ref")).partition(_REFERENCE)[2]
    return _Field(
        type=reference or None,
        holds=holds,
        list_type=schema.get("x-kubernetes-list-type"),
        list_keys=tuple(untyped.texts(schema.get("x-kubernetes-list-map-keys"))),
        format=held.get("format"),
    )


def _list_refusals(known: _Field, value: Any, path: Path) -> Iterator[Refusal]:
    """What server-side apply refuses in a list whose items have an identity: one that stands twice."""
    seen = set[str]()
    for index, item in enumerate(untyped.items(value)):
        if known.list_type == "map":
            values = [untyped.mapping(item).get(key) or _DEFAULTS.get(key, "") for key in known.list_keys]
        elif known.list_type == "set":
            values = [item]
        else:
            return
        if (identity := repr(values)) in seen:
            yield Refusal((*path, index), f"stands twice: {', '.join(map(str, values))}")
        seen.add(identity)
