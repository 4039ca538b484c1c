from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What people can be told of, gravest last."""

    RELEASED = "released"
    AWAITS_APPROVAL = "awaits-approval"
    SYNC_FAILED = "sync-failed"
    REVERTED = "reverted"
    REVERT_REFUSED = "revert-refused"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened once to a `deployment` (`environment/tenant`).

    `subject` is what it happened to: the digest of a plan, or the commit of a release. `reason` may be the
    words of anybody.
    """

    kind: Kind
    deployment: str
    subject: str
    reason: str = ""

    @property
    def key(self) -> str:
        """The same for the same event whenever it is looked at, and another one for any other."""
        return f"{self.kind} {self.deployment} {self.subject}"
