"""The small fleet of the command line's tests, driven without it."""

from deploy_orchestrator.delivery import Sandbox
from deploy_orchestrator.pipeline import Orchestrator
from tests.cli.conftest import (  # noqa: F401
    _own_git_configuration,
    desk,
    fresh,
    held,
    keys,
    laid_out,
    shipped,
    waiting,
)


def sandbox_of(orchestrator: Orchestrator) -> Sandbox:
    assert isinstance(orchestrator.engine, Sandbox)
    return orchestrator.engine
