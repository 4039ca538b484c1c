"""Whose decisions count, as the environment's policy says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy_orchestrator.fleet import ApprovalRule, among
from deploy_orchestrator.releases.model import Approval, SourceChange

CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Void:
    """A decision that is truly signed and yet does not count, and why."""

    approval: Approval
    reason: str


@dataclass(frozen=True, slots=True)
class Ballot:
    """The decisions that count, oldest first, those that do not, and how many approvals are `required`."""

    approvals: tuple[Approval, ...]
    rejections: tuple[Approval, ...]
    void: tuple[Void, ...]
    required: int


def count(
    decisions: Iterable[Approval], rule: ApprovalRule | None, source: SourceChange, now: datetime
) -> Ballot:
    """Count verified decisions on one digest under `rule`; without one, every decision counts.

    A person counts once, whatever keys they signed with, and a key counts for one person. Nobody approves a
    change of their own unless the rule says so. Where the source is not signed its authors are only a
    claim, so one approval more is required. A rejection does not expire, and an author may reject.
    """
    approvals: list[Approval] = []
    rejections: list[Approval] = []
    void: list[Void] = []
    for decision in sorted(decisions, key=lambda each: (each.at, each.who)):
        reason = _void(decision, rule, source, now, approvals)
        if reason is not None:
            void.append(Void(decision, reason))
        elif decision.decision == "reject":
            rejections.append(decision)
        else:
            approvals.append(decision)
    required = 0 if rule is None else rule.required + (0 if source.signed else 1)
    return Ballot(tuple(approvals), tuple(rejections), tuple(void), required)


def may_approve(rule: ApprovalRule, source: SourceChange) -> list[str]:
    """The approvers who did not write it, or all where the rule lets authors approve."""
    return [each for each in rule.approvers if rule.self_approval or not among(each, source.authors)]


def _void(
    decision: Approval,
    rule: ApprovalRule | None,
    source: SourceChange,
    now: datetime,
    counted: Sequence[Approval],
) -> str | None:
    if decision.decision not in ("approve", "reject"):
        return "it decides on no change"
    if rule is not None and not among(decision.who, rule.approvers):
        return "the policy does not name them as an approver"
    if decision.decision == "reject":
        return None
    if decision.at > now + CLOCK_SKEW:
        return "it is dated in the future"
    if rule is None:
        return None
    if not rule.self_approval and among(decision.who, source.authors):
        return "authors cannot approve their own change"
    if decision.at + rule.expires < now:
        return "it has expired"
    if any(decision.who == other.who for other in counted):
        return "they approved already"
    if any(decision.key == other.key for other in counted):
        return "the same key approved already, for another name"
    return None
