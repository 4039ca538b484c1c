"""Whose decisions count, as the environment's policy says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy_orchestrator.fleet import ApprovalRule, BreakGlass, among
from deploy_orchestrator.releases.model import Approval, Choice, SourceChange

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
    decisions: Iterable[Approval],
    rule: ApprovalRule | None,
    source: SourceChange,
    now: datetime,
    widened: datetime | None = None,
    holding: ApprovalRule | None = None,
) -> Ballot:
    """Count verified decisions on one digest under `rule`; without one, every decision counts.

    A person counts once, whatever keys they signed with, and a key counts for one person. Nobody approves a
    change of their own unless the rule says so. Where the source is not signed its authors are only a
    claim, so one approval more is required. A rejection does not expire, and an author may reject. What was
    approved before more was found in the change, when it was `widened`, was not that. Approvers by the rule
    that is `holding` still may reject, but no more than that.
    """
    approvals: list[Approval] = []
    rejections: list[Approval] = []
    void: list[Void] = []
    for decision in _in_order(decisions):
        if decision.decision == "break-glass":
            continue
        reason = _too_early(decision, widened) or _void(decision, rule, source, now, approvals, holding)
        if reason is not None:
            void.append(Void(decision, reason))
        elif decision.decision == "reject":
            rejections.append(decision)
        else:
            approvals.append(decision)
    required = 0 if rule is None else rule.required + (0 if source.signed else 1)
    return Ballot(tuple(approvals), tuple(rejections), tuple(void), required)


@dataclass(frozen=True, slots=True)
class Glass:
    """Those who break the glass for one change, oldest first, whose decisions do not count, and how many it
    takes: two, and one more where the source is not signed.
    """

    broken_by: tuple[Approval, ...] = ()
    void: tuple[Void, ...] = ()
    required: int = 2

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """What lets the change past its gates; nothing until there is enough of it."""
        return self.broken_by if len(self.broken_by) >= self.required else ()

    def __str__(self) -> str:
        """By whom and why, or what is missing, in words."""
        said = "; ".join(f"{each.who}: {each.reason}" for each in self.broken_by)
        if self.approvals:
            return f"the glass was broken by {said}"
        counted = f"the glass is broken by {len(self.broken_by)} of {self.required}"
        void = [f"{each.approval.who}'s does not count: {each.reason}" for each in self.void]
        return "; ".join(filter(None, [counted, said, *void]))


def break_glass(
    decisions: Iterable[Approval],
    rule: BreakGlass | None,
    source: SourceChange,
    now: datetime,
    widened: datetime | None = None,
) -> Glass:
    """Count who breaks the glass by verified decisions on one digest under `rule`.

    Authors never count. A person counts once, and so does a key. Without a rule nobody counts. `widened` is
    as for `count`.
    """
    counted: list[Approval] = []
    void: list[Void] = []
    for decision in _in_order(decisions):
        if decision.decision != "break-glass":
            continue
        reason = _too_early(decision, widened) or _void_glass(decision, rule, source, now, counted)
        if reason is None:
            counted.append(decision)
        else:
            void.append(Void(decision, reason))
    return Glass(tuple(counted), tuple(void), 2 if source.signed else 3)


def may_approve(rule: ApprovalRule, source: SourceChange) -> list[str]:
    """The approvers who did not write it, or all where the rule lets authors approve."""
    return [each for each in rule.approvers if rule.self_approval or not source.is_by(each)]


def against(
    who: str, decision: Choice, rule: ApprovalRule | None, source: SourceChange, holding: ApprovalRule | None
) -> str | None:
    """Why a decision by `who` does not count, whenever it is made, by the rules as `count` takes them; None
    where nothing is against it.
    """
    if decision == "reject" and holding and among(who, holding.approvers):
        return None
    if rule is not None and not among(who, rule.approvers):
        return "the policy does not name them as an approver"
    if rule is None or rule.self_approval or decision == "reject" or not source.is_by(who):
        return None
    return "authors cannot approve their own change"


def _in_order(decisions: Iterable[Approval]) -> list[Approval]:
    return sorted(decisions, key=lambda each: (each.at, each.who))


def _too_early(decision: Approval, widened: datetime | None) -> str | None:
    if widened is None or decision.decision == "reject" or decision.at >= widened:
        return None
    return f"more was found in it at {widened:%Y-%m-%d %H:%M:%S} UTC, after that: look at it again"


def _void(
    decision: Approval,
    rule: ApprovalRule | None,
    source: SourceChange,
    now: datetime,
    counted: Sequence[Approval],
    holding: ApprovalRule | None,
) -> str | None:
    if decision.decision not in ("approve", "reject"):
        return "it decides on no change"
    why = against(decision.who, decision.decision, rule, source, holding)
    if why or decision.decision == "reject":
        return why
    if decision.at > now + CLOCK_SKEW:
        return "it is dated in the future"
    if rule is None:
        return None
    if decision.at + rule.expires < now:
        return "it has expired"
    return _void_again(decision, counted)


def _void_glass(
    decision: Approval,
    rule: BreakGlass | None,
    source: SourceChange,
    now: datetime,
    counted: Sequence[Approval],
) -> str | None:
    if rule is None or not among(decision.who, rule.people):
        return "the policy does not name them as one who breaks the glass"
    if not decision.reason:
        return "it gives no reason"
    if decision.at > now + CLOCK_SKEW:
        return "it is dated in the future"
    if source.is_by(decision.who):
        return "authors cannot break the glass for their own change"
    if decision.at + rule.expires < now:
        return "it has expired"
    return _void_again(decision, counted)


def _void_again(decision: Approval, counted: Sequence[Approval]) -> str | None:
    if any(decision.who == other.who for other in counted):
        return "they approved already"
    if any(decision.key == other.key for other in counted):
        return "the same key approved already, for another name"
    return None
