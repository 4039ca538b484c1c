"""What expressions in the schema of a CustomResourceDefinition ask of objects (`x-kubernetes-validations`).

After
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules,
by the CEL library of its makers, which bounds how long and how deep an expression is, and the steps that it
takes. What it cannot read or work out, as Kubernetes' own functions, is left for the API server to say.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation.shapes import Path, Refusal

if TYPE_CHECKING:
    from cel_expr_python import cel

RULES: Final = "x-kubernetes-validations"
_MOST: Final = 500
"""How many expressions one object is held against."""

_LONGEST: Final = 5_000
_DEEPEST: Final = 60
_BUDGET: Final = 10_000_000
"""How many characters an expression may come to have in hand, at the most, and all of an object ten times."""

_GOES_THROUGH: Final = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|filter|map|transform\w+)\s*\(")
_MULTIPLIES: Final = re.compile(r"\b(?:format|join|replace)\s*\(")
_SPLITS: Final = re.compile(r"\bsplit\s*\(")
_BEFORE: Final = re.compile(r"\boldSelf\b")
_MOMENTS: Final = frozenset({"date", "date-time", "datetime", "duration"})
_NO_TEXT: Final = timedelta(0)
_RESERVED: Final = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
        "while",
    ]
)
_SIGNS: Final = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))


def has_rules(schema: Any) -> bool:
    """Whether a structural schema, or one below it, has expressions."""
    if isinstance(schema, list):
        return any(map(has_rules, untyped.items(schema)))
    return any(name == RULES or has_rules(below) for name, below in untyped.mapping(schema).items())


def refusals(schema: Any, body: Mapping[str, Any]) -> list[Refusal]:
    """The expressions of a structural schema that an object does not meet, with where they stand.

    Fields that it leaves out are filled in first, as the API server does. An expression about what was there
    before says nothing of a new object, and is left out.
    """
    found: list[Refusal] = []
    held, spent = 0, 0
    for path, rules, value in _places(untyped.mapping(schema), _filled(untyped.mapping(schema), body), ()):
        for rule in rules:
            held += 1
            cost = _cost(untyped.text(rule.get("rule")), value)
            spent += cost if cost <= _BUDGET else 0
            if held > _MOST or spent > 10 * _BUDGET:
                return found
            if cost <= _BUDGET and _is_broken(untyped.text(rule.get("rule")), value):
                said = (
                    untyped.text(rule.get("message"))
                    or f"it must be that {untyped.text(rule.get('rule')).strip()}"
                )
                found.append(Refusal(path, said))
    return found


def _places(
    schema: Mapping[str, Any], value: Any, path: Path
) -> Iterator[tuple[Path, list[Mapping[str, Any]], Any]]:
    """Where rules stand, with what of the object they are about; what is null is about nothing."""
    if value is None or len(path) > _DEEPEST:
        return
    if rules := list(untyped.mappings(schema.get(RULES))):
        yield path, rules, _as_told(schema, value)
    if isinstance(value, list):
        items = untyped.mapping(schema.get("items"))
        for index, item in enumerate(untyped.items(value)):
            yield from _places(items, item, (*path, index))
    elif isinstance(value, dict):
        for name, below in untyped.mapping(value).items():
            yield from _places(_schema_of(schema, name), below, (*path, name))


def _schema_of(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    own = untyped.at(schema, "properties", name)
    return untyped.mapping(schema.get("additionalProperties") if own is None else own)


def _filled(schema: Mapping[str, Any], value: Any, depth: int = 0) -> Any:
    """`value` with the defaults of what it leaves out."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        items = untyped.mapping(schema.get("items"))
        return [_filled(items, item, depth + 1) for item in untyped.items(value)]
    if not isinstance(value, dict):
        return value
    given = untyped.mapping(value)
    defaults = {
        name: untyped.mapping(below)["default"]
        for name, below in untyped.mapping(schema.get("properties")).items()
        if "default" in untyped.mapping(below) and given.get(name) is None
    }
    return {
        name: _filled(_schema_of(schema, name), below, depth + 1)
        for name, below in {**given, **defaults}.items()
    }


def _as_told(schema: Mapping[str, Any], value: Any) -> Any:
    """A value as expressions see it: fields by names that they can say, and numbers by their types."""
    if isinstance(value, list):
        items = untyped.mapping(schema.get("items"))
        return [_as_told(items, item) for item in untyped.items(value)]
    if isinstance(value, dict):
        named = untyped.mapping(schema.get("properties"))
        return {
            _said(name) if name in named else name: _as_told(_schema_of(schema, name), below)
            for name, below in untyped.mapping(value).items()
            if below is not None
        }
    if isinstance(value, int) and not isinstance(value, bool) and schema.get("type") == "number":
        return float(value)
    return _by_format(untyped.text(schema.get("format")), value) if isinstance(value, str) else value


def _by_format(form: str, text: str) -> Any:
    """A text of a format that is no text to expressions: its bytes, or what no rule about it is worked out
    with.
    """
    if form in _MOMENTS:
        return _NO_TEXT
    try:
        return base64.b64decode(text, validate=True) if form == "byte" else text
    except ValueError:
        return _NO_TEXT


def _said(name: str) -> str:
    if name in _RESERVED:
        return f"__{name}__"
    for sign, word in _SIGNS:
        name = name.replace(sign, word)
    return name


def _cost(expression: str, value: Any) -> int:
    """How many characters an expression may come to have in hand: what it is given, times how often it goes
    through the longest list, and again for each function that puts texts into texts.
    """
    given, longest = _size(value)
    given += len(expression)
    longest = max(longest, given if _SPLITS.search(expression) else 1)
    cost = given * (expression.count("+") + 1)
    factors = [longest] * len(_GOES_THROUGH.findall(expression)) + [given] * len(
        _MULTIPLIES.findall(expression)
    )
    for factor in factors:
        cost *= factor
        if cost > _BUDGET:
            break
    return cost


def _size(value: Any) -> tuple[int, int]:
    """How long a value is as text, about, and how long its longest list or mapping is."""
    named = untyped.mapping(value)
    sizes = [_size(each) for each in (*named.values(), *untyped.items(value))]
    own = len(value) if isinstance(value, str | bytes) else 8
    total = own + sum(map(len, named)) + sum(size for size, _ in sizes)
    return total, max([len(sizes), *(longest for _, longest in sizes)])


def _is_broken(expression: str, value: Any) -> bool:
    """Whether an expression certainly does not hold; what cannot be worked out may."""
    if len(expression) > _LONGEST or _BEFORE.search(expression):
        return False
    program = _compiled(expression)
    if program is None:
        return False
    try:
        result = program.eval(data={"self": value})
        return result.type() == _type_of_truth() and result.value() is False
    except (MemoryError, OverflowError, RuntimeError, TypeError, ValueError):
        return False


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> "cel.Expression | None":
    try:
        return _environment().compile(expression)
    except (RuntimeError, ValueError):
        return None


@cache
def _environment() -> "cel.Env":
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_optional, ext_strings

    extensions = [ext_strings.ExtStrings(), ext_optional.ExtOptional()]
    return cel.NewEnv(variables={"self": cel.Type.DYN}, extensions=extensions)


@cache
def _type_of_truth() -> "cel.Type":
    from cel_expr_python import cel

    return cel.Type.BOOL
