"""Rendered changes become a commit on `main`, next to what is released, which it does not touch."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import Changes, Repository, Tree
from deploy_orchestrator.manifests import Manifests, remember_committed
from deploy_orchestrator.outcomes import Outcome, attempt, values
from deploy_orchestrator.releases.approvals import is_decided_on
from deploy_orchestrator.releases.errors import Superseded
from deploy_orchestrator.releases.history import newest_first
from deploy_orchestrator.releases.layout import MAIN, Slot, dump
from deploy_orchestrator.releases.model import Plan, Subject, Unchanged
from deploy_orchestrator.releases.standing import SlotState
from deploy_orchestrator.risk import Reason
from deploy_orchestrator.terms import Verdict

IsAncestor = Callable[[str, str], bool]

_LOOKED_BACK: Final = 100
"""Plans of a tenant that are looked at for an earlier one of the same change."""


def propose(
    repository: Repository,
    candidates: Sequence[tuple[Plan, Manifests]],
    is_ancestor: IsAncestor,
    awaited: Collection[str],
    now: datetime,
) -> list[Outcome[Plan | None]]:
    """See `Deployments.propose_all`."""
    proposals = [
        _Proposal(repository, plan, manifests, is_ancestor, plan.key in awaited, now)
        for plan, manifests in candidates
    ]
    source = candidates[0][0].source.commit if candidates else ""

    def change(tree: Tree) -> Changes | None:
        asked = [each for proposal in proposals if (each := proposal.asked(tree))]
        return _together(asked, source)

    repository.write(MAIN, change)
    return [each.pending for each in proposals]


@dataclass(slots=True)
class _Proposal:
    """What committing one candidate takes, and what came of it when it was asked for last."""

    repository: Repository
    plan: Plan
    manifests: Manifests
    is_ancestor: IsAncestor
    awaited: bool
    now: datetime
    pending: Outcome[Plan | None] = None

    def asked(self, tree: Tree) -> Changes | None:
        """What it takes; None where it fails, or all is there. The manifests need not be read again then."""
        try:
            wanted = self._changes(tree)
            if wanted is None:
                return None
            for folder in wanted.folders.values():
                remember_committed(tree.store, folder, self.manifests)
            return None if tree.holds(wanted) else wanted
        except OrchestratorError as error:
            self.pending = error
            return None

    @property
    def _slot(self) -> Slot:
        return Slot(self.plan.environment, self.plan.tenant)

    def _changes(self, tree: Tree) -> Changes | None:
        plan, slot = self.plan, self._slot
        if self.manifests.content != plan.content:
            raise Superseded(f"{plan.key}: the plan was made for other manifests", fix="plan again")
        standing = SlotState(self.repository, tree, slot)
        current = standing.sound_plan
        self.pending = None if current is None or standing.is_released(current) else current
        newest = _newest_source(standing)
        if _older(plan.source.commit, newest, self.is_ancestor):
            return None
        folders = {slot.manifests: tree.folder(self.manifests.at_rest().files(), slot.manifests)}
        if standing.is_wanted_by(plan):
            self.pending = None
            keep = current is not None and standing.is_released(current)
            does = "Keep" if keep or current is None else "Withdraw"
            message = f"{does} {plan.key}\n\nThe newest source gives what is released.\n\n{_trailers(plan)}"
            return Changes(
                message,
                {
                    **_alone(slot, current if keep else None),
                    **self._remembered(standing, standing.released),
                },
                [slot.unchanged, *([] if keep else [slot.plan])],
                folders=folders,
            )
        if not standing.is_replaced_by(plan):
            raise Superseded(
                f"{plan.key}: what is released has changed since it was planned", fix="plan again"
            )
        pending = current if current and _same(plan, current) else self._widened(standing, current)
        self.pending = pending
        message = f"Propose {plan.key}: {plan.summary}\n\nVerdict: {plan.verdict}\n{_trailers(plan)}"
        return Changes(
            message,
            {slot.plan: dump(pending), **self._remembered(standing, current)},
            [slot.unchanged],
            folders=folders,
        )

    def _widened(self, standing: SlotState, current: Plan | None) -> Plan:
        """The plan, with when more was found in the change than in an earlier plan of the same; where people
        have decided on it and none is found any more, that is now.
        """
        plan = self.plan
        if current is None or current.digest != plan.digest:
            if standing.tree.commit is None or not is_decided_on(self.repository, plan.digest):
                return plan
            history = newest_first(self.repository, standing.tree.commit, standing.slot.plan)
            plans = (
                attempt(standing.slot.read_plan, self.repository.at(each.id))
                for each in islice(history, _LOOKED_BACK)
            )
            current = next((each for each in values(plans) if each and each.digest == plan.digest), None)
        more = (
            current is None
            or bool(_grave(plan) - {_about(each) for each in current.reasons})
            or _runs_others(plan, current)
        )
        return plan.model_copy(update={"widened": self.now if more or current is None else current.widened})

    def _remembered(self, standing: SlotState, stands: Subject | None) -> dict[str, bytes]:
        """Since when the source asks for what `stands` there, where that is for longer than since now."""
        source, last = self.plan.source.commit, standing.unchanged
        if not self.awaited or stands is None or stands.content != self.plan.content:
            return {}
        since = last.since if last and last.digest == stands.digest else stands.source.commit
        kept = Unchanged(digest=stands.digest, since=since, source=source)
        return {standing.slot.unchanged: dump(kept)} if since != source else {}


def _alone(slot: Slot, released: Plan | None) -> dict[str, bytes]:
    """What tells that nothing waits behind a released plan any more."""
    if released is None or released.behind is None:
        return {}
    return {slot.plan: dump(released.model_copy(update={"behind": None}))}


def _together(changes: Sequence[Changes], source: str) -> Changes | None:
    if len(changes) < 2:
        return next(iter(changes), None)
    subjects = [each.message.partition("\n")[0] for each in changes]
    first = subjects[0].partition(":")[0]
    said = "\n".join([f"{first}, and {len(changes) - 1} more", "", *subjects, "", f"Source: {source}", ""])
    writes = {path: data for each in changes for path, data in each.writes.items()}
    folders = {path: folder for each in changes for path, folder in each.folders.items()}
    return Changes(said, writes, [path for each in changes for path in each.deletes], folders=folders)


def _older(source: str, newest: str | None, is_ancestor: IsAncestor) -> bool:
    if newest is None or newest == source:
        return False
    return is_ancestor(source, newest)


def _newest_source(standing: SlotState) -> str | None:
    if standing.unchanged is not None:
        return standing.unchanged.source
    if standing.sound_plan is not None:
        return standing.sound_plan.source.commit
    if standing.released is None or standing.tree.commit is None:
        return None
    released = standing.released.source.commit
    withdrawn = next(newest_first(standing.repository, standing.tree.commit, standing.slot.plan), None)
    return withdrawn.trailers.get("Source", released) if withdrawn else released


def _same(plan: Plan, current: Plan) -> bool:
    source = plan.source.model_copy(update={"commit": current.source.commit})
    return plan.model_copy(update={"source": source, "widened": current.widened}) == current


def _grave(plan: Plan) -> set[tuple[object, ...]]:
    return {_about(each) for each in plan.reasons if each.severity is not Verdict.SAFE}


def _runs_others(plan: Plan, before: Plan) -> bool:
    """Whether a name of an image leads to other bytes than in the plan `before`."""
    led = before.images or {}
    return any(led.get(name, digest) != digest for name, digest in (plan.images or {}).items())


def _about(reason: Reason) -> tuple[object, ...]:
    return reason.rule, reason.check, reason.object, reason.saw


def _trailers(plan: Plan) -> str:
    return f"Digest: {plan.digest}\nSource: {plan.source.commit}\n"
