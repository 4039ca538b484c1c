from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from deploy_orchestrator.fleet import Policy
from deploy_orchestrator.git import Repository, RevisionNotFound
from deploy_orchestrator.releases.approvals import verified
from deploy_orchestrator.releases.ballot import count
from deploy_orchestrator.releases.gates import Canary, Gate, Predecessor, gates
from deploy_orchestrator.releases.model import Approval, Plan, Quarantined
from deploy_orchestrator.releases.removal import recent
from deploy_orchestrator.releases.standing import Standing


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a release depends on besides the deployments repository.

    `policy` is the environment's, and `allowed_signers` the file, both from the newest commit of the fleet
    repository; `predecessor` is the same tenant in the environment before, None where there is none;
    `canaries` are those that a plan's `ahead` names, as far as the newest policy has them go first.
    """

    policy: Policy
    allowed_signers: bytes
    predecessor: Predecessor | None
    now: datetime
    canaries: tuple[Canary, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    gates: tuple[Gate, ...]
    approvals: tuple[Approval, ...]

    @property
    def closed(self) -> tuple[Gate, ...]:
        return tuple(gate for gate in self.gates if not gate.passed)


def evaluate(standing: Standing, plan: Plan, conditions: Conditions) -> Evaluation:
    """The gates of `plan` where this stands in its slot, and the approvals that count."""
    repository, policy, now = standing.repository, conditions.policy, conditions.now
    approvals, _ = verified(repository, plan.digest, conditions.allowed_signers)
    reverts = [entry for entry in standing.quarantine if entry.content == plan.content]
    return Evaluation(
        gates(
            plan,
            policy=policy,
            current=standing.is_replaced_by(plan),
            intact=standing.is_intact(plan),
            approvals=approvals,
            predecessor=conditions.predecessor,
            canaries=conditions.canaries,
            removals=recent(repository, standing.tree, plan.environment, now) if plan.removal else None,
            quarantined=standing.quarantine,
            stale={each.commit for each in approvals if _stood_at_any(repository, each, reverts)},
            now=now,
        ),
        count(approvals, policy.approval, plan.source, now).approvals,
    )


def _stood_at_any(repository: Repository, approval: Approval, reverts: Sequence[Quarantined]) -> bool:
    heads = [entry.decided for entry in reverts if entry.decided]
    try:
        return any(repository.is_ancestor(approval.commit, head) for head in heads)
    except RevisionNotFound:
        # The branch was rewritten since, so that no approval can be shown to be a later one.
        return True
