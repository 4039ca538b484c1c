"""Pending plans become what Argo CD follows: a release file each, in a commit each, with everything checked
again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deploy_orchestrator.errors import OrchestratorError, first_few
from deploy_orchestrator.git import Changes, Commit, Repository, Tree, Witness
from deploy_orchestrator.outcomes import Outcome
from deploy_orchestrator.releases.approvals import BRANCH
from deploy_orchestrator.releases.errors import ReleaseError, Superseded
from deploy_orchestrator.releases.evaluation import Judge, evaluate
from deploy_orchestrator.releases.gates import GatesClosed
from deploy_orchestrator.releases.last_changes import last_change
from deploy_orchestrator.releases.layout import MAIN, Slot, dump
from deploy_orchestrator.releases.model import Plan, Release, ReleaseFile
from deploy_orchestrator.releases.removal import REMOVES
from deploy_orchestrator.releases.rules import RulesStanding, Settlement
from deploy_orchestrator.releases.standing import SlotState

WITNESS = "Release "
"""How a commit on the branch of decisions begins that says what went out by the decisions up to there."""


def release(
    repository: Repository,
    plans: Sequence[Plan],
    look: Callable[[], Judge],
    settle: Callable[[], Settlement | None],
) -> list[Outcome[Release]]:
    """See `Deployments.release_plans`."""
    moment = _Moment(look, settle)
    releasing = [_Releasing(repository, plan, moment) for plan in plans]
    witness = Witness(BRANCH, lambda: _relied_on(moment, releasing))
    updates = [moment.settled, *releasing]
    _, *commits = repository.write_all(MAIN, updates, begin=moment.begin, witness=witness)
    head = repository.head(MAIN)
    return [each.outcome(commit, head) for each, commit in zip(releasing, commits, strict=True)]


def _relied_on(moment: "_Moment", releasing: Sequence["_Releasing"]) -> str | None:
    """What is told on the branch of decisions, of what goes out and people approved or could have stopped."""
    relied = {each.plan.key: each.plan.digest for each in releasing if each.relies}
    relied |= {each.change.key: each.change.digest for each in moment.changed if each.change}
    if not relied:
        return None
    said = "".join(f"Digest: {digest}\n" for digest in relied.values())
    return f"{WITNESS}{first_few(list(relied), 1)} by the decisions up to here\n\n{said}"


@dataclass(slots=True)
class _Moment:
    """What all releases of one attempt are judged by, and the rules that are `changed` by then."""

    look: Callable[[], Judge]
    settle: Callable[[], Settlement | None]
    judge: Judge = field(init=False)
    settlement: Settlement | None = None
    changed: tuple[RulesStanding, ...] = ()

    def begin(self) -> None:
        self.judge = self.look()
        self.settlement = self.settle()

    def settled(self, tree: Tree) -> Changes | None:
        changes = self.settlement(tree) if self.settlement else None
        self.changed = self.settlement.approved if self.settlement and changes else ()
        return changes


@dataclass(slots=True)
class _Releasing:
    """The write of one release, and what came of it when it was asked for last."""

    repository: Repository
    plan: Plan
    moment: _Moment
    made: Outcome[ReleaseFile | None] = None
    relies: bool = False

    def __call__(self, tree: Tree) -> Changes | None:
        self.relies = False
        try:
            return self._changes(tree)
        except OrchestratorError as error:
            self.made = error
            return None

    def outcome(self, commit: Commit | None, head: str | None) -> Outcome[Release]:
        if isinstance(self.made, OrchestratorError):
            return self.made
        if self.made is None or head is None:
            return ReleaseError(f"{self.plan.key}: the release is gone from {MAIN}")
        return self.made.made_by(commit or last_change(self.repository, head, self._slot.release))

    @property
    def _slot(self) -> Slot:
        return Slot(self.plan.environment, self.plan.tenant)

    def _changes(self, tree: Tree) -> Changes | None:
        standing = SlotState(self.repository, tree, self._slot)
        if standing.is_released(self.plan):
            self.made = standing.released
            return None
        plan = _still_pending(standing, self.plan)
        conditions = self.moment.judge(plan)
        evaluation = evaluate(standing, plan, conditions)
        if evaluation.closed:
            raise GatesClosed(f"{plan.key} cannot be released now", evaluation.closed)
        if conditions.last and not (last := conditions.last()).passed:
            raise GatesClosed(f"{plan.key} cannot be released now", (last,))
        self.made = plan.released(
            # Each plan has a revision of its own, so that an engine tells a move from what is live already.
            revision=last_change(
                self.repository, tree.commit or "", self._slot.manifests, self._slot.plan
            ).id,
            approvals=evaluation.approvals,
            at=conditions.now,
        )
        self.relies = bool(evaluation.approvals or conditions.can_be_paused)
        return Changes(_message(plan, self.made), {self._slot.release: dump(self.made)})


def _still_pending(standing: SlotState, plan: Plan) -> Plan:
    pending = standing.plan
    if pending is None or pending.digest != plan.digest:
        now = "nothing is pending" if pending is None else f"{pending.digest} is pending"
        raise Superseded(
            f"{plan.key}: {plan.digest} is not the plan any more, {now}", fix="look at the new plan"
        )
    return pending


def _message(plan: Plan, file: ReleaseFile) -> str:
    does, more = ("Remove", f"{REMOVES}: {plan.key}\n") if plan.removal else ("Release", "")
    approved = "".join(
        f"{'Glass-broken-by' if each.decision == 'break-glass' else 'Approved-by'}: {each.who}\n"
        for each in file.approvals
    )
    return (
        f"{does} {plan.key}: {plan.summary}\n\n"
        f"Verdict: {plan.verdict}\nDigest: {plan.digest}\nSource: {plan.source.commit}\n"
        f"Revision: {file.revision}\n{more}{approved}"
    )
