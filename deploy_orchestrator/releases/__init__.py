"""What may go out: plans with a verdict, signed approvals, releases, history, revert."""

from deploy_orchestrator.releases.approvals import RejectedApproval, proved_then
from deploy_orchestrator.releases.auditing import Audited, Evidence, Fault, audit
from deploy_orchestrator.releases.ballot import Ballot, Glass, Void, break_glass, count, may_approve
from deploy_orchestrator.releases.deliveries import BRANCH as DELIVERIES
from deploy_orchestrator.releases.deliveries import Delivered
from deploy_orchestrator.releases.deployments import BRANCHES, Deployments
from deploy_orchestrator.releases.digest import digest_of
from deploy_orchestrator.releases.errors import ReleaseError, RevertRefused, Superseded, TooLarge
from deploy_orchestrator.releases.evaluation import Conditions, Judge, Neighbour
from deploy_orchestrator.releases.expiry import Expiry, expiries
from deploy_orchestrator.releases.gates import (
    IMAGES,
    Canary,
    Gate,
    GatesClosed,
    GateState,
    Predecessor,
    gates,
    promotion,
)
from deploy_orchestrator.releases.history import ReleaseChange, ReleaseEvent
from deploy_orchestrator.releases.layout import MAIN
from deploy_orchestrator.releases.model import (
    After,
    Ahead,
    Approval,
    Behind,
    Choice,
    Plan,
    Quarantined,
    Release,
    ReleaseFile,
    Removals,
    SourceChange,
)
from deploy_orchestrator.releases.next_step import next_command, next_people
from deploy_orchestrator.releases.pauses import Line, Pausing
from deploy_orchestrator.releases.planning import make_plan
from deploy_orchestrator.releases.removal import make_removal
from deploy_orchestrator.releases.returning import Returning, builds_on
from deploy_orchestrator.releases.revert import WayBack
from deploy_orchestrator.releases.reviews import PullRequests, asks_for_review
from deploy_orchestrator.releases.rules import (
    ReleasedRules,
    RulesChange,
    RulesStanding,
    Settlement,
    judges_of,
    read_rules,
    standings,
)
from deploy_orchestrator.releases.source import authors_of, source_change

__all__ = [
    "BRANCHES",
    "DELIVERIES",
    "IMAGES",
    "MAIN",
    "After",
    "Ahead",
    "Approval",
    "Audited",
    "Ballot",
    "Behind",
    "Canary",
    "Choice",
    "Conditions",
    "Delivered",
    "Deployments",
    "Evidence",
    "Expiry",
    "Fault",
    "Gate",
    "GateState",
    "GatesClosed",
    "Glass",
    "Judge",
    "Line",
    "Neighbour",
    "Pausing",
    "Plan",
    "Predecessor",
    "PullRequests",
    "Quarantined",
    "RejectedApproval",
    "Release",
    "ReleaseChange",
    "ReleaseError",
    "ReleaseEvent",
    "ReleaseFile",
    "ReleasedRules",
    "Removals",
    "Returning",
    "RevertRefused",
    "RulesChange",
    "RulesStanding",
    "Settlement",
    "SourceChange",
    "Superseded",
    "TooLarge",
    "Void",
    "WayBack",
    "asks_for_review",
    "audit",
    "authors_of",
    "break_glass",
    "builds_on",
    "count",
    "digest_of",
    "expiries",
    "gates",
    "judges_of",
    "make_plan",
    "make_removal",
    "may_approve",
    "next_command",
    "next_people",
    "promotion",
    "proved_then",
    "read_rules",
    "source_change",
    "standings",
]
