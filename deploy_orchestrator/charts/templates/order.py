"""Where a template takes the keys or values of a map in the order in which Go happens to give them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from deploy_orchestrator.charts.templates.lexer import Action

_GIVE_NO_ORDER: Final = frozenset({"keys", "values"})
_NEED_NO_ORDER: Final = frozenset({"sortAlpha", "len", "has", "mustHas", "empty", "not", "if"})


def unordered(actions: Iterable[Action]) -> Iterator[Action]:
    """The actions of one file whose result depends on the order of a map.

    Followed are pipelines, parentheses and variables; what a named template prints is taken for its result.
    """
    found = tuple(actions)
    users: defaultdict[str, list[tuple[Action, int]]] = defaultdict(list)
    for action in found:
        for at, token in enumerate(action.tokens):
            if token.startswith("$") and action.tokens[at + 1 : at + 2] not in ((":=",), ("=",)):
                users[token].append((action, at))
    for action in found:
        if any(
            token in _GIVE_NO_ORDER and _order_counts(action.tokens, at, users, set())
            for at, token in enumerate(action.tokens)
        ):
            yield action


def _order_counts(
    tokens: Sequence[str], at: int, users: dict[str, list[tuple[Action, int]]], seen: set[str]
) -> bool:
    """Whether the order of the list that stands or is made at `at` makes a difference."""
    if _NEED_NO_ORDER.intersection(_functions_over(tokens, at)):
        return False
    if tokens[1:2] in ((":=",), ("=",)) and tokens[0].startswith("$"):
        if tokens[0] in seen:
            return False
        seen.add(tokens[0])
        return any(_order_counts(action.tokens, use, users, seen) for action, use in users[tokens[0]])
    return True


def _functions_over(tokens: Sequence[str], at: int) -> Iterator[str]:
    """The functions and keywords through which what stands at `at` goes, from the inside out."""
    place: int | None = at
    while place is not None:
        command, outside = _around(tokens, place)
        if command < place:
            yield tokens[command]
        yield from _piped_into(tokens, place)
        place = outside
    yield from tokens[:2] if tokens[0] == "else" else tokens[:1]


def _around(tokens: Sequence[str], at: int) -> tuple[int, int | None]:
    """Where the command begins in which `at` stands, and where the parenthesis opens around that."""
    depth, command = 0, 0
    for index in range(at - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(tokens[index], 0)
        if depth < 0:
            return command or index + 1, index
        if depth == 0 and tokens[index] == "|":
            command = command or index + 1
    return command, None


def _piped_into(tokens: Sequence[str], at: int) -> Iterator[str]:
    depth = 0
    for index in range(at, len(tokens) - 1):
        depth += {"(": 1, ")": -1}.get(tokens[index], 0)
        if depth < 0:
            return
        if depth == 0 and tokens[index] == "|":
            yield tokens[index + 1]
