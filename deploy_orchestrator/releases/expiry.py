"""When approvals stop counting by their age."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy_orchestrator.fleet import ApprovalRule
from deploy_orchestrator.releases.ballot import count
from deploy_orchestrator.releases.model import Approval, SourceChange

_NEVER = timedelta(days=365_000)


@dataclass(frozen=True, slots=True)
class Expiry:
    """An approval that counts but for its age, and `at` which time it stops to; it expires `soon` in the last
    quarter of its time, a day at most.
    """

    approval: Approval
    at: datetime
    soon: datetime


def expiries(
    decisions: Iterable[Approval], rule: ApprovalRule | None, source: SourceChange, now: datetime
) -> tuple[Expiry, ...]:
    """When each approval among verified `decisions` expires or has expired, oldest first."""
    if rule is None:
        return ()
    ageless = rule.model_copy(update={"expires": _NEVER})
    notice = min(rule.expires / 4, timedelta(days=1))
    return tuple(
        Expiry(each, each.at + rule.expires, each.at + rule.expires - notice)
        for each in count(decisions, ageless, source, now).approvals
    )
