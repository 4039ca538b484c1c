"""How servers log: as the environment says."""

import pydantic

from deploy_orchestrator.cli.installation import NotSetUp
from deploy_orchestrator.errors import Place
from deploy_orchestrator.settings import LogSettings


def log_as_set() -> None:
    """To be called when the server is made, which sets up what it logs by itself. Raises NotSetUp."""
    try:
        settings = LogSettings()
    except pydantic.ValidationError as error:
        raise NotSetUp(error.errors()[0]["msg"], place=Place("DEPLOY_ORCHESTRATOR_LOG_FORMAT")) from None
    if settings.format == "json":
        from deploy_orchestrator.telemetry import log_as_json

        log_as_json()
