"""Hold an object against a JSON schema, and say field by field where it does not fit."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from deploy_orchestrator.errors import instead_of
from deploy_orchestrator.manifests import fields, secrets, untyped
from deploy_orchestrator.manifests.objects import Object

_MISFITS: Final = "misfits"
_OPAQUE: Final = ("RawExtension", "FieldsV1")
MASK: Final = "the value"
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


@dataclass(frozen=True, slots=True)
class Misfit:
    """One field that the schema does not allow: what is wrong with it, and what to do."""

    field: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True)
class Schema:
    """The compiled schema of a kind, and the `document` that the paths to its parts lead through.

    The API server holds a custom kind to all that its schema says. Of a kind that `is_built_in` it asks for
    known fields of the right types, and leaves the rest to rules of its own.
    """

    validator: jsonschema_rs.Draft202012Validator
    document: Mapping[str, Any]
    is_built_in: bool = False

    def misfits(self, object_: Object) -> Sequence[Misfit]:
        """Everything about an object that does not fit, but for what SOPS says of a Secret of its own."""
        of, found = object_.remembered.get(_MISFITS, (None, ()))
        if of is not self:
            errors = self.validator.iter_errors(object_.body)
            found = tuple(
                each
                for error in errors
                for each in self._misfits(object_, error)
                if each.field != secrets.SOPS or not secrets.is_of_sops(object_)
            )
            object_.remembered[_MISFITS] = self, found
        return found

    def _misfits(self, object_: Object, error: jsonschema_rs.ValidationError) -> Iterator[Misfit]:
        path = fields.named(object_.body, error.instance_path)
        field, found = fields.dotted(path), _short(_at(secrets.hidden(object_), error.instance_path))
        match error.kind:
            case Kind.AdditionalProperties(unexpected=names):
                if not str(error.schema_path[1:2]).endswith(_OPAQUE):
                    known = self._known(error.schema_path[:-1])
                    for name in names:
                        yield Misfit(
                            fields.dotted((*path, name)), "there is no such field", instead_of(name, known)
                        )
            case Kind.Required() if self.is_built_in:
                return
            case Kind.Required(property=name):
                yield Misfit(fields.dotted((*path, name)), "required, and absent", "set the field")
            case Kind.Type(types=types):
                expected = " or ".join(_WORDS.get(each, each) for each in types if each != "null")
                yield Misfit(field, f"expected {expected}, found {found}", _MEND)
            case Kind.OneOfNotValid():
                yield Misfit(field, f"expected a text or a number, found {found}", _MEND)
            case Kind.OneOfMultipleValid():
                return
            case _ if self.is_built_in:
                return
            case _:
                yield Misfit(field, error.message, _MEND)

    def _known(self, path: list[str | int]) -> Mapping[str, Any]:
        schema: Any = self.document
        for step in path:
            schema = untyped.mapping(schema).get(str(step))
        return untyped.mapping(untyped.mapping(schema).get("properties"))


def _at(value: Any, path: Iterable[str | int]) -> Any:
    for step in path:
        value = untyped.items(value)[step] if isinstance(step, int) else untyped.mapping(value)[step]
    return value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
