"""From a commit to live, on one page."""

from deploy_orchestrator.pipeline.orchestrator import Orchestrator
from deploy_orchestrator.pipeline.preview import Preview

__all__ = [
    "Orchestrator",
    "Preview",
]
