from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What people can be told of, gravest last."""

    RELEASED = "released"
    RESUMED = "resumed"
    AWAITS_APPROVAL = "awaits-approval"
    APPROVAL_EXPIRES = "approval-expires"
    APPROVAL_EXPIRED = "approval-expired"
    PAUSED = "paused"
    BREAK_GLASS = "break-glass"
    BLOCKED = "blocked"
    DOES_NOT_RENDER = "does-not-render"
    SYNC_FAILED = "sync-failed"
    REVERTED = "reverted"
    REVERT_REFUSED = "revert-refused"
    OTHER_HANDS = "other-hands"
    FLEET_BROKEN = "fleet-broken"
    GUARD_SILENT = "guard-silent"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened once to a `deployment` (`environment/tenant`; a file of the fleet, a guard or a
    branch, where it is about that).

    `subject` is what it happened to, without spaces: the digest of a plan, the commit of a release, or a day
    for what is told each day for as long as it lasts. `deployment` and `reason` may be the words of anybody.
    """

    kind: Kind
    deployment: str
    subject: str
    reason: str = ""

    @property
    def key(self) -> str:
        """The same for the same event whenever it is looked at, and another one for any other."""
        return f"{self.kind} {self.deployment} {self.subject}"
