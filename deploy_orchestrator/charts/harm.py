"""What it does to the rendered objects that two charts bring the same thing."""

from collections.abc import Iterable
from enum import StrEnum


class Harm(StrEnum):
    """How bad it is that charts bring the same thing, from best to worst."""

    NONE = "none"
    """Nothing happens: they are equal."""
    WORTH_KNOWING = "worth knowing"
    """They differ, but every chart gets what it brings."""
    UNKNOWN = "unknown"
    """They differ, and only rendering would show whether every chart gets what it brings."""
    HARMFUL = "harmful"
    """They differ, and some chart silently gets another than it brings."""


def worst(harms: Iterable[Harm]) -> Harm:
    """The worst of these; none of no harms at all."""
    return max(harms, key=[*Harm].index, default=Harm.NONE)
