"""How many there are, and whether they are known to work."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import Container, FieldChange, NamedPath, Object, untyped
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.defaults import HOLDS
from deploy_orchestrator.risk.images import stored_by
from deploy_orchestrator.risk.pods import (
    claim_templates_of,
    claims_of,
    containers_of,
    held_back,
    is_kept_apart,
    is_known,
    scales,
    spec_of,
)
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict

_SCALED: Final = {
    ("apps", "Deployment"): ("spec", "replicas"),
    ("apps", "ReplicaSet"): ("spec", "replicas"),
    ("apps", "StatefulSet"): ("spec", "replicas"),
    ("argoproj.io", "Rollout"): ("spec", "replicas"),
    ("", "ReplicationController"): ("spec", "replicas"),
    ("autoscaling", "HorizontalPodAutoscaler"): ("spec", "minReplicas"),
}
_AUTOSCALER: Final = ("autoscaling", "HorizontalPodAutoscaler")
_PROBES: Final = frozenset({"livenessProbe", "readinessProbe", "startupProbe"})
_ASKED_FROM_OUTSIDE: Final = frozenset({"grpc", "httpGet", "tcpSocket"})
_OF_HEALTH: Final = frozenset(
    [
        "alive",
        "health",
        "healthcheck",
        "healthy",
        "healthz",
        "live",
        "liveness",
        "livez",
        "metrics",
        "ok",
        "ping",
        "readiness",
        "ready",
        "readyz",
        "started",
        "startup",
        "startupz",
        "status",
        "up",
        "version",
    ]
)
"""Words at the end of a path that only asks whether something works."""

_WAITING: Final[Mapping[str, int]] = {
    "failureThreshold": 3,
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "successThreshold": 1,
    "timeoutSeconds": 1,
}
"""The fields of a probe that say how patient it is, and what they are where nothing is said."""

_ALIVE: Final = 30
"""Seconds of failures after which Kubernetes ends a container, where nothing is said."""
_LONGEST_WAIT: Final = 600
"""Seconds that a container which does not work may go unnoticed, for that to be taken for patience."""

_ROLLED: Final = frozenset({"apps", "argoproj.io"})
"""The API groups of what renews its pods step by step, and stops where new ones are not ready."""

_PATIENT: Final[Mapping[NamedPath, tuple[int, int]]] = {
    ("spec", "minReadySeconds"): (0, 600),
    ("spec", "progressDeadlineSeconds"): (600, 3600),
    ("spec", "terminationGracePeriodSeconds"): (30, 600),
}
"""Seconds of a workload and of its pods: where nothing is said, and the most that is taken for more time."""

_HISTORY: Final = frozenset({"failedJobsHistoryLimit", "revisionHistoryLimit", "successfulJobsHistoryLimit"})
_AUTOSCALER_VERSIONS: Final = frozenset({"autoscaling/v1", "autoscaling/v2", "autoscaling/v2beta2"})
_AUTOSCALER_API: Final = {("apiVersion",), ("spec", "metrics"), ("spec", "targetCPUUtilizationPercentage")}
_TWICE: Final = 2
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


class ReplicasZero(FieldRule):
    id = "replicas-zero"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a workload is scaled to nothing"
    why = "What it does is no longer done."
    do = "Make sure that it is meant to stop."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        counts = _counts(altered, field)
        return f"replicas {counts[0]} → 0" if counts and counts[0] > 0 == counts[1] else None


class ReplicasDown(FieldRule):
    id = "replicas-down"
    severity = Verdict.NEEDS_APPROVAL
    sees = "fewer replicas than before, but some"
    why = "There is less to carry the load, and less left when one fails."
    do = "Check that the rest carries the load at its highest, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        counts = _counts(altered, field)
        return f"replicas {counts[0]} → {counts[1]}" if counts and 0 < counts[1] < counts[0] else None


class ReplicasUp(FieldRule):
    id = "replicas-up"
    severity = Verdict.SAFE
    sees = "more replicas than before, twice as many at most, of what keeps no data and may run several times"
    why = "More carry the load."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        counts = _counts(altered, field)
        if counts is None or counts[1] < counts[0] or _members_join(altered, counts, change):
            return None
        return None if _is_fixed(field) else f"replicas {counts[0]} → {counts[1]}"


class ReplicasFixed(FieldRule):
    id = "replicas-fixed"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a number of replicas comes to be written where none was, as where an autoscaler or people say it"
    why = "Each sync sets it back to that number, whatever the load asks for."
    do = "Compare it with how many there are now. Leave `replicas` out where an autoscaler says it."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        counts = _counts(altered, field)
        return f"replicas none → {field.after}" if counts and _is_fixed(field) else None


class MembersJoin(FieldRule):
    id = "members-join"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "more replicas, or more that an autoscaler may start, of what keeps data, mounts a volume claim, has "
        "pods with names of their own, never runs twice (Recreate), ran alone or not at all until now, or is "
        "not known here; or more than twice as many of anything"
    )
    why = (
        "A store moves data to its new members and is hard to make smaller again; a second pod on a volume "
        "for one node waits for ever, and two that were to be one may do everything twice, or write over "
        "each other. What they all lean on, as a database, has a place for so many and no more."
    )
    do = "Check that the software is meant to run so often, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        counts = _counts(altered, field)
        if counts and counts[1] >= counts[0]:
            joins = _members_join(altered, counts, change) and not _is_fixed(field)
            return f"replicas {counts[0]} → {counts[1]}" if joins else None
        limits = _limits(altered, field)
        if limits is None or limits[1] <= limits[0] or not _members_join(altered, limits, change):
            return None
        return f"maxReplicas {limits[0]} → {limits[1]}"


class ScalingLimit(FieldRule):
    id = "scaling-limit"
    severity = Verdict.NEEDS_APPROVAL
    sees = "an autoscaler may scale to less than before"
    why = "At the highest load there is less to carry it."
    do = "Check that the new limit carries the load at its highest, then approve."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        limits = _limits(altered, field)
        return f"maxReplicas {limits[0]} → {limits[1]}" if limits and limits[1] < limits[0] else None


class ScalingLimitUp(FieldRule):
    id = "scaling-limit-up"
    severity = Verdict.SAFE
    sees = (
        "an autoscaler may scale to more than before, twice as many at most, what keeps no data and may run "
        "several times"
    )
    why = "The quota still bounds it."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        limits = _limits(altered, field)
        if limits is None or limits[1] <= limits[0] or _members_join(altered, limits, change):
            return None
        return f"maxReplicas {limits[0]} → {limits[1]}"


class ProbeRemoved(Rule):
    id = "probe-removed"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a container loses a probe"
    why = "A container that does not work is no longer noticed, and a roll-out goes on over it."
    do = "Keep a readiness probe at least."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            after = {container.name: container.body for container in containers_of(altered.after)}
            lost = {
                (container.name, probe)
                for container in containers_of(altered.before)
                for probe in _PROBES
                if container.body.get(probe)
                and container.name in after
                and not after[container.name].get(probe)
            }
            if lost:
                paths = tuple(field.path for field in altered.fields if _probe(altered, field) in lost)
                words = ", ".join(f"{probe} of {name}" for name, probe in sorted(lost))
                yield Sighting(words, altered.key, paths)


class NotRolled(Rule):
    id = "not-rolled"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "what pods run changes, and no roll-out brings it to them: OnDelete, a partition, a paused Deployment"
    )
    why = "The release counts as live while the old pods run, and takes effect when one of them is lost."
    do = "Plan when to renew the pods, then approve."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            held = held_back(altered.after)
            if held and any((altered.in_pod(field) or ())[:1] == ("spec",) for field in altered.fields):
                yield Sighting(held, altered.key)


class HoldLifted(FieldRule):
    id = "hold-lifted"
    severity = Verdict.NEEDS_APPROVAL
    sees = (
        "`suspend: false` of a CronJob or Job, `paused: false` of a Deployment or `partition: 0` of a "
        "StatefulSet comes to be written where nothing was said of it"
    )
    why = (
        "What people or other programs have stopped on the live object, as in an incident, a sync leaves "
        "alone until then; now it starts what they stopped."
    )
    do = "Look whether the live object is held. Leave the field out where nothing is to be said of it."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        held = HOLDS.get((altered.key.group, altered.key.kind)) == field.path and field.before is None
        return f"{field.field} none → {field.after}" if held and field.after in (False, 0) else None


class ProbeEased(Rule):
    id = "probe-eased"
    severity = Verdict.SAFE
    sees = (
        "a container that had none gets a probe by gRPC, TCP or HTTP of its own pod, by a path that asks for "
        "its health, which ends it for no less than 30 seconds of failures, and what keeps data none that "
        "may end it; or one waits longer than before, ten times as long at most; it waits ten minutes at most"
    )
    why = "The roll-out stops where the probe does not say that new pods are ready, and is reverted."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            if altered.key.group not in _ROLLED or held_back(altered.after) is not None:
                continue
            before = {container.path: container.body for container in containers_of(altered.before)}
            eased = {
                (*container.path, probe)
                for container in containers_of(altered.after)
                for probe in _PROBES
                if container.path in before
                and _is_eased(probe, before[container.path].get(probe), container, altered.after)
            }
            seen = {
                field.path: probe
                for field in altered.fields
                for probe in eased
                if field.path[: len(probe)] == probe
            }
            if seen:
                words = sorted({f"{path[-1]} of {path[-2].strip('[]')}" for path in seen.values()})
                yield Sighting(", ".join(words), altered.key, tuple(seen))


class HistoryLimit(FieldRule):
    id = "history-limit"
    severity = Verdict.SAFE
    sees = "more or fewer finished Jobs or former ReplicaSets are kept, and one at least"
    why = "They run nothing; what was released stands in Git."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if (
            altered.key.group not in {"apps", "batch"}
            or len(field.path) != 2
            or field.path[1] not in _HISTORY
        ):
            return None
        kept = [each for each in (field.before, field.after) if each is not None]
        return field.field if all(isinstance(each, int) and each >= 1 for each in kept) else None


class MoreTime(FieldRule):
    id = "more-time"
    severity = Verdict.SAFE
    sees = (
        "pods get longer to end (ten minutes at most), are watched longer before they count (as long, and "
        "half of what a roll-out has to go on), or a roll-out gets longer to go on (an hour)"
    )
    why = "A roll-out takes longer; what runs in it, and that it stops where new pods fail, stays."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        bounds = _PATIENT.get(altered.in_pod(field) or field.path)
        if bounds is None or altered.key.group not in _ROLLED or not is_known(altered.key):
            return None
        before, after = (_number(value, bounds[0]) for value in (field.before, field.after))
        if field.path[-1] == "minReadySeconds" and after * 2 > _deadline(altered.after):
            return None
        return f"{field.path[-1]} {before} → {after}" if before < after <= bounds[1] else None


class AutoscalerRewritten(Rule):
    id = "autoscaler-rewritten"
    severity = Verdict.SAFE
    sees = "an autoscaler says the same in a newer version of its API"
    why = "The API server converts one into the other."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            if (altered.key.group, altered.key.kind) != _AUTOSCALER:
                continue
            both = altered.before, altered.after
            written = [field for field in altered.fields if field.path in _AUTOSCALER_API]
            known = all(each.api_version in _AUTOSCALER_VERSIONS for each in both)
            if written and known and _metrics(altered.before) == _metrics(altered.after):
                yield Sighting("the same", altered.key, tuple(field.path for field in written))


class SpreadPreferred(FieldRule):
    id = "preference-changed"
    severity = Verdict.SAFE
    sees = (
        "pods come to run best apart, beside all that was asked for before: a preferred anti-affinity, or a "
        "spread that is no condition"
    )
    why = "It forbids no node; the scheduler takes another where it cannot be met."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        path = altered.in_pod(field) or ()
        if path[:4] == ("spec", "affinity", "podAntiAffinity", _PREFERRED):
            before, after = (_preferred(each) for each in (altered.before, altered.after))
            return "affinity" if all(each in after for each in before) else None
        if path[:2] != ("spec", "topologySpreadConstraints"):
            return None
        before, after = (_spread(each) for each in (altered.before, altered.after))
        more = [each for each in after if each not in before]
        kept = all(each in after for each in before)
        return "spread" if kept and not any(map(_is_condition, more)) else None


def _counts(altered: Altered, field: FieldChange) -> tuple[int, int] | None:
    """How many replicas there were and will be; one where nothing is said, as Kubernetes has it."""
    if field.path != _SCALED.get((altered.key.group, altered.key.kind)):
        return None
    return _whole(field.before), _whole(field.after)


def _limits(altered: Altered, field: FieldChange) -> tuple[int, int] | None:
    if (altered.key.group, altered.key.kind) != _AUTOSCALER or field.path != ("spec", "maxReplicas"):
        return None
    return _whole(field.before), _whole(field.after)


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 1


def _probe(altered: Altered, field: FieldChange) -> tuple[str, str] | None:
    """The container and the probe that a field is of."""
    path = altered.in_container(field)
    return (field.path[-len(path) - 1].strip("[]"), path[0]) if path else None


def _members_join(altered: Altered, counts: tuple[int, int], change: Change) -> bool:
    """Whether there come to be several, or many more, of what is not known to stand that."""
    if counts[1] <= counts[0]:
        return False
    if counts[1] > counts[0] * _TWICE:
        return True
    after = altered.after
    if (altered.key.group, altered.key.kind) == _AUTOSCALER:
        several = _whole(untyped.at(altered.before.body, "spec", "maxReplicas")) > 1
        scaled = next((each for each in change.after.objects if scales(after, each)), None)
        if scaled is None:
            return True
        after = scaled
    else:
        several = counts[0] > 1 or any(scales(each, after) for each in change.kept)
    if not several:
        return True
    kept = [claim for claim in claims_of(after).values() if not _is_shared(claim, after, change)]
    return (
        bool(kept or claim_templates_of(after) or is_kept_apart(after))
        or untyped.at(after.body, "spec", "strategy", "type") == "Recreate"
        or any(stored_by(container, after) for container in containers_of(after))
    )


def _is_fixed(field: FieldChange) -> bool:
    """Whether a number comes to be written of what others may have scaled."""
    return field.before is None and field.path[-1] == "replicas"


def _is_shared(claim: str, owner: Object, change: Change) -> bool:
    """Whether a claim is known to be for pods on many nodes."""
    return any(
        "ReadWriteMany" in untyped.items(untyped.at(each.body, "spec", "accessModes"))
        for each in change.after.objects
        if (each.key.group, each.kind, each.namespace, each.name)
        == ("", "PersistentVolumeClaim", owner.namespace, claim)
    )


def _is_eased(probe: str, before: Any, container: Container, owner: Object) -> bool:
    old, new = untyped.mapping(before), untyped.mapping(container.body.get(probe))
    if not new:
        return False
    was, now = (
        {name: _number(side.get(name), default) for name, default in _WAITING.items()} for side in (old, new)
    )
    if _waits(now) > _LONGEST_WAIT:
        return False
    if not old:
        asked = [untyped.mapping(value) for name, value in new.items() if name in _ASKED_FROM_OUTSIDE]
        known = new.keys() <= _ASKED_FROM_OUTSIDE | _WAITING.keys()
        gentle = probe == "readinessProbe" or (
            now["failureThreshold"] * now["periodSeconds"] >= _ALIVE and stored_by(container, owner) is None
        )
        return bool(asked) and known and gentle and all(map(_asks_for_health, asked))
    same = {name: value for name, value in old.items() if name not in _WAITING}
    if same != {name: value for name, value in new.items() if name not in _WAITING}:
        return False
    longer = all(now[name] >= was[name] for name in _WAITING if name != "successThreshold")
    return longer and now["successThreshold"] <= was["successThreshold"] and _waits(now) <= 10 * _waits(was)


def _asks_for_health(asked: Mapping[str, Any]) -> bool:
    """Whether what a probe asks for does no more than to tell of its own pod, as far as the path shows."""
    last = untyped.text(asked.get("path")).rstrip("/").rpartition("/")[2].lower()
    return "host" not in asked and (not last or not _OF_HEALTH.isdisjoint(re.split(r"[-_.]", last)))


def _waits(probe: Mapping[str, int]) -> int:
    """How long a container that does not work goes unnoticed at the most."""
    each = probe["periodSeconds"] + probe["timeoutSeconds"]
    return probe["initialDelaySeconds"] + probe["failureThreshold"] * each


def _deadline(workload: Object) -> int:
    """Seconds after which a roll-out that does not go on has failed; a day where it never has."""
    if workload.kind in {"DaemonSet", "StatefulSet"}:
        return 86_400
    return _number(untyped.at(workload.body, "spec", "progressDeadlineSeconds"), 600)


def _number(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _metrics(autoscaler: Object) -> list[Any]:
    """What an autoscaler measures, as its version 2 says it."""
    share = untyped.at(autoscaler.body, "spec", "targetCPUUtilizationPercentage")
    target = {"type": "Utilization", "averageUtilization": share}
    first = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}] if share is not None else []
    return [*first, *untyped.items(untyped.at(autoscaler.body, "spec", "metrics"))]


def _preferred(each: Object) -> list[Any]:
    """The preferred terms by which pods stay away from others."""
    return untyped.items(untyped.at(spec_of(each), "affinity", "podAntiAffinity", _PREFERRED))


def _spread(each: Object) -> list[Any]:
    return untyped.items(spec_of(each).get("topologySpreadConstraints"))


def _is_condition(constraint: Any) -> bool:
    return untyped.at(constraint, "whenUnsatisfiable") != "ScheduleAnyway"


RULES = (
    ReplicasZero(),
    ReplicasDown(),
    ReplicasUp(),
    ReplicasFixed(),
    MembersJoin(),
    ScalingLimit(),
    ScalingLimitUp(),
    NotRolled(),
    HoldLifted(),
    ProbeRemoved(),
    ProbeEased(),
    HistoryLimit(),
    MoreTime(),
    AutoscalerRewritten(),
    SpreadPreferred(),
)
