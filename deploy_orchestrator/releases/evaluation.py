from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from deploy_orchestrator.fleet import Policy, Rules
from deploy_orchestrator.identity import NO_ISSUERS, Issuers
from deploy_orchestrator.releases.approvals import decided
from deploy_orchestrator.releases.ballot import break_glass, count, may_approve
from deploy_orchestrator.releases.digest import FORMAT, first_digest_of
from deploy_orchestrator.releases.gates import Beside, Canary, Gate, Predecessor, gates
from deploy_orchestrator.releases.model import Approval, Plan, SourceChange
from deploy_orchestrator.releases.pauses import pauses
from deploy_orchestrator.releases.removal import recent
from deploy_orchestrator.releases.returning import returning
from deploy_orchestrator.releases.standing import SlotState


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another environment in the same cluster that asks for approvals: its `rules`, and the plan's `source`
    judged by their keys. By the rules that are `holding` still people may reject, too.
    """

    rules: Rules
    source: SourceChange
    holding: Rules | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a release depends on besides the deployments repository, as of now.

    `policy` is the environment's, `allowed_signers` the file, and `issuers` the providers whose tokens prove
    decisions, all from the newest commit of the fleet repository, as far as they count; `rules` tells why
    nothing can be released by them yet, `wanted` whether that commit still asks for what was planned.
    `source` is the plan's, judged by those keys; None where that changes nothing. `predecessors` are the same
    tenant in the environments that the plan's `after` names, in their order; of these, one is enough or all
    count. `canaries` are those that a plan's `ahead` names, as far as the newest policy has them go first.
    `soaked` tells for how long the plan was healthy before when the newer change came that waits `behind` it.
    `reviews` are what people say of the plan on the forge, `unheard` why nobody can tell.
    `until` is the commit of the branch of decisions up to which they count; None for all of them. By
    `holding`, the rules that were approved last, what holds something back counts as well; None: they are
    those in force. `neighbours`, by their names, have a say where the plan reaches others in the cluster.
    `last` is the gate that is asked for when all others are open, for it asks others than Git and the engine.
    """

    policy: Policy
    allowed_signers: bytes
    predecessors: tuple[Predecessor, ...]
    now: datetime
    canaries: tuple[Canary, ...] = ()
    source: SourceChange | None = None
    wanted: bool = True
    rules: str | None = None
    one_is_enough: bool = False
    soaked: timedelta | None = None
    until: str | None = None
    issuers: Issuers = NO_ISSUERS
    holding: Rules | None = None
    neighbours: Mapping[str, Neighbour] = field(default_factory=dict[str, Neighbour])
    last: Callable[[], Gate] | None = None
    reviews: tuple[Approval, ...] = ()
    unheard: str | None = None

    @property
    def can_be_paused(self) -> bool:
        """Whether anybody may stop the line, by the rules in force or by those that are holding still."""
        before = self.holding.policy.pausers if self.holding else ()
        return bool(self.policy.pausers or before)


Judge = Callable[[Plan], Conditions]
"""Tells what the release of a plan depends on. It may raise an error for the user."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    gates: tuple[Gate, ...]
    approvals: tuple[Approval, ...]

    @property
    def closed(self) -> tuple[Gate, ...]:
        return tuple(gate for gate in self.gates if not gate.passed)


def evaluate(standing: SlotState, plan: Plan, conditions: Conditions) -> Evaluation:
    """The gates of `plan` where this stands in its slot, and the approvals that count."""
    policy, source, now = conditions.policy, conditions.source or plan.source, conditions.now
    signed, former = (
        decided(
            standing.repository,
            digest,
            conditions.allowed_signers,
            conditions.until,
            conditions.issuers,
            conditions.holding,
        )[0]
        for digest in (plan.digest, _former_digest(plan))
    )
    approvals = [*signed, *(each for each in conditions.reviews if each.digest == plan.digest)]
    holding = conditions.holding.policy.approval if conditions.holding else None
    beside = _beside(standing, plan, conditions)
    return Evaluation(
        gates(
            plan,
            policy=policy,
            source=source,
            wanted=conditions.wanted,
            rules=conditions.rules,
            current=standing.is_replaced_by(plan),
            intact=standing.is_intact(plan),
            approvals=approvals,
            unheard=conditions.unheard,
            void=former if plan.format == FORMAT else (),
            holding=holding,
            beside=beside,
            predecessors=conditions.predecessors,
            one_is_enough=conditions.one_is_enough,
            soaked=conditions.soaked,
            canaries=conditions.canaries,
            paused=pauses(
                standing.repository,
                plan.environment,
                plan.tenant,
                policy,
                conditions.allowed_signers,
                now,
                conditions.until,
                conditions.holding,
                conditions.issuers,
            ),
            removals=recent(standing.repository, standing.tree, plan.environment, now)
            if plan.removal
            else None,
            returning=tuple(returning(standing, plan)),
            now=now,
        ),
        _each_once(
            (
                *count(approvals, policy.approval, source, now, plan.widened).approvals,
                *break_glass(approvals, policy.break_glass, source, now, plan.widened).approvals,
                *(approval for each in beside.values() for approval in each.ballot.approvals),
            )
        ),
    )


def _beside(standing: SlotState, plan: Plan, conditions: Conditions) -> Mapping[str, Beside]:
    """What the neighbours decided, where the plan reaches others in their cluster."""
    from deploy_orchestrator.risk import beyond

    if not beyond(plan.reasons, plan.environment, conditions.policy, conditions.now):
        return {}
    found: dict[str, Beside] = {}
    rejected = [each for each in conditions.reviews if each.decision == "reject"]
    for name, each in conditions.neighbours.items():
        rule, issuers = each.rules.policy.approval, Issuers(each.rules.issuers, conditions.issuers.keys)
        decisions, _ = decided(
            standing.repository,
            plan.digest,
            each.rules.allowed_signers,
            conditions.until,
            issuers,
            each.holding,
        )
        holding = each.holding.policy.approval if each.holding else None
        ballot = count((*decisions, *rejected), rule, each.source, conditions.now, plan.widened, holding)
        found[name] = Beside(ballot, may_approve(rule, each.source) if rule else ())
    return found


def _each_once(approvals: Iterable[Approval]) -> tuple[Approval, ...]:
    return tuple({each.commit: each for each in approvals}.values())


def _former_digest(plan: Plan) -> str:
    """The digest that the same plan would have had in format 1."""
    return first_digest_of(
        environment=plan.environment, tenant=plan.tenant, content=plan.content, base=plan.base
    )
