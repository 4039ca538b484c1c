"""Read objects that nobody has checked: what is not of the expected type is not there."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

Body = Mapping[str, Any]

_QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d{1,3})|([KMGTPE]i|[numkMGTPE])?)")
_SCALE = {
    "n": Decimal(10) ** -9,
    "u": Decimal(10) ** -6,
    "m": Decimal(10) ** -3,
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}


def at(value: Any, *path: str | int) -> Any:
    """What stands at `path`; None where nothing does."""
    for step in path:
        if isinstance(step, int):
            items = listing(value)
            value = items[step] if step < len(items) else None
        else:
            value = mapping(value).get(step)
    return value


def mapping(value: Any) -> Body:
    return cast(Body, value) if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else []


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def number(value: Any) -> Decimal | None:
    """A Kubernetes quantity, such as `500m`, `1Gi`, `2` or 0.5; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(value).strip())
    if found is None:
        return None
    mantissa, exponent, unit = found.groups()
    amount = Decimal(mantissa + (exponent or ""))
    return amount * _SCALE[unit] if unit else amount
