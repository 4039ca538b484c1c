"""Read objects that nobody has checked: what is not of the expected type counts as absent."""

from collections.abc import Iterable, Mapping
from typing import Any, cast


def mapping(value: Any) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def mappings(value: Any) -> Iterable[Mapping[str, Any]]:
    """The items of a list that are mappings."""
    return [cast("dict[str, Any]", item) for item in items(value) if isinstance(item, dict)]


def texts(value: Any) -> list[str]:
    """The items of a list that are texts."""
    return [item for item in items(value) if isinstance(item, str)]


def without(value: Any, name: str) -> Mapping[str, Any]:
    """A mapping without one of its fields."""
    return {key: below for key, below in mapping(value).items() if key != name}


def at(value: Any, *steps: str) -> Any:
    """What stands at a path of field names; None where nothing does."""
    for step in steps:
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, Any]", value).get(step)
    return value
