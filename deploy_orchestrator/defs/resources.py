"""What assets and sensors work with: the installation, from settings that Dagster shows and validates."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from deploy_orchestrator.delivery import EngineUnreachable
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import RemoteUnreachable, WriteContended
from deploy_orchestrator.orchestrator import Orchestrator
from deploy_orchestrator.releases import Superseded
from deploy_orchestrator.settings import Settings

TRANSIENT = (EngineUnreachable, RemoteUnreachable, Superseded, WriteContended)
AGAIN = dg.RetryPolicy(max_retries=3, delay=1, backoff=dg.Backoff.EXPONENTIAL)


class Installation(dg.ConfigurableResource["Installation"]):
    """The two repositories and the state of this installation; see `deploy_orchestrator.settings`."""

    fleet: str
    deployments: str
    home: str

    @classmethod
    def from_environment(cls) -> "Installation":
        """As the environment variables say, or as `deploy-orchestrator init` lays things out."""
        settings = Settings()
        return cls(fleet=settings.fleet, deployments=settings.deployments, home=str(settings.home))

    @contextmanager
    def open(self) -> Generator[Orchestrator]:
        """The installation with its clones up to date.

        An error meant for the user becomes a failed step that shows its message, retried where that may help.
        """
        settings = Settings(fleet=self.fleet, deployments=self.deployments, home=Path(self.home))
        try:
            with Orchestrator.open(settings) as orchestrator:
                yield orchestrator
        except OrchestratorError as error:
            raise dg.Failure(description=str(error), allow_retries=isinstance(error, TRANSIENT)) from error
