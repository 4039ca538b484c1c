"""PodDisruptionBudgets: how many pods may be missing while nodes are drained."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from deploy_orchestrator.manifests import Manifests, NamedPath, Object, untyped
from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.pods import labels_of
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict
from deploy_orchestrator.terms import quantity

_BUDGET: Final = ("policy", "PodDisruptionBudget")
_BOUNDS: Final[tuple[NamedPath, ...]] = (("spec", "minAvailable"), ("spec", "maxUnavailable"))


class BudgetStops(Rule):
    id = "budget-stops"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a PodDisruptionBudget comes to let no pod go at all"
    why = "Nodes with these pods can no longer be drained, so upgrades of the cluster hang."
    do = "Let one pod be missing, or run one more than the budget asks for."

    def judge(self, change: Change) -> Iterator[Sighting]:
        added = {each.key for each in change.added}
        for each in () if change.first else filter(_is_budget, change.after.objects):
            before = change.before_of(each.key)
            stopped = change.before is not None and before is not None and _stops(before, change.before)
            if _stops(each, change.after) and not stopped:
                yield Sighting("it lets no pod go", each.key, ((),) if each.key in added else _BOUNDS)


class BudgetLoosened(Rule):
    id = "budget-loosened"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a PodDisruptionBudget is removed, or lets more pods go than before"
    why = "When nodes are drained, more of the pods may be missing at once."
    do = "Check that the rest carries the load, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.removed:
            if _is_budget(each):
                yield Sighting("the budget is removed", each.key, ((),))
        for altered in change.altered:
            direction = _direction(altered.before, altered.after)
            if direction is not None and direction < 0:
                yield Sighting("the budget lets more pods go", altered.key, _BOUNDS)


class BudgetTightened(Rule):
    id = "budget-tightened"
    severity = Verdict.SAFE
    sees = "a PodDisruptionBudget is new or keeps more pods, and still lets one go"
    why = "More pods are kept while nodes are drained, and drains still end."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for each in change.added:
            if _is_budget(each) and not _stops(each, change.after):
                yield Sighting("a new budget", each.key, ((),))
        for altered in change.altered:
            direction = _direction(altered.before, altered.after)
            if direction is not None and direction > 0 and not _stops(altered.after, change.after):
                yield Sighting("the budget keeps more pods", altered.key, _BOUNDS)


def _is_budget(each: Object) -> bool:
    return (each.key.group, each.kind) == _BUDGET


def _stops(budget: Object, manifests: Manifests) -> bool:
    least, most = (untyped.at(budget.body, *path) for path in _BOUNDS)
    if _share(most) == 0 or least == "100%":
        return True
    pods = sum(_replicas(each) for each in manifests.objects if _covers(budget, each))
    wanted = quantity(least)
    return wanted is not None and wanted >= pods > 0


def _covers(budget: Object, each: Object) -> bool:
    wanted = untyped.mapping(untyped.at(budget.body, "spec", "selector", "matchLabels"))
    labels = labels_of(each)
    return bool(wanted) and all(labels.get(key) == value for key, value in wanted.items())


def _replicas(each: Object) -> int:
    replicas = untyped.at(each.body, "spec", "replicas")
    return replicas if isinstance(replicas, int) else 1


def _direction(before: Object, after: Object) -> int | None:
    """Above zero where the budget keeps more pods than before, below where fewer; None where that cannot be
    told.
    """
    if not _is_budget(after):
        return None
    for path, sign in zip(_BOUNDS, (1, -1), strict=True):
        old, new = untyped.at(before.body, *path), untyped.at(after.body, *path)
        comparable = untyped.text(old).endswith("%") == untyped.text(new).endswith("%")
        if (
            comparable
            and old != new
            and (was := _share(old)) is not None
            and (now := _share(new)) is not None
        ):
            return sign if now > was else -sign
    return None


def _share(value: Any) -> Decimal | None:
    return quantity(untyped.text(value).removesuffix("%") or value)


RULES = (BudgetStops(), BudgetLoosened(), BudgetTightened())
