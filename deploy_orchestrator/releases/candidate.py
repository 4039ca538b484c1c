"""A rendered change becomes a commit on `main`, next to what is released, which it does not touch."""

from collections.abc import Callable

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import Changes, Repository, RevisionNotFound, Tree
from deploy_orchestrator.manifests import Manifests
from deploy_orchestrator.releases.errors import Superseded
from deploy_orchestrator.releases.layout import MAIN, Slot, dump
from deploy_orchestrator.releases.model import Plan, ReleaseFile

IsAncestor = Callable[[str, str], bool]


def propose(repository: Repository, plan: Plan, manifests: Manifests, is_ancestor: IsAncestor) -> Plan | None:
    """See `Deployments.propose`."""
    slot = Slot(plan.environment, plan.tenant)
    if manifests.content != plan.content:
        raise Superseded(f"{plan.key}: the plan was made for other manifests", fix="plan again")
    files = {f"{slot.manifests}/{name}": data for name, data in manifests.files().items()}
    pending: Plan | None = None

    def change(tree: Tree) -> Changes | None:
        nonlocal pending
        current, released = _readable_plan(tree, slot), slot.read_release(tree)
        pending = _pending(current, released)
        if _older(plan.source.commit, _newest_source(repository, tree, slot, current, released), is_ancestor):
            return None
        if released is not None and released.content == plan.content:
            pending = None
            keep = current is not None and current.digest == released.digest
            message = f"Withdraw {plan.key}\n\nThe newest source gives what is released.\n\n{_trailers(plan)}"
            return Changes(message, files, [slot.manifests, *([] if keep else [slot.plan])])
        if plan.base != (released.content if released else None):
            raise Superseded(
                f"{plan.key}: what is released has changed since it was planned", fix="plan again"
            )
        pending = current if current is not None and _same(plan, current) else plan
        message = f"Propose {plan.key}: {plan.summary}\n\nVerdict: {plan.verdict}\n{_trailers(plan)}"
        return Changes(message, {**files, slot.plan: dump(pending)}, [slot.manifests])

    repository.write(MAIN, change)
    return pending


def _readable_plan(tree: Tree, slot: Slot) -> Plan | None:
    """None also for a plan that somebody broke: it is written anew from the source."""
    try:
        return slot.read_plan(tree)
    except OrchestratorError:
        return None


def _pending(current: Plan | None, released: ReleaseFile | None) -> Plan | None:
    if current is None or (released is not None and released.digest == current.digest):
        return None
    return current


def _older(source: str, newest: str | None, is_ancestor: IsAncestor) -> bool:
    if newest is None or newest == source:
        return False
    try:
        return is_ancestor(source, newest)
    except RevisionNotFound:
        return False


def _newest_source(
    repository: Repository, tree: Tree, slot: Slot, current: Plan | None, released: ReleaseFile | None
) -> str | None:
    if current is not None:
        return current.source.commit
    if released is None or tree.commit is None:
        return None
    withdrawn = repository.log(tree.commit, paths=[slot.plan], limit=1)
    return (
        withdrawn[0].trailers.get("Source", released.source.commit) if withdrawn else released.source.commit
    )


def _same(plan: Plan, current: Plan) -> bool:
    source = plan.source.model_copy(update={"commit": current.source.commit})
    return plan.model_copy(update={"source": source}) == current


def _trailers(plan: Plan) -> str:
    return f"Digest: {plan.digest}\nSource: {plan.source.commit}\n"
