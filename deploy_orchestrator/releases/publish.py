"""Pending plans become what Argo CD follows: a release file each, in a commit each, with everything checked
again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import Changes, Commit, Repository, Tree
from deploy_orchestrator.releases.errors import ReleaseError, Superseded
from deploy_orchestrator.releases.evaluation import Conditions, Evaluation, evaluate
from deploy_orchestrator.releases.gates import GatesClosed
from deploy_orchestrator.releases.history import last_change
from deploy_orchestrator.releases.layout import MAIN, Slot, dump
from deploy_orchestrator.releases.model import Plan, Release, ReleaseFile
from deploy_orchestrator.releases.removal import REMOVES


def release(
    repository: Repository, plans: Sequence[tuple[Plan, Conditions]]
) -> list[Release | OrchestratorError]:
    """See `Deployments.release_plans`."""
    releasing = [_Releasing(repository, *each) for each in plans]
    commits = repository.write_all(MAIN, releasing)
    head = repository.head(MAIN)
    return [each.outcome(commit, head) for each, commit in zip(releasing, commits, strict=True)]


@dataclass(slots=True)
class _Releasing:
    """The write of one release, and what came of it when it was asked for last."""

    repository: Repository
    plan: Plan
    conditions: Conditions
    made: ReleaseFile | OrchestratorError | None = None

    def __call__(self, tree: Tree) -> Changes | None:
        try:
            return self._changes(tree)
        except OrchestratorError as error:
            self.made = error
            return None

    def outcome(self, commit: Commit | None, head: str | None) -> Release | OrchestratorError:
        if isinstance(self.made, OrchestratorError):
            return self.made
        if self.made is None or head is None:
            return ReleaseError(f"{self.plan.key}: the release is gone from {MAIN}")
        standing = commit or last_change(self.repository, head, self._slot.release)
        return Release(**dict(self.made), commit=standing.id)

    @property
    def _slot(self) -> Slot:
        return Slot(self.plan.environment, self.plan.tenant)

    def _changes(self, tree: Tree) -> Changes | None:
        standing = self._slot.read_release(tree)
        if standing is not None and standing.digest == self.plan.digest:
            self.made = standing
            return None
        pending = _still_pending(tree, self._slot, self.plan, standing)
        evaluation = evaluate(self.repository, tree, pending, self.conditions)
        if evaluation.closed:
            raise GatesClosed(f"{self.plan.key} cannot be released now", evaluation.closed)
        self.made = _release_file(self.repository, tree, self._slot, pending, evaluation, self.conditions)
        return Changes(_message(pending, self.made), {self._slot.release: dump(self.made)})


def _still_pending(tree: Tree, slot: Slot, plan: Plan, released: ReleaseFile | None) -> Plan:
    pending = slot.read_plan(tree)
    if pending is None or pending.digest != plan.digest:
        now = "nothing is pending" if pending is None else f"{pending.digest} is pending"
        raise Superseded(
            f"{plan.key}: {plan.digest} is not the plan any more, {now}", fix="look at the new plan"
        )
    if pending.base != (released.content if released else None):
        raise Superseded(f"{plan.key}: what is released has changed since it was planned", fix="plan again")
    return pending


def _release_file(
    repository: Repository, tree: Tree, slot: Slot, plan: Plan, evaluation: Evaluation, conditions: Conditions
) -> ReleaseFile:
    if tree.commit is None:
        raise ReleaseError(f"there is no branch {MAIN}")
    return ReleaseFile(
        environment=plan.environment,
        tenant=plan.tenant,
        namespace=plan.namespace,
        cluster=plan.cluster,
        digest=plan.digest,
        content=plan.content,
        base=plan.base,
        chart=plan.chart,
        source=plan.source,
        revision=last_change(repository, tree.commit, slot.manifests).id,
        path=slot.manifests,
        approvals=evaluation.approvals,
        released_at=conditions.now,
    )


def _message(plan: Plan, file: ReleaseFile) -> str:
    does, more = ("Remove", f"{REMOVES}: {plan.key}\n") if plan.removal else ("Release", "")
    approved = "".join(f"Approved-by: {approval.who}\n" for approval in file.approvals)
    return (
        f"{does} {plan.key}: {plan.summary}\n\n"
        f"Verdict: {plan.verdict}\nDigest: {plan.digest}\nSource: {plan.source.commit}\n"
        f"Revision: {file.revision}\n{more}{approved}"
    )
