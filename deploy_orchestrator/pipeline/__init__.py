"""From a commit to live, on one page."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.pipeline.auditing import accept
    from deploy_orchestrator.pipeline.guards import GUARDS, GuardSilent, last_looks, looked, silent
    from deploy_orchestrator.pipeline.isolation import Certificate, IsolationAudit
    from deploy_orchestrator.pipeline.orchestrator import Orchestrator
    from deploy_orchestrator.pipeline.preview import Preview
    from deploy_orchestrator.pipeline.standings import (
        Overview,
        RulesWaiting,
        Standing,
        State,
        Waiting,
        age,
        likeness,
        look,
        overview,
    )
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "GUARDS",
    "Certificate",
    "GuardSilent",
    "IsolationAudit",
    "Orchestrator",
    "Overview",
    "Preview",
    "RulesWaiting",
    "Standing",
    "State",
    "Waiting",
    "accept",
    "age",
    "last_looks",
    "likeness",
    "look",
    "looked",
    "overview",
    "silent",
]
