"""What may go out: plans with a verdict, signed approvals, releases, history, revert."""

from deploy_orchestrator.releases.approvals import RejectedApproval
from deploy_orchestrator.releases.ballot import Ballot, Void, count
from deploy_orchestrator.releases.decision import Conditions
from deploy_orchestrator.releases.deployments import Deployments
from deploy_orchestrator.releases.digest import digest_of
from deploy_orchestrator.releases.errors import GatesClosed, ReleaseError, RevertRefused, Superseded
from deploy_orchestrator.releases.gates import Canary, Gate, GateState, Predecessor, gates
from deploy_orchestrator.releases.history import ReleaseEvent
from deploy_orchestrator.releases.model import (
    After,
    Ahead,
    Approval,
    Chart,
    Plan,
    Quarantined,
    Reason,
    Release,
    SourceChange,
    Summary,
    Verdict,
    alike,
)
from deploy_orchestrator.releases.planning import Judgement, assess, make_plan
from deploy_orchestrator.releases.removal import Removals, make_removal
from deploy_orchestrator.releases.risk import RULES
from deploy_orchestrator.releases.source import source_change

__all__ = [
    "RULES",
    "After",
    "Ahead",
    "Approval",
    "Ballot",
    "Canary",
    "Chart",
    "Conditions",
    "Deployments",
    "Gate",
    "GateState",
    "GatesClosed",
    "Judgement",
    "Plan",
    "Predecessor",
    "Quarantined",
    "Reason",
    "RejectedApproval",
    "Release",
    "ReleaseError",
    "ReleaseEvent",
    "Removals",
    "RevertRefused",
    "SourceChange",
    "Summary",
    "Superseded",
    "Verdict",
    "Void",
    "alike",
    "assess",
    "count",
    "digest_of",
    "gates",
    "make_plan",
    "make_removal",
    "source_change",
]
