"""Kubernetes quantities: `500m`, `1Gi`, `2`."""

import re
from decimal import Decimal
from typing import Any, Final

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|([KMGTPE]i|[numkMGTPE]))?")
_UNITS: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}


def quantity(value: Any) -> Decimal | None:
    """The number that a quantity means, None for what is none, as `k8s.io/apimachinery` reads it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    number, exponent, unit = found.groups()
    return Decimal(f"{number}{exponent or ''}") * (_UNITS[unit] if unit else 1)
