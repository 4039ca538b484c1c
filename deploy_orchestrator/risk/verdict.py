"""What the rules make of a change, as data."""

from collections import defaultdict
from collections.abc import Iterable

from deploy_orchestrator.documents import Record
from deploy_orchestrator.terms import Time, Verdict


class Reason(Record):
    """Why a change has its verdict: what a rule saw, why that matters, and what to do about it.

    `object` names the object it is about, None where it is about the change as a whole. `check` is the check
    that found it, None where no check did. From `until` (UTC) on it needs approval at least; None: it never
    does. `policy` tells by which words of the environment's policy the rule or the check has this severity,
    None where the rule has its own.
    """

    rule: str
    check: str | None = None
    until: Time | None = None
    severity: Verdict
    object: str | None = None
    saw: str
    why: str
    do: str
    policy: str | None = None


def alike(reasons: Iterable[Reason]) -> list[tuple[Reason, ...]]:
    """`reasons` in their order, those together that one rule has for several objects."""
    groups: defaultdict[object, list[Reason]] = defaultdict(list)
    for reason in reasons:
        groups[reason.rule, reason.severity, reason.do, reason.policy].append(reason)
    return [tuple(group) for group in groups.values()]


class Summary(Record):
    """How many objects a change adds, changes and removes."""

    added: int
    changed: int
    removed: int

    def __str__(self) -> str:
        return f"{self.added} added, {self.changed} changed, {self.removed} removed"
