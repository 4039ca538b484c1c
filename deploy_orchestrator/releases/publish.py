"""A pending plan becomes what Argo CD follows: one release file, in one commit, with everything checked
again.
"""

from deploy_orchestrator.git import Changes, Repository, Tree
from deploy_orchestrator.releases.decision import Conditions, Decision, decide
from deploy_orchestrator.releases.errors import GatesClosed, ReleaseError, Superseded
from deploy_orchestrator.releases.history import last_change
from deploy_orchestrator.releases.layout import MAIN, Slot, dump
from deploy_orchestrator.releases.model import Plan, Release, ReleaseFile
from deploy_orchestrator.releases.removal import REMOVES


def release(repository: Repository, plan: Plan, conditions: Conditions) -> Release:
    """See `Deployments.release_plan`."""
    slot = Slot(plan.environment, plan.tenant)
    file: ReleaseFile | None = None

    def change(tree: Tree) -> Changes | None:
        nonlocal file
        file = slot.read_release(tree)
        if file is not None and file.digest == plan.digest:
            return None
        pending = _still_pending(tree, slot, plan, file)
        decision = decide(repository, tree, pending, conditions)
        if decision.closed:
            raise GatesClosed(f"{plan.key} cannot be released now", decision.closed)
        file = _release_file(repository, tree, slot, pending, decision, conditions)
        return Changes(_message(pending, file), {slot.release: dump(file)})

    commit = repository.write(MAIN, change)
    head = repository.head(MAIN)
    if file is None or head is None:
        raise ReleaseError(f"{plan.key}: the release is gone from {MAIN}")
    made = commit or last_change(repository, head, slot.release)
    return Release(**dict(file), commit=made.id)


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
    repository: Repository, tree: Tree, slot: Slot, plan: Plan, decision: Decision, conditions: Conditions
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
        approvals=decision.approvals,
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
