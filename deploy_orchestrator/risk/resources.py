"""How much pods ask for and may use, and what the tenant may use together."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from deploy_orchestrator.manifests import FieldChange, Object, standing_at, untyped
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.pods import containers_of
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict
from deploy_orchestrator.terms import quantity

_HALF: Final = Decimal("0.5")
_PLAIN: Final = frozenset({"cpu", "ephemeral-storage", "memory"})
_QUOTA: Final = ("", "ResourceQuota")

Amounts = tuple[Decimal | None, Decimal | None]


class ResourcesCut(FieldRule):
    id = "resources-cut"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "less of anything but processor time, or less than half of that, is asked for or allowed; a request "
        "is dropped, or a limit is new"
    )
    why = (
        "The container may be killed for memory, slowed down, or moved off its node, and that under load, "
        "long after the roll-out is done."
    )
    do = "Compare with what it uses at its highest, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        kind, amounts = _amounts(altered, field)
        before, after = amounts
        enough = _HALF if field.path[-1] == "cpu" else 1
        cut = before is not None and after is not None and after < before * enough
        dropped = kind == "requests" and before is not None and after is None
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
    sees = "processor time that is asked for or allowed is cut by half at most"
    why = "The container goes on, if slower at its highest; a roll-out stops where new pods do not get ready."
    do = "Watch how long it takes to answer after the release."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        _, (before, after) = _amounts(altered, field)
        if before is None or after is None or field.path[-1] != "cpu":
            return None
        if not before * _HALF <= after < before:
            return None
        return _words(field)


class ResourcesUp(FieldRule):
    id = "resources-up"
    severity = Verdict.SAFE
    sees = (
        "a request or limit of processor time, memory or scratch space is raised, that of an emptyDir on "
        "disk included, or such a request is new"
    )
    why = "The container gets more. The quota bounds it."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if _is_scratch(altered, field):
            was, now = quantity(field.before), quantity(field.after)
            return _words(field) if was is not None and now is not None and now > was else None
        kind, (before, after) = _amounts(altered, field)
        if (
            after is None
            or field.path[-1] not in _PLAIN
            or (before is None and kind != "requests")
            or (before is not None and after <= before)
        ):
            return None
        return _words(field)


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
    """`requests` or `limits`, and both amounts; `""` and nothing for what is no amount of a container."""
    path = altered.in_container(field) or ()
    if len(path) != 3 or path[0] != "resources" or path[1] not in {"requests", "limits"}:
        return "", (None, None)
    return path[1], (quantity(field.before), quantity(field.after))


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
    GuaranteeLost(),
    QuotaLowered(),
    QuotaWidened(),
    QuotaRaised(),
)
