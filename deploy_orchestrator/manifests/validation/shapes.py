"""How a rule of the API server is written down: what a part of an object must be, and what is said if not."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from deploy_orchestrator.manifests import untyped

Path = tuple[str | int, ...]
Fields = Mapping[str, Any]

Says = Callable[[Any], str | None]
"""What the API server has against a value; None where it takes it."""

_SHORT: Final = 60


@dataclass(frozen=True, slots=True)
class Refusal:
    """A field that the API server refuses, by its path, and what it says."""

    path: Path
    message: str


Rule = Callable[[Fields], Iterator[Refusal]]
"""What is said about fields that must agree with each other, by paths below what holds them."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a part of an object must be: what is `required`, what each field may be, and `rules` for several.

    A text that is empty counts as absent, as it does in Kubernetes, but for those that may be absent and
    `not_empty`.
    """

    required: tuple[str, ...] = ()
    not_empty: tuple[str, ...] = ()
    fields: Mapping[str, Says] = field(default_factory=lambda: MappingProxyType({}))
    rules: tuple[Rule, ...] = ()

    def refusals(self, given: Fields) -> Iterator[Refusal]:
        """All that is wrong with what is `given`."""
        for name in self.required:
            if is_absent(given.get(name)):
                yield Refusal((name,), "required, and absent")
        for name in self.not_empty:
            if given.get(name) == "":
                yield Refusal((name,), "may be absent, and may not be empty")
        for name, says in self.fields.items():
            value = given.get(name)
            if value is not None and value != "" and (said := says(value)):
                yield Refusal((name,), found(said, value))
        for rule in self.rules:
            yield from rule(given)


def is_absent(value: Any) -> bool:
    """Whether Kubernetes takes a required value for absent."""
    return value is None or value == "" or value == []


def found(said: str, value: Any) -> str:
    """What is said of a value, with the value."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f"{said}, found {text if len(text) <= _SHORT else f'{text[:_SHORT]}…'}"


def at(path: Path, refusals: Iterable[Refusal]) -> Iterator[Refusal]:
    """The same refusals as seen from further up."""
    for each in refusals:
        yield Refusal((*path, *each.path), each.message)


def each(says: Says) -> Says:
    """What is said of the first item of a list that is refused; null is an empty text to the API server."""

    def says_of_items(values: Any) -> str | None:
        items = ("" if item is None else item for item in untyped.items(values))
        return next(filter(None, map(says, items)), None)

    return says_of_items


def exactly_one(*names: str, of: str) -> Rule:
    """A rule that one of the fields is set, and no other."""

    def rule(given: Fields) -> Iterator[Refusal]:
        present = [name for name in names if given.get(name) not in (None, [])]
        if not present:
            yield Refusal((), f"needs a {of}")
        elif len(present) > 1:
            yield Refusal((present[1],), f"may not have more than one {of}: {' and '.join(present)}")

    return rule


def no_duplicates(list_: str, *keys: str) -> Rule:
    """A rule that the items of a list differ in `keys`; those that lack them all do."""

    def rule(given: Fields) -> Iterator[Refusal]:
        seen = set[str]()
        for index, item in enumerate(untyped.items(given.get(list_))):
            values = [untyped.mapping(item).get(key) for key in keys]
            identity = json.dumps(values)
            if any(values) and identity in seen:
                said = ", ".join(str(value) for value in values if value)
                yield Refusal((list_, index, keys[0]), f"stands twice: {said}")
            seen.add(identity)

    return rule
