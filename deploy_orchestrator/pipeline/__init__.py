"""From a commit to live, on one page."""

from deploy_orchestrator.pipeline.guards import GUARDS, GuardSilent, looked, silent
from deploy_orchestrator.pipeline.orchestrator import Orchestrator
from deploy_orchestrator.pipeline.preview import Preview

__all__ = [
    "GUARDS",
    "GuardSilent",
    "Orchestrator",
    "Preview",
    "looked",
    "silent",
]
