"""What a change risks: one file a family of rules, one small class a rule."""

from deploy_orchestrator.releases.risk.catalogue import RULES
from deploy_orchestrator.releases.risk.change import Change
from deploy_orchestrator.releases.risk.verdict import judge, severity

__all__ = ["RULES", "Change", "judge", "severity"]
