"""What a YAML scalar means to go-yaml 2 (`resolve.go`), and to `sigs.k8s.io/yaml` as value or key of JSON."""

import base64
import binascii
import math
import re
from collections.abc import Mapping
from ctypes import c_float
from decimal import Decimal
from typing import Any, Final

Scalar = str | bool | int | float | None


class UnreadableError(ValueError):
    """A text that has no meaning as a JSON value."""


_KEYWORDS: Final[Mapping[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMBER_STARTS = frozenset("+-0123456789.")
_WHOLE = re.compile(
    r"([-+]?)(?:0[bB](?P<binary>[01]+)|0[xX](?P<hex>[0-9a-fA-F]+)|0[oO]?(?P<octal>[0-7]+)"
    r"|(?P<decimal>0|[1-9][0-9]{0,19}))"
)
_BASES = {"binary": 2, "octal": 8, "decimal": 10, "hex": 16}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SIGN_AFTER_PREFIX = re.compile(r"0b([-+][01]+)")

_TAG = "tag:yaml.org,2002:"
MERGE_TAG = f"{_TAG}merge"
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    f"{_TAG}null": (type(None),),
    f"{_TAG}bool": (bool,),
    f"{_TAG}int": (int,),
    f"{_TAG}float": (float, int),
}


def plain(text: str) -> Scalar:
    """The meaning of an unquoted, untagged scalar; whole numbers are integers as far as 64 bits hold them."""
    if text in _KEYWORDS:
        return _KEYWORDS[text]
    number = _number(text) if text[0] in _NUMBER_STARTS else None
    return text if number is None else number


def tagged(tag: str, text: str) -> Scalar:
    """The meaning of a scalar with a tag: unknown tags are ignored.

    Raises:
        UnreadableError: the text is not of the type that the tag names.
    """
    if tag == f"{_TAG}binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
        except binascii.Error as error:
            raise UnreadableError(f"!!binary holds no base64: {error}") from error
    if tag not in _TYPES:
        return text
    value = plain(text)
    if type(value) not in _TYPES[tag]:
        raise UnreadableError(f"not what its tag says, a !!{tag.removeprefix(_TAG)}")
    return float(value) if tag == f"{_TAG}float" and isinstance(value, int) else value


def as_json(value: Any) -> Any:
    """`value` as JSON holds it: whole floats are integers, in the digits that Go would print (below 1e21).

    Raises:
        UnreadableError: infinity or not a number.
    """
    if type(value) is not float:
        return value
    if not math.isfinite(value):
        raise UnreadableError(f"{value} is not a number in JSON")
    return int(Decimal(repr(value))) if value.is_integer() and abs(value) < 1e21 else value


def as_key(value: Any) -> str:
    """`value` as the key of a JSON object.

    Raises:
        UnreadableError: null, a collection, or an integer beyond 63 bits.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value < 2**63:
        return str(value)
    if isinstance(value, float):
        return _float32(value)
    raise UnreadableError(
        f"expected a string as the key, found {'null' if value is None else type(value).__name__}"
    )


def _number(text: str) -> int | float | None:
    digits = text if text[0] == "." else text.replace("_", "")
    whole = _whole(digits)
    if whole is not None:
        return whole
    if _FLOAT.fullmatch(digits) and math.isfinite(number := float(digits)):
        return number
    signed = _SIGN_AFTER_PREFIX.fullmatch(digits)
    return _within(int(signed[1], 2), 2**63) if signed else None


def _whole(digits: str) -> int | None:
    match = _WHOLE.fullmatch(digits)
    if match is None or match.lastgroup is None:
        return None
    number = int(match[match.lastgroup], _BASES[match.lastgroup])
    return _within(-number if match[1] == "-" else number, 2**63 if match[1] else 2**64)


def _within(number: int, limit: int) -> int | None:
    return number if -(2**63) <= number < limit else None


def _float32(number: float) -> str:
    value = c_float(number).value
    if not math.isfinite(value):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}[str(value)]
    shortest = next(p for p in range(9) if c_float(float(f"{value:.{p}e}")).value == value)
    scientific = f"{value:.{shortest}e}"
    exponent = int(scientific.partition("e")[2])
    return f"{value:.{max(shortest - exponent, 0)}f}" if -4 <= exponent < 6 else scientific
