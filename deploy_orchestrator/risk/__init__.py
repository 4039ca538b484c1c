"""What a change risks: one file a family of rules, one small class a rule."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.risk.additions import ReachesOthers
    from deploy_orchestrator.risk.assessment import Judgement, assess
    from deploy_orchestrator.risk.catalogue import RULES
    from deploy_orchestrator.risk.change import Change
    from deploy_orchestrator.risk.data import DataDeleted
    from deploy_orchestrator.risk.errors import EmptyCandidate, UnknownRule
    from deploy_orchestrator.risk.judging import judge, severity
    from deploy_orchestrator.risk.others import HOST_TAKEN, beyond, host_of, lets_beyond
    from deploy_orchestrator.risk.verdict import Reason, Summary, Verdict, alike
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "HOST_TAKEN",
    "RULES",
    "Change",
    "DataDeleted",
    "EmptyCandidate",
    "Judgement",
    "ReachesOthers",
    "Reason",
    "Summary",
    "UnknownRule",
    "Verdict",
    "alike",
    "assess",
    "beyond",
    "host_of",
    "judge",
    "lets_beyond",
    "severity",
]
