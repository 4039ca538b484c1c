"""What tests have an orchestrator do for one tenant, where the product does it for many."""

from deploy_orchestrator.outcomes import raised
from deploy_orchestrator.pipeline import Orchestrator, Preview
from deploy_orchestrator.releases import Plan, Release


def previewed(orchestrator: Orchestrator, environment: str, tenant: str) -> Preview:
    """What the newest fleet commit would change."""
    fleet = orchestrator.fleet()
    ((_, preview),) = orchestrator.previews([fleet.deployment(environment, tenant)], fleet)
    return raised(preview)


def propose(orchestrator: Orchestrator, environment: str, tenant: str) -> Plan | None:
    """What is pending after the newest fleet commit was planned."""
    return raised(orchestrator.propose([previewed(orchestrator, environment, tenant)])[0])


def released(orchestrator: Orchestrator, plan: Plan) -> Release:
    """What comes of releasing a plan."""
    return raised(orchestrator.release_all([plan])[0])
