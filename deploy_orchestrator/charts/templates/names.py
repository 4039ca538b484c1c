"""The names that templates are included by: exact where they are written, partly known where computed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_ALTERNATIVES = 16
MAX_TOKENS = 100
MAX_PIECES = 50
MAX_TEXT = 5_000
MAX_DEPTH = 50

Expression = tuple[str, ...]
"""The tokens of a pipeline."""

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_VERB = re.compile(r"%[-+# 0-9.]*([a-zA-Z%])")


@dataclass(frozen=True, slots=True)
class Name:
    """The known pieces of a name, in order, with any text between two of them."""

    pieces: tuple[str, ...]

    @property
    def exact(self) -> str | None:
        """The name, where all of it is known."""
        return self.pieces[0] if len(self.pieces) == 1 else None

    def matches(self, name: str) -> bool:
        """Whether this may be `name`."""
        if len(self.pieces) == 1:
            return name == self.pieces[0]
        first, *middle, last = self.pieces
        at = len(first)
        if not name.startswith(first):
            return False
        for piece in middle:
            found = name.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return len(name) - len(last) >= at and name.endswith(last)

    def __add__(self, other: "Name") -> "Name":
        return Name((*self.pieces[:-1], self.pieces[-1] + other.pieces[0], *other.pieces[1:]))

    def __str__(self) -> str:
        return "…".join(self.pieces)


ANY = Name(("", ""))


class Evaluator:
    """What expressions may be, given everything that is assigned to each variable, wherever that is."""

    def __init__(self, assigned: Mapping[str, Sequence[Expression]]) -> None:
        self._assigned = assigned
        self._known: dict[str, tuple[Name, ...]] = {}

    def names(self, expression: Expression, depth: int = 0) -> tuple[Name, ...]:
        """Every text that `expression` may be, as far as reading tells."""
        operands = _operands(expression)
        if operands is None or depth > MAX_DEPTH:
            return (ANY,)
        function, *arguments = operands
        if not arguments:
            return self._operand(function, depth)
        alternatives = [self._operand(argument, depth) for argument in arguments]
        match function:
            case ("print",):
                return _joined(alternatives)
            case ("printf",):
                return _formatted(alternatives[0], alternatives[1:])
            case ("default",) | ("coalesce",):
                return _bounded([name for names in alternatives for name in names])
            case ("ternary",):
                return _bounded([name for names in alternatives[:2] for name in names])
            case _:
                return (ANY,)

    def _operand(self, operand: Expression, depth: int) -> tuple[Name, ...]:
        if operand[0] == "(":
            return self.names(operand[1:-1], depth + 1)
        text = literal(operand[0])
        return self._variable(operand[0], depth) if text is None else (Name((text,)),)

    def _variable(self, variable: str, depth: int) -> tuple[Name, ...]:
        if variable not in self._known:
            self._known[variable] = (ANY,)
            assigned = self._assigned.get(variable, ())
            names = [name for expression in assigned for name in self.names(expression, depth + 1)]
            self._known[variable] = _bounded(names) or (ANY,)
        return self._known[variable]


def operand_after(tokens: Sequence[str], at: int) -> Expression:
    """The operand that begins at `at`: one token, or several in parentheses; empty where there is none.

    One of more than `MAX_TOKENS` is taken for none.
    """
    if at >= len(tokens) or tokens[at] in {"|", ")"}:
        return ()
    depth = 0
    for end in range(at, min(len(tokens), at + MAX_TOKENS)):
        depth += {"(": 1, ")": -1}.get(tokens[end], 0)
        if depth == 0:
            return tuple(tokens[at : end + 1])
    return ()


def literal(token: str) -> str | None:
    """The text that a string token stands for; None where it is no string."""
    if token.startswith("`"):
        return token[1:-1].replace("\r", "")
    if token.startswith('"'):
        return _ESCAPE.sub(_unescape, token[1:-1])
    return None


def _operands(expression: Expression) -> list[Expression] | None:
    operands: list[Expression] = []
    at = 0
    while at < len(expression):
        operand = operand_after(expression, at)
        if not operand:
            return None
        operands.append(operand)
        at += len(operand)
    return operands or None


def _joined(parts: Sequence[tuple[Name, ...]]) -> tuple[Name, ...]:
    joined: tuple[Name, ...] = (Name(("",)),)
    for alternatives in parts:
        joined = _bounded([name + alternative for name in joined for alternative in alternatives])
    return joined


def _formatted(formats: tuple[Name, ...], arguments: Sequence[tuple[Name, ...]]) -> tuple[Name, ...]:
    if len(formats) != 1 or formats[0].exact is None:
        return (ANY,)
    text = formats[0].exact
    parts: list[tuple[Name, ...]] = []
    left = list(arguments)
    at = 0
    for verb in _VERB.finditer(text):
        parts.append((Name((text[at : verb.start()],)),))
        at = verb.end()
        if verb[1] == "%":
            parts.append((Name(("%",)),))
        else:
            argument = left.pop(0) if left else (ANY,)
            parts.append(argument if verb[0] in {"%s", "%v"} else (ANY,))
    is_plain = "%" not in _VERB.sub("", text)
    return _joined([*parts, (Name((text[at:],)),)]) if is_plain else (ANY,)


def _bounded(names: Sequence[Name]) -> tuple[Name, ...]:
    distinct = tuple(dict.fromkeys(names))
    small = len(distinct) <= MAX_ALTERNATIVES and all(len(name.pieces) <= MAX_PIECES for name in distinct)
    return distinct if small and sum(map(len, map(str, distinct))) <= MAX_TEXT else (ANY,)


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "xuU" and len(code) > 1:
        return chr(min(int(code[1:], 16), 0x10FFFF))
    if len(code) == 3:
        return chr(int(code, 8))
    return _ESCAPED.get(code, code)
