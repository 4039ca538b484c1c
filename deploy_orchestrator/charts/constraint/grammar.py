"""The grammar of constraints, read by hand and with positions.

    constraint = group { "||" group }
    group      = item { separator item }        separator: white space, or a comma with white space around it
    item       = [ operator ] pattern           no operator means equal
               | pattern " - " pattern          a hyphen range: at least the first, at most the second
    pattern    = [ "v" ] number [ "." number [ "." number ] ] [ "-" prerelease ] [ "+" build ]
    number     = digits | "x" | "X" | "*"

Masterminds/semver rewrites hyphen ranges as text before it reads anything else, and lets `|` stand in a
number. Both show: white space does not separate a range from an item before it (`1.x 2 - 3` is an error,
`1.x, 2 - 3` is not), what follows a range needs no separator, and `1||2 - 3` means `>=1 || 2 <=3`. So it is
done in that order here.
"""

from dataclasses import dataclass

from deploy_orchestrator.charts.constraint.operators import EXACT, OPERATORS, Comparator
from deploy_orchestrator.charts.errors import ChartError
from deploy_orchestrator.charts.version import ALPHANUMERIC, Version, VersionError

MAX_LENGTH = 512
MAX_GROUPS = 32

ALIASES = {"": "=", "=>": ">=", "=<": "<=", "~>": "~"}
SPELLINGS = sorted({*ALIASES, *OPERATORS}, key=len, reverse=True)
SPACE = frozenset(" \t\n\f\r")
WILDCARDS = frozenset("xX*")
NUMBER = frozenset("0123456789|") | WILDCARDS

Group = tuple[Comparator, ...]


class ConstraintError(ChartError, ValueError):
    """A text that is no constraint: `reason` says why, `position` where in `text`, counted from 0."""

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(
            f"constraint {text!r}, column {position + 1}: {reason}",
            fix="write comparisons such as ^1.2.0, ~1.2 or '>=1.2 <2', joined by spaces (and) or || (or)",
        )
        self.text = text
        self.position = position
        self.reason = reason


def parse(text: str) -> tuple[Group, ...]:
    """The groups of `text`: a version is allowed that satisfies all comparators of one of them.

    Raises:
        ConstraintError: it is no constraint.
    """
    if len(text) > MAX_LENGTH:
        raise ConstraintError(text, MAX_LENGTH, f"longer than {MAX_LENGTH} characters")
    source = _expand_ranges(text)
    groups: list[Group] = []
    start = 0
    for part in source.text.split("||"):
        if len(groups) == MAX_GROUPS:
            raise source.error(start, f"more than {MAX_GROUPS} alternatives")
        groups.append(_group(source, start, start + len(part)))
        start += len(part) + len("||")
    return tuple(groups)


@dataclass(frozen=True, slots=True)
class _Source:
    """A text with its hyphen ranges expanded; `origins` says where in `original` a character comes from."""

    original: str
    text: str
    origins: list[int]

    def error(self, at: int, reason: str) -> ConstraintError:
        return ConstraintError(self.original, self.origins[at], reason)


def _expand_ranges(original: str) -> _Source:
    characters: list[str] = []
    origins: list[int] = []

    def emit(text: str, start: int, step: int) -> None:
        characters.extend(text)
        origins.extend(start + step * index for index in range(len(text)))

    at = 0
    while at < len(original):
        low = _skip(original, at)
        low_end = _pattern_end(original, low)
        high = _after_hyphen(original, low_end)
        high_end = _pattern_end(original, high)
        if low_end == low or high_end == high:
            emit(original[at], at, 1)
            at += 1
            continue
        emit(">= ", low, 0)
        emit(original[low:low_end], low, 1)
        emit(", <= ", high, 0)
        emit(original[high:high_end], high, 1)
        emit(" ", high_end, 0)
        at = _skip(original, high_end)
    return _Source(original, "".join(characters), [*origins, len(original)])


def _after_hyphen(text: str, at: int) -> int:
    hyphen = _skip(text, at)
    after = _skip(text, hyphen + 1)
    found = hyphen > at and after > hyphen + 1 and text[hyphen : hyphen + 1] == "-"
    return after if found else len(text)


def _group(source: _Source, at: int, end: int) -> Group:
    text = source.text[:end]
    comparators: list[Comparator] = []
    at = _skip(text, at)
    while True:
        spelling = next(spelling for spelling in SPELLINGS if text.startswith(spelling, at))
        start = _skip(text, at + len(spelling))
        pattern_end = _pattern_end(text, start)
        if pattern_end == start:
            raise source.error(start, f"expected a version, found {_found(source, start, end)}")
        comparators.append(_comparator(source, ALIASES.get(spelling, spelling), start, pattern_end))
        at = _skip(text, pattern_end)
        if at == end:
            return tuple(comparators)
        if text[at] == ",":
            at = _skip(text, at + 1)
        elif at == pattern_end:
            raise source.error(at, f"expected a space or a comma, found {_found(source, at, end)}")


def _found(source: _Source, at: int, end: int) -> str:
    if at == end:
        return "'||'" if end < len(source.text) else "the end"
    if source.text[at] != source.original[source.origins[at]]:
        return "a hyphen range, which only a comma or || separates from what stands before it"
    return repr(source.text[at])


def _comparator(source: _Source, operator: str, start: int, end: int) -> Comparator:
    pattern = source.text[start:end]
    numbers, dash, prerelease = pattern.partition("+")[0].partition("-")
    given: list[str] = []
    for number in numbers.removeprefix("v").split("."):
        if number in WILDCARDS:
            break
        given.append(number)
    zeros = ["0"] * (EXACT - len(given))
    version = f"{'.'.join(given + zeros)}{dash}{prerelease}" if zeros else pattern
    try:
        return Comparator(operator, Version.parse(version), len(given))
    except VersionError as error:
        raise source.error(start, error.reason) from error


def _pattern_end(text: str, start: int) -> int:
    at = start + text.startswith("v", start)
    end = _run(text, at, NUMBER)
    if end == at:
        return start
    for _ in range(EXACT - 1):
        end = _part(text, end, ".", NUMBER)
    for mark in "-+":
        after = _part(text, end, mark, ALPHANUMERIC)
        while after > end:
            end, after = after, _part(text, after, ".", ALPHANUMERIC)
    return end


def _part(text: str, at: int, mark: str, characters: frozenset[str]) -> int:
    if not text.startswith(mark, at):
        return at
    end = _run(text, at + 1, characters)
    return end if end > at + 1 else at


def _run(text: str, at: int, characters: frozenset[str]) -> int:
    while at < len(text) and text[at] in characters:
        at += 1
    return at


def _skip(text: str, at: int) -> int:
    return _run(text, at, SPACE)
