from typing import Self

from deploy_orchestrator.errors import OrchestratorError


class FleetError(OrchestratorError):
    """Something that people wrote in the fleet repository is wrong."""

    @classmethod
    def of(cls, error: OrchestratorError) -> Self:
        """A new error of the fleet that says what `error` says."""
        return cls(error.what, place=error.place, fix=error.fix)
