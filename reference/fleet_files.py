"""The fields of `fleet.yaml` and `tenant.yaml`, from their models."""

from collections.abc import Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from deploy_orchestrator.fleet.model import FleetFile, TenantFile
from deploy_orchestrator.terms import Verdict
from reference.markdown import one_line, table

Model = type[BaseModel]

_FILES: dict[str, Model] = {"fleet.yaml": FleetFile, "tenant.yaml": TenantFile}
_HEAD = """\
# Fields of the fleet's files

Every field of `fleet.yaml` and `tenant.yaml`. [The fleet repository](fleet.md) explains them, with an example
of each file. What is not required may be left out.

<!-- Made from the code by `make docs`. -->
"""
_WRONG = "\n\0"
"""What no field takes, so that each says what it expects."""
_EXPECTED = "Value error, expected "
_PLAIN = {
    "string_type": "text",
    "string_pattern_mismatch": "text on one line",
    "int_type": "a number from 1",
    "bool_type": "`true` or `false`",
    "dict_type": "texts by name",
}
"""What pydantic's own types expect, by the kind of its error."""


def page() -> str:
    """A section for each file, and in it one for each kind of entry."""
    return "\n".join([_HEAD, *(part for file in _FILES for part in _file(file))])


def _file(file: str) -> Iterator[str]:
    yield f"## {file}\n"
    yield f"{_about(_FILES[file])}\n"
    yield f"{_fields(file, _FILES[file])}\n"
    for model in _entries(_FILES[file]):
        yield f"### {_title(file, model)}\n"
        yield f"{_about(model)}\n"
        yield f"{_fields(file, model)}\n"


def _entries(model: Model) -> list[Model]:
    """The kinds of entries, in the order in which the file leads to them."""
    found: dict[Model, None] = {}
    for field in model.model_fields.values():
        for entry in _models(field.annotation):
            found |= dict.fromkeys([entry, *_entries(entry)])
    return list(found)


def _models(annotation: Any) -> Iterator[Model]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _title(file: str, model: Model) -> str:
    return f"{model.__name__} in {file}"


def _about(model: Model) -> str:
    """What the class says of itself, in the words of the file."""
    text = one_line(model.__doc__).replace("None: ", "left out: ")
    for name, field in model.model_fields.items():
        text = text.replace(f"`{name}`", f"`{field.alias}`")
    return text


def _fields(file: str, model: Model) -> str:
    schemas: dict[str, dict[str, Any]] = model.model_json_schema()["properties"]
    rows = [
        (f"`{field.alias}`", _is(file, _annotation(field)), _default(field, schemas[str(field.alias)]))
        for field in model.model_fields.values()
    ]
    return table(("Field", "Is", "Default"), rows)


def _annotation(field: FieldInfo) -> Any:
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _is(file: str, annotation: Any) -> str:
    """What a field takes, in words."""
    arguments = [part for part in get_args(annotation) if part is not NoneType]
    match get_origin(annotation):
        case origin if origin is Union or origin is UnionType:
            return _is(file, arguments[0])
        case origin if origin is tuple:
            return f"a list, each {_is(file, arguments[0])}"
        case origin if origin is Literal:
            return " or ".join(f"`{each}`" for each in arguments)
        case origin if origin is dict:
            return f"by name, each {_is(file, arguments[1])}"
        case None if annotation is Verdict:
            return " or ".join(f"`{each}`" for each in Verdict)
        case origin if origin is Annotated and get_origin(arguments[0]) is tuple:
            return _is(file, arguments[0])
        case _ if isinstance(annotation, type) and issubclass(annotation, Enum):
            return " or ".join(f"`{each.value}`" for each in annotation)
        case _:
            return _link(file, annotation) or _expected(annotation)


def _link(file: str, annotation: Any) -> str | None:
    for model in _models(annotation):
        anchor = _title(file, model).lower().replace(".", "").replace(" ", "-")
        return f"[{model.__name__}](#{anchor})"
    return None


def _expected(annotation: Any) -> str:
    try:
        TypeAdapter(annotation).validate_python(_WRONG)
    except ValidationError as error:
        [said] = error.errors()
        if said["msg"].startswith(_EXPECTED):
            return said["msg"].removeprefix(_EXPECTED)
        return _PLAIN[said["type"]]
    return "text"


def _default(field: FieldInfo, schema: dict[str, Any]) -> str:
    if field.is_required():
        return "required"
    default = schema.get("default")
    return f"`{str(default).lower()}`" if isinstance(default, str | int) else ""
