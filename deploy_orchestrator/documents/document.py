"""A YAML document: its value, where its fields stand, and its fit to a model."""

import json
import typing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pydantic
from pydantic_core import ErrorDetails

from deploy_orchestrator.documents import reader
from deploy_orchestrator.documents.reader import MAX_BYTES, DocumentError, dotted, read_documents
from deploy_orchestrator.errors import Place, instead_of
from deploy_orchestrator.storage import Cache, cache_key, fingerprint, made_by
from deploy_orchestrator.terms import FieldPath

Model = TypeVar("Model", bound=pydantic.BaseModel)

READER: Final = made_by(__file__, reader.__file__)
"""A part of the key of what is made of documents: where they are read otherwise, it is another."""

HIDDEN = "hidden"
"""The type of a `PydanticCustomError` whose input no message may show."""

_OF_KEY = "[key]"
_UNKNOWN = "extra_forbidden"


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its `value` as plain JSON types, and the `file` and `text` that it was read from.

    `index` counts the documents of one text from 0; `duplicates` names the keys that stand twice in one
    mapping (the first hundred), of which `value` has the last.
    """

    value: Any
    file: str
    text: str
    index: int = 0
    duplicates: tuple[Place, ...] = ()

    def place(self, *field: str | int) -> Place:
        """Where `field` stands in the file; where it is absent, the line of the nearest field above it."""
        lines: dict[FieldPath, int] = {}
        for index, _ in enumerate(read_documents(self.text, self.file, lines)):
            if index == self.index:
                break
            lines.clear()
        nearest = next((field[:end] for end in range(len(field), -1, -1) if field[:end] in lines), None)
        return Place(self.file, None if nearest is None else lines[nearest], dotted(field) or None)

    def into(self, model: type[Model]) -> Model:
        """The document as a `model`, its fields going by their aliases.

        Raises:
            DocumentError: naming a field that does not fit, its line, and what was expected there. An unknown
                field comes first: where it is misspelt, it explains the one that is missing.
        """
        try:
            return model.model_validate(self.value, by_alias=True, by_name=False)
        except pydantic.ValidationError as error:
            first = min(error.errors(), key=lambda each: each["type"] != _UNKNOWN)
            also = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
            raise DocumentError(
                f"{_what(first)}{also}",
                place=self.place(*(step for step in first["loc"] if step != _OF_KEY)),
                fix=_fix(model, first),
            ) from error


def parse(data: bytes, file: str, cache: Cache | None = None) -> Document:
    """The only document in `data`, an empty text being `None`. `file` is the name to use in messages. What
    was read is kept in `cache`, and not read again.

    Raises:
        DocumentError: not UTF-8, not YAML, more than one document that is not empty, or out of bounds
            (`MAX_BYTES`, `MAX_DEPTH`, `MAX_NODES` after aliases are expanded).
    """
    key = cache_key(READER, fingerprint(data))
    kept = cache.read(key) if cache else None
    if kept is not None:
        return Document(json.loads(kept), file, data.decode("utf-8-sig"))
    document = _only(data, file)
    if cache and not document.duplicates:
        cache.write(key, json.dumps(document.value).encode())
    return document


def _only(data: bytes, file: str) -> Document:
    first, *others = parse_all(data, file) or [Document(None, file, data.decode("utf-8-sig"))]
    for other in others:
        if other.value is not None:
            raise DocumentError("expected one YAML document, found another", place=other.place())
    return first


def parse_all(data: bytes, file: str) -> list[Document]:
    """Every document in `data`, in order; otherwise as `parse`."""
    if len(data) > MAX_BYTES:
        raise DocumentError(f"larger than {MAX_BYTES:,} bytes", place=Place(file))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(f"not UTF-8 at byte {error.start}", place=Place(file, line)) from error
    return [
        Document(value, file, text, index, duplicates)
        for index, (value, duplicates) in enumerate(read_documents(text, file))
    ]


def _what(error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return "the field is missing"
        case "extra_forbidden":
            return "there is no such field"
        case "hidden":
            return error["msg"]
        case "too_short":
            return f"expected at least {error['ctx']['min_length']}" if "ctx" in error else error["msg"]
        case "model_type" | "dict_type":
            expected = "expected a mapping"
        case "tuple_type" | "list_type":
            expected = "expected a list"
        case _:
            expected = error["msg"].removeprefix("Value error, ").replace("Input should be", "expected", 1)
    given = error["input"]
    return expected if isinstance(given, dict | list) else f"{expected}, not {_shortened(given)}"


def _shortened(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _fix(model: type[pydantic.BaseModel], error: ErrorDetails) -> str | None:
    match error["type"]:
        case "missing":
            return "add the field"
        case "string_type" if isinstance(error["input"], bool | int | float):
            return "put it in quotes"
        case "extra_forbidden":
            return instead_of(str(error["loc"][-1]), _fields(model, error["loc"][:-1]))
        case _:
            return None


def _fields(model: type[pydantic.BaseModel], field: FieldPath) -> list[str]:
    here = model
    for step in field:
        known = {info.alias or name: info for name, info in here.model_fields.items()}
        here = _model_in(known[step].annotation) or here if step in known else here
    return [info.alias or name for name, info in here.model_fields.items()]


def _model_in(annotation: Any) -> type[pydantic.BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    return next((found for inner in typing.get_args(annotation) if (found := _model_in(inner))), None)
