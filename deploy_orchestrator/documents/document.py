"""A YAML document: its value, where its fields stand, and its fit to a model."""

import difflib
import typing
from dataclasses import dataclass
from typing import Any, TypeVar

import pydantic

from deploy_orchestrator.documents.reader import MAX_BYTES, DocumentError, FieldPath, dotted, read
from deploy_orchestrator.errors import Place

Model = TypeVar("Model", bound=pydantic.BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its `value` as plain JSON types, and the `file` and `text` that it was read from.

    `index` counts the documents of one text from 0; `duplicates` names every key that stands twice in one
    mapping, of which `value` has the last.
    """

    value: Any
    file: str
    text: str
    index: int = 0
    duplicates: tuple[Place, ...] = ()

    def place(self, *field: str | int) -> Place:
        """Where `field` stands in the file; where it is absent, the line of the nearest field above it."""
        lines: dict[FieldPath, int] = {}
        for index, _ in enumerate(read(self.text, self.file, lines)):
            if index == self.index:
                break
            lines.clear()
        nearest = next((field[:end] for end in range(len(field), -1, -1) if field[:end] in lines), None)
        return Place(self.file, None if nearest is None else lines[nearest], dotted(field) or None)

    def into(self, model: type[Model]) -> Model:
        """The document as a `model`.

        Raises:
            DocumentError: naming the first field that does not fit, its line, and what was expected there.
        """
        try:
            return model.model_validate(self.value)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            given = "" if isinstance(first["input"], dict | list) else f", not {_shortened(first['input'])}"
            also = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
            raise DocumentError(
                f"{first['msg'].removeprefix('Value error, ')}{given}{also}",
                place=self.place(*first["loc"]),
                fix=_fix(model, first["type"], first["loc"]),
            ) from error


def parse(data: bytes, file: str) -> Document:
    """The only document in `data`, an empty text being `None`. `file` is the name to use in messages.

    Raises:
        DocumentError: not UTF-8, not YAML, more than one document that is not empty, or out of bounds
            (`MAX_BYTES`, `MAX_DEPTH`, `MAX_NODES` after aliases are expanded).
    """
    first, *others = parse_all(data, file) or [Document(None, file, "")]
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
        for index, (value, duplicates) in enumerate(read(text, file))
    ]


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _fix(model: type[pydantic.BaseModel], kind: str, field: FieldPath) -> str | None:
    if kind == "missing":
        return "add the field"
    if kind != "extra_forbidden":
        return None
    known = _fields(model, field[:-1])
    nearest = difflib.get_close_matches(str(field[-1]), known, n=1)
    return f"did you mean {nearest[0]}?" if nearest else f"known here: {', '.join(known)}"


def _fields(model: type[pydantic.BaseModel], field: FieldPath) -> list[str]:
    here: Any = model
    for step in field:
        model_here = _model_in(here)
        if model_here and isinstance(step, str) and step in (known := _by_alias(model_here)):
            here = known[step].annotation
    model_here = _model_in(here)
    return sorted(_by_alias(model_here)) if model_here else []


def _by_alias(model: type[pydantic.BaseModel]) -> dict[str, Any]:
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _model_in(annotation: Any) -> type[pydantic.BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    return next((found for inner in typing.get_args(annotation) if (found := _model_in(inner))), None)
