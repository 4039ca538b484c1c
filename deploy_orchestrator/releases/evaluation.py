from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from deploy_orchestrator.fleet import Policy
from deploy_orchestrator.git import Repository, RevisionNotFound, Tree
from deploy_orchestrator.releases.approvals import verified
from deploy_orchestrator.releases.ballot import count
from deploy_orchestrator.releases.gates import Canary, Gate, Predecessor, gates
from deploy_orchestrator.releases.layout import Slot, content_at
from deploy_orchestrator.releases.model import Approval, Plan, Quarantined
from deploy_orchestrator.releases.removal import recent


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


def evaluate(repository: Repository, tree: Tree, plan: Plan, conditions: Conditions) -> Evaluation:
    """The gates of `plan` as the deployments repository holds it in `tree`, and the approvals that count."""
    slot = Slot(plan.environment, plan.tenant)
    approvals, _ = verified(repository, plan.digest, conditions.allowed_signers)
    policy, now = conditions.policy, conditions.now
    quarantined = slot.read_quarantine(tree)
    reverts = [entry for entry in quarantined if entry.content == plan.content]
    return Evaluation(
        gates(
            plan,
            policy=policy,
            released=slot.read_release(tree),
            intact=content_at(tree, slot.manifests) == plan.content,
            approvals=approvals,
            predecessor=conditions.predecessor,
            canaries=conditions.canaries,
            removals=recent(repository, tree, plan.environment, now) if plan.removal else None,
            quarantined=quarantined,
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
