"""The small fleet of the command line's tests, driven without it."""

from deploy_orchestrator.delivery import Sandbox
from deploy_orchestrator.pipeline import Orchestrator


def sandbox_of(orchestrator: Orchestrator) -> Sandbox:
    assert isinstance(orchestrator.engine, Sandbox)
    return orchestrator.engine
