from collections.abc import Mapping
from typing import Self, TypeVar

from deploy_orchestrator.errors import OrchestratorError, Place, instead_of

_Value = TypeVar("_Value")


class FleetError(OrchestratorError):
    """Something that people wrote in the fleet repository is wrong."""

    @classmethod
    def of(cls, error: OrchestratorError) -> Self:
        """A new error of the fleet that says what `error` says."""
        return cls(error.what, place=error.place, fix=error.fix)


def pick(name: str, known: Mapping[str, _Value], kind: str, place: Place) -> _Value:
    """What `known` has under `name`, which is asked for at `place`.

    Raises:
        FleetError: there is no such `kind` of thing.
    """
    if name not in known:
        raise FleetError(f"there is no {kind} {name!r}", place=place, fix=instead_of(name, known))
    return known[name]
