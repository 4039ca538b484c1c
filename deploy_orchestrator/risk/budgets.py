"""PodDisruptionBudgets: how many pods may be missing while nodes are drained."""

from collections.abc import Iterable, Iterator
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from deploy_orchestrator.manifests import Manifests, NamedPath, Object, untyped
from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.pods import labels_of, scales, spec_of
from deploy_orchestrator.risk.rule import Rule, Sighting
from deploy_orchestrator.risk.selecting import selects
from deploy_orchestrator.risk.verdict import Verdict
from deploy_orchestrator.terms import quantity

_BUDGET: Final = ("policy", "PodDisruptionBudget")
_BOUNDS: Final[tuple[NamedPath, ...]] = (("spec", "minAvailable"), ("spec", "maxUnavailable"))


_UNCOUNTED: Final = frozenset({("apps", "DaemonSet"), ("batch", "CronJob"), ("batch", "Job")})
"""Kinds without a scale, of which a budget can bound no share and no number of missing pods:
https://kubernetes.io/docs/tasks/run-application/configure-pdb/#arbitrary-controllers-and-selectors.
"""

_UNKNOWN: Final = "how many pods there are of which it keeps some does not stand here"


class BudgetStops(Rule):
    id = "budget-stops"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a PodDisruptionBudget comes to let no pod go at all, as far as can be told: it asks for as many as "
        "there are, for pods that nothing here makes, or for some that another budget has already"
    )
    why = "Nodes with these pods can no longer be drained, so upgrades of the cluster hang."
    do = (
        "Let one pod be missing, run one more than the budget asks for, and have one budget for each pod: of "
        "two, the API server lets neither be drained."
    )

    def judge(self, change: Change) -> Iterator[Sighting]:
        added = {each.key for each in change.added}
        altered = {each.key for each in change.altered}
        for each in () if change.first else filter(_is_budget, change.after.objects):
            before = change.before_of(each.key)
            stopped = change.before is not None and before is not None and _stops(before, change.before)
            why = _stops(each, change.after)
            if why and not stopped and (why != _UNKNOWN or each.key in added | altered):
                yield Sighting(why, each.key, ((),) if each.key in added else _BOUNDS)


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


def _stops(budget: Object, manifests: Manifests) -> str | None:
    """Why a budget lets no pod go, or may not; None where it surely lets one go."""
    near = [each for each in manifests.objects if each.namespace == budget.namespace]
    covered = [each for each in near if _covers(budget, each)]
    others = (each for each in near if _is_budget(each) and each.key != budget.key)
    if other := next((each for each in others if any(_covers(each, pods) for pods in covered)), None):
        return f"{other.key} has the same pods, and of two budgets neither lets one go"
    least, most = (untyped.at(budget.body, *path) for path in _BOUNDS)
    uncounted = next((each for each in covered if (each.key.group, each.kind) in _UNCOUNTED), None)
    if uncounted and (most is not None or str(least).endswith("%")):
        return f"how many pods {uncounted.key} should have cannot be told, and so none may go"
    if most is not None:
        return "it lets no pod go" if _share(most) == 0 else None
    if least is None or _share(least) == 0:
        return None
    pods = sum(_replicas(each, near) for each in covered)
    if not pods:
        return _UNKNOWN
    return "it lets no pod go" if _wanted(least, pods) >= pods else None


def _wanted(least: Any, pods: int) -> Decimal:
    """How many must be there; a share is rounded up (https://kubernetes.io/docs/tasks/run-application/configure-pdb/)."""
    share = _share(least) or Decimal(0)
    return (share * pods / 100).to_integral_value(ROUND_CEILING) if str(least).endswith("%") else share


def _covers(budget: Object, each: Object) -> bool:
    selector = untyped.at(budget.body, "spec", "selector")
    return bool(spec_of(each)) and (selector == {} or selects(selector, labels_of(each)))


def _replicas(each: Object, near: Iterable[Object]) -> int:
    """How many pods an object has at the least."""
    scaled = (_least(other) for other in near if scales(other, each))
    said = (untyped.at(each.body, "spec", "replicas"), next(scaled, None))
    return min((number for number in said if isinstance(number, int)), default=1)


def _least(autoscaler: Object) -> Any:
    """How many pods it leaves at the least; where it does not say, Kubernetes' own leaves one, KEDA's none
    (https://keda.sh/docs/latest/reference/scaledobject-spec/#minreplicacount).
    """
    if (autoscaler.key.group, autoscaler.kind) == ("keda.sh", "ScaledObject"):
        return untyped.mapping(autoscaler.body.get("spec")).get("minReplicaCount", 0)
    return untyped.mapping(autoscaler.body.get("spec")).get("minReplicas", 1)


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
