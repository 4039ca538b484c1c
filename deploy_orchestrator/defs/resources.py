"""What assets and sensors work with: the installation, from settings that Dagster shows and validates."""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg
from pydantic import Field

from deploy_orchestrator.errors import OrchestratorError, Transient, machine_refused
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.settings import Settings

LEFT = "left to do again"
"""In what a failed run tells: the tenants for which a transient error was the reason."""

AGAIN = dg.RetryPolicy(max_retries=3, delay=1, backoff=dg.Backoff.EXPONENTIAL)


class Installation(dg.ConfigurableResource["Installation"]):
    """The two repositories and the state of this installation; see `deploy_orchestrator.settings`."""

    fleet: str
    deployments: str
    home: str
    engine: str = "sandbox"
    kubeconfig: str | None = None
    context: str | None = None
    contexts: dict[str, str] = Field(default_factory=dict[str, str])

    @classmethod
    def of(cls, settings: Settings) -> "Installation":
        """As `settings` say."""
        return cls(**settings.model_dump(mode="json"))

    @contextmanager
    def open(self) -> Generator[Orchestrator]:
        """The installation with its clones up to date.

        An error meant for the user becomes a failed step that shows its message, retried where that may help.
        """
        settings = Settings.model_validate(self.model_dump(include=set(Settings.model_fields)))
        try:
            with Orchestrator.open(settings) as orchestrator:
                yield orchestrator
        except OrchestratorError as error:
            raise dg.Failure(description=str(error), allow_retries=isinstance(error, Transient)) from error
        except OSError as error:
            refused = machine_refused(error)
            if refused is None:
                raise
            raise dg.Failure(description=str(refused)) from error
