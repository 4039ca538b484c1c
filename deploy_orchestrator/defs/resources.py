"""What assets and sensors work with: the installation."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg

from deploy_orchestrator.errors import OrchestratorError, Transient, machine_refused
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.settings import Settings

LEFT = "left to do again"
"""In what a failed run tells: the tenants for which a transient error was the reason."""

AGAIN = dg.RetryPolicy(max_retries=3, delay=1, backoff=dg.Backoff.EXPONENTIAL)


@dataclass(frozen=True, slots=True)
class Installation:
    """The two repositories and the state of this installation, as the settings of the process say.

    Dagster sees an object without configuration: what is given with a launch cannot lead a run to another
    installation, and nothing of the settings is kept in Dagster's database.
    """

    settings: Settings = field(repr=False)

    def resource(self) -> dg.ResourceDefinition:
        """This installation as Dagster takes it: whoever configures it is refused."""
        return dg.ResourceDefinition(lambda _: self, config_schema={})

    @contextmanager
    def open(self) -> Generator[Orchestrator]:
        """The installation with its clones up to date.

        An error meant for the user becomes a failed step that shows its message, retried where that may help.
        """
        try:
            with Orchestrator.open(self.settings) as orchestrator:
                yield orchestrator
        except OrchestratorError as error:
            raise dg.Failure(description=str(error), allow_retries=isinstance(error, Transient)) from error
        except OSError as error:
            refused = machine_refused(error)
            if refused is None:
                raise
            raise dg.Failure(description=str(refused)) from error
