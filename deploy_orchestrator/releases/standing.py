"""What stands in one slot of one tree, and how a plan relates to it."""

from dataclasses import dataclass
from functools import cached_property

from deploy_orchestrator.git import Repository, Tree
from deploy_orchestrator.outcomes import attempt, values
from deploy_orchestrator.releases.digest import FORMAT
from deploy_orchestrator.releases.last_changes import last_change, removed_by
from deploy_orchestrator.releases.layout import Slot, content_at
from deploy_orchestrator.releases.model import Plan, Quarantined, Release, ReleaseFile, Unchanged


@dataclass(frozen=True)
class SlotState:
    """What is planned, released and quarantined in the `slot` of a `tree` of the deployments repository.

    Each part is read when it is asked for first, and raises DocumentError or ReleaseError where somebody
    broke it.
    """

    repository: Repository
    tree: Tree
    slot: Slot

    @cached_property
    def plan(self) -> Plan | None:
        """The newest plan, released or not."""
        return self.slot.read_plan(self.tree)

    @cached_property
    def sound_plan(self) -> Plan | None:
        """As `plan`; None also for one that somebody broke."""
        found = values([attempt(lambda: self.plan)])
        return found[0] if found else None

    @cached_property
    def released(self) -> ReleaseFile | None:
        """The release file."""
        return self.slot.read_release(self.tree)

    @cached_property
    def release(self) -> Release | None:
        """What is released, with the commit that made it so."""
        if self.released is None or self.tree.commit is None:
            return None
        path = self.slot.release
        return self.released.made_by(last_change(self.repository, self.tree.commit, path))

    @property
    def emptied(self) -> str | None:
        """The commit that took away what was released, where nothing is; None where nothing ever was."""
        if self.released is not None or self.tree.commit is None:
            return None
        return removed_by(self.repository, self.tree.commit, self.slot.release)

    @cached_property
    def quarantine(self) -> tuple[Quarantined, ...]:
        """What was reverted, oldest first."""
        return self.slot.read_quarantine(self.tree)

    @property
    def unchanged(self) -> Unchanged | None:
        """Since when the fleet asks for what stands here, where that was remembered."""
        found = values([attempt(self.slot.read_unchanged, self.tree)])
        return found[0] if found else None

    @property
    def pending(self) -> Plan | None:
        """The newest plan where it is not released."""
        return None if self.plan is None or self.is_released(self.plan) else self.plan

    def is_released(self, plan: Plan) -> bool:
        """Whether this very plan is what is released."""
        return self.released is not None and self.released.digest == plan.digest

    def is_replaced_by(self, plan: Plan) -> bool:
        """Whether `plan` was made to replace what is released here."""
        if plan.format < FORMAT:
            return False
        if self.release is not None:
            return plan.replaces == self.release.commit
        return plan.base is None and plan.replaces == self.emptied

    def is_wanted_by(self, plan: Plan) -> bool:
        """Whether what is released is what `plan` would bring."""
        released = self.released
        return (
            released is not None
            and released.content == plan.content
            and released.destination.is_same(plan.destination)
        )

    def is_intact(self, plan: Plan) -> bool:
        """Whether the manifests that stand here are those that were planned."""
        return content_at(self.tree, self.slot.manifests) == plan.content
