"""How much pods ask for and may use, and what the tenant may use together."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from deploy_orchestrator.manifests import FieldChange, Object, standing_at, untyped
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.pods import containers_of, ends_before_its_successor, scales
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict
from deploy_orchestrator.terms import quantity

_HALF: Final = Decimal("0.5")
_PLAIN: Final[Mapping[str, Decimal]] = {
    "cpu": Decimal(1),
    "ephemeral-storage": Decimal(2 * 2**30),
    "memory": Decimal(2 * 2**30),
}
"""What pods may ask for that a quota bounds, and how much of it any node has."""

_MANY_TIMES: Final = 4
_TWICE: Final = 2
_QUOTA: Final = ("", "ResourceQuota")

Amounts = tuple[Decimal | None, Decimal | None]


class ResourcesCut(FieldRule):
    id = "resources-cut"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "less of anything but processor time is asked for or allowed; less than half of the processor time "
        "is asked for, less where an autoscaler goes by it, or less is allowed; a request is dropped, or one "
        "that was the limit until now is lower; or a limit is new"
    )
    why = (
        "The container may be killed for memory, slowed down, or moved off its node, and that under load, "
        "long after the roll-out is done."
    )
    do = "Compare with what it uses at its highest, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        kind, (before, after) = _amounts(altered, field)
        enough = _HALF if _may_be_trimmed(altered, field, change) else 1
        cut = before is not None and after is not None and after < before * enough
        dropped = kind == "requests" and before is not None and field.after is None
        limited = kind == "limits" and before is None and after is not None
        return _words(field) if cut or dropped or limited else None


class LimitDropped(FieldRule):
    id = "limit-dropped"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a limit is dropped"
    why = "The container may use up its node, and take others down with it."
    do = "Keep a memory limit at least."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        kind, (before, after) = _amounts(altered, field)
        return _words(field) if kind == "limits" and before is not None and after is None else None


class ResourcesTrimmed(FieldRule):
    id = "resources-trimmed"
    severity = Verdict.SAFE
    sees = "the processor time that is asked for is cut by half at most, where no autoscaler goes by it"
    why = (
        "It counts only where a node has no more to give; what the container may use stays, and a roll-out "
        "stops where new pods do not get ready."
    )
    do = "Watch how long it takes to answer after the release."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        _, (before, after) = _amounts(altered, field)
        if before is None or after is None or not _may_be_trimmed(altered, field, change):
            return None
        return _words(field) if before * _HALF <= after < before else None


class ResourcesUp(FieldRule):
    id = "resources-up"
    severity = Verdict.SAFE
    sees = (
        "a request or limit of processor time, memory or scratch space is raised to four times at most, that "
        "of an emptyDir on disk included; or such a request is new, and is the limit or what any node has. "
        "Requests of pods that end before others start in their place are raised to twice, or to what any "
        "node has"
    )
    why = "The container gets more. The quota bounds it."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        raised = _raised(altered, field)
        return _words(field) if raised and not _may_find_no_room(altered, field, *raised) else None


class ResourcesMultiplied(FieldRule):
    id = "resources-multiplied"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "a request or limit of processor time, memory or scratch space is raised to more than four times, or "
        "a request is new that some node may not have; or a request that some node may not have is raised to "
        "more than twice for pods that end before others start in their place (a set's, one of each node, "
        "Recreate)"
    )
    why = (
        "Pods that no node has room for wait for ever, those of a store after the old ones are gone; and "
        "what others on the node have goes to one that leaks."
    )
    do = "Check that it is meant, and that there are nodes with so much, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        raised = _raised(altered, field)
        return _words(field) if raised and _may_find_no_room(altered, field, *raised) else None


class GuaranteeLost(Rule):
    id = "guarantee-lost"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "pods no longer ask for exactly what they may use, so that their quality of service is Guaranteed no "
        "more"
    )
    why = (
        "Where a node runs short they go before those that are guaranteed what they have, and processors are "
        "no longer theirs alone."
    )
    do = "Raise requests and limits together."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            touched = any((altered.in_container(each) or ())[:1] == ("resources",) for each in altered.fields)
            if touched and _is_guaranteed(altered.before) and not _is_guaranteed(altered.after):
                yield Sighting("its pods are no longer guaranteed what they ask for", altered.key)


class QuotaLowered(FieldRule):
    id = "quota-lowered"
    severity = Verdict.NEEDS_APPROVAL
    sees = "the quota of a namespace is lowered, or bounds something that it did not"
    why = "Pods that are moved or scaled later may be refused, though those that run now stay."
    do = "Compare with what the tenant uses now, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if not _is_quota(altered, field):
            return None
        before, after = quantity(field.before), quantity(field.after)
        return _words(field) if after is not None and (before is None or after < before) else None


class QuotaWidened(FieldRule):
    id = "quota-widened"
    severity = Verdict.NEEDS_APPROVAL
    sees = "the quota of a namespace is raised to more than twice what it was, or from nothing"
    why = "It is what bounds all that is safe because a quota bounds it, and others run on the same nodes."
    do = "Check that there is room for it beside the others, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if not _is_quota(altered, field):
            return None
        before, after = quantity(field.before), quantity(field.after)
        if before is None:
            return None
        return _words(field) if after is None or after > before * 2 else None


class QuotaRaised(FieldRule):
    id = "quota-raised"
    severity = Verdict.SAFE
    sees = "the quota of a namespace is raised to twice what it was at most"
    why = "The tenant may use more; nothing that runs changes."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if not _is_quota(altered, field):
            return None
        before, after = quantity(field.before), quantity(field.after)
        if before is None or after is None:
            return None
        return _words(field) if before < after <= before * 2 else None


def _is_guaranteed(each: Object) -> bool:
    """Whether the quality of service of an object's pods is Guaranteed: each container says how much
    processor time and memory it may use, and asks for just that
    (https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/).
    """
    containers = [each.body for each in containers_of(each)]
    return bool(containers) and all(
        (limit := quantity(untyped.at(body, "resources", "limits", name))) is not None
        and quantity(untyped.mapping(untyped.at(body, "resources", "requests")).get(name, str(limit)))
        == limit
        for body in containers
        for name in ("cpu", "memory")
    )


def _amounts(altered: Altered, field: FieldChange) -> tuple[str, Amounts]:
    """`requests` or `limits`, and both amounts; `""` and nothing for what is no amount of a container. What
    is not asked for is what is allowed
    (https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/).
    """
    path = altered.in_container(field) or ()
    if len(path) != 3 or path[0] != "resources" or path[1] not in {"requests", "limits"}:
        return "", (None, None)
    before, after = field.before, field.after
    if path[1] == "requests":
        limit = (*field.path[:-2], "limits", field.path[-1])
        before = standing_at(altered.before.body, limit) if before is None else before
        after = standing_at(altered.after.body, limit) if after is None else after
    return path[1], (quantity(before), quantity(after))


def _raised(altered: Altered, field: FieldChange) -> tuple[Decimal, Decimal] | None:
    """What a container had and now gets more of, or as much in more words; of a new request a quarter of what
    any node has counts as what it had.
    """
    kind, (before, after) = _amounts(altered, field)
    if _is_scratch(altered, field):
        before, after = quantity(field.before), quantity(field.after)
    elif field.path[-1] not in _PLAIN or field.after is None:
        return None
    elif before is None and kind == "requests":
        before = _PLAIN[field.path[-1]] / _MANY_TIMES
        return None if after is None else (before, after)
    if before is None or after is None or after < before or (after == before and field.before is not None):
        return None
    return before, after


def _may_find_no_room(altered: Altered, field: FieldChange, before: Decimal, after: Decimal) -> bool:
    """Whether nodes may not have what is asked for, by how much more it is, or for pods that end first."""
    if after > before * _MANY_TIMES:
        return True
    kind, name = field.path[-2:]
    request = (*field.path[:-2], "requests", name)
    is_asked = kind == "requests" or (kind == "limits" and standing_at(altered.after.body, request) is None)
    if not is_asked or after <= max(before * _TWICE, _PLAIN[name]):
        return False
    return ends_before_its_successor(altered.after)


def _may_be_trimmed(altered: Altered, field: FieldChange, change: Change) -> bool:
    """Whether a field is of processor time that is asked for, and by which nothing scales."""
    return field.path[-2:] == ("requests", "cpu") and not any(
        scales(each, altered.after) for each in change.after.objects
    )


def _is_scratch(altered: Altered, field: FieldChange) -> bool:
    """Whether a field bounds an emptyDir on the node's disk; one in memory counts as the container's."""
    path = altered.in_pod(field) or ()
    if path[:2] != ("spec", "volumes") or path[3:] != ("emptyDir", "sizeLimit"):
        return False
    return standing_at(altered.after.body, (*field.path[:-1], "medium")) in (None, "")


def _is_quota(altered: Altered, field: FieldChange) -> bool:
    return (
        (altered.key.group, altered.key.kind) == _QUOTA
        and field.path[:2] == ("spec", "hard")
        and len(field.path) == 3
    )


def _words(field: FieldChange) -> str:
    return f"{'.'.join(field.path[-2:])} {_shown(field.before)} → {_shown(field.after)}"


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


RULES = (
    ResourcesCut(),
    LimitDropped(),
    ResourcesTrimmed(),
    ResourcesUp(),
    ResourcesMultiplied(),
    GuaranteeLost(),
    QuotaLowered(),
    QuotaWidened(),
    QuotaRaised(),
)
