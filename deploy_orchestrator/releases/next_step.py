"""What a person does next about a plan that waits."""

from collections.abc import Sequence

from deploy_orchestrator.fleet import ApprovalRule
from deploy_orchestrator.releases.ballot import may_approve
from deploy_orchestrator.releases.gates import Gate, GateState
from deploy_orchestrator.releases.model import Plan

_SHOWN = 12


def next_command(plan: Plan, gates: Sequence[Gate]) -> str | None:
    """The command with which somebody opens what is not open of `gates`; None where all that is open, opens
    by itself, or takes a change of the fleet, another rule, or whoever rejected it.
    """
    held = {each.key: each for each in gates if not each.passed}
    if "verdict" in held or _is(held.get("approval"), GateState.CLOSED):
        return None
    if "rules" in held:
        return f"deploy-orchestrator approve {plan.environment} --rules"
    if "approval" in held or "quarantine" in held:
        digest = plan.digest.removeprefix("sha256:")[:_SHOWN]
        return f"deploy-orchestrator approve {plan.environment} {plan.tenant} --digest {digest}"
    return None


def next_people(plan: Plan, gates: Sequence[Gate], rule: ApprovalRule | None) -> list[str]:
    """Who may approve it by `rule`, or by those of others whom it reaches, where `gates` wait for that."""
    waiting = [each for each in gates if not each.passed and each.key in ("approval", "quarantine")]
    own = may_approve(rule, plan.source) if waiting and rule else []
    return list(dict.fromkeys([*own, *(who for each in waiting for who in each.people)]))


def _is(gate: Gate | None, state: GateState) -> bool:
    return gate is not None and gate.state is state
