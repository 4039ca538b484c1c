"""How many there are, and whether they are known to work."""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.manifests import FieldChange
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.pods import containers_of
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
    sees = "more replicas than before"
    why = "More carry the load."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        counts = _counts(altered, field)
        return f"replicas {counts[0]} → {counts[1]}" if counts and counts[1] >= counts[0] else None


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
    sees = "an autoscaler may scale to more than before"
    why = "The quota still bounds it."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        limits = _limits(altered, field)
        return f"maxReplicas {limits[0]} → {limits[1]}" if limits and limits[1] > limits[0] else None


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


RULES = (ReplicasZero(), ReplicasDown(), ReplicasUp(), ScalingLimit(), ScalingLimitUp(), ProbeRemoved())
