"""What the files of the fleet repository have in common: how they are read, and what is asked of names."""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from deploy_orchestrator.documents import Document, parse
from deploy_orchestrator.errors import Place, instead_of
from deploy_orchestrator.fleet.errors import FleetError
from deploy_orchestrator.git import PathNotFound, Tree
from deploy_orchestrator.terms import FieldPath

_Value = TypeVar("_Value")


def read_document(tree: Tree, file: str, purpose: str) -> Document:
    """The YAML document in `file`; `purpose` says what such a file does.

    Raises:
        FleetError: it is missing.
        DocumentError, UnsafeTree: it cannot be read.
    """
    try:
        return parse(tree.read(file), file, tree.store.cache("documents"))
    except PathNotFound as error:
        raise FleetError("the file is missing", place=Place(file), fix=f"add it: it {purpose}") from error


def require_unique_keys(document: Document) -> None:
    """Raises FleetError if a key stands twice in one mapping."""
    if document.duplicates:
        raise FleetError("the key stands twice here", place=document.duplicates[0], fix="keep one of them")


def pick(name: str, known: Mapping[str, _Value], kind: str, place: Place) -> _Value:
    """What `known` has under `name`, which is asked for at `place`.

    Raises:
        FleetError: there is no such `kind` of thing.
    """
    if name not in known:
        raise FleetError(f"there is no {kind} {name!r}", place=place, fix=instead_of(name, known))
    return known[name]


def require_known(document: Document, field: FieldPath, name: str, known: Collection[str], kind: str) -> None:
    """Raises FleetError, at the `field` of `document` that holds it, unless `name` is `known`."""
    if name not in known:
        raise FleetError(
            f"there is no {kind} {name!r}", place=document.place(*field), fix=instead_of(name, known)
        )


def require_unique(document: Document, fields: Iterable[tuple[FieldPath, str]]) -> None:
    """Raises FleetError, at the second one, if two of the `fields` of `document` hold the same."""
    seen: dict[str, FieldPath] = {}
    for field, value in fields:
        if value in seen:
            first = document.place(*seen[value])
            raise FleetError(
                f"{value!r} stands on line {first.line} already", place=document.place(*field), fix="keep one"
            )
        seen[value] = field
