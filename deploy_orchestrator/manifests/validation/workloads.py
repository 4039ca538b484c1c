"""What keeps pods running: Deployments, StatefulSets, DaemonSets, ReplicaSets.

After `k8s.io/kubernetes/pkg/apis/apps/validation`.
"""

from collections.abc import Iterator
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.pods import mounted, standing
from deploy_orchestrator.manifests.validation.selectors import is_empty, matches
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Rule, Shape, at, found

_DEFAULT_DEADLINE: Final = 600
_RETENTION: Final = formats.one_of("Delete", "Retain")


def selected(spec: Fields) -> Iterator[Refusal]:
    """What is wrong with the selector of the pods that the template makes."""
    selector = spec.get("selector")
    if selector is None:
        yield Refusal(("selector",), "required, and absent")
    elif is_empty(untyped.mapping(selector)):
        yield Refusal(("selector",), "may not select everything")
    elif not matches(untyped.mapping(selector), _labels(spec)):
        yield Refusal(("template", "metadata", "labels"), "are not what the selector wants")


def _labels(spec: Fields) -> Fields:
    return untyped.mapping(untyped.at(spec, "template", "metadata", "labels"))


def _always_running(spec: Fields) -> Iterator[Refusal]:
    policy = untyped.at(spec, "template", "spec", "restartPolicy")
    if policy not in {None, "", "Always"}:
        yield Refusal(("template", "spec", "restartPolicy"), found("must be Always", policy))
    if untyped.at(spec, "template", "spec", "activeDeadlineSeconds") is not None:
        yield Refusal(
            ("template", "spec", "activeDeadlineSeconds"), "may not be set for pods that always run"
        )


def template_standing(spec: Fields) -> Iterator[Refusal]:
    """What is wrong with the pods that are made by a template as it is."""
    yield from at(("template", "spec"), standing(untyped.mapping(untyped.at(spec, "template", "spec"))))


def _stateful(spec: Fields) -> Iterator[Refusal]:
    claims = untyped.mappings(spec.get("volumeClaimTemplates"))
    names = [untyped.text(untyped.at(claim, "metadata", "name")) for claim in claims]
    for index, name in enumerate(names):
        if said := "required, and absent" if not name else formats.dns_label(name):
            yield Refusal(("volumeClaimTemplates", index, "metadata", "name"), said)
    pod = untyped.mapping(untyped.at(spec, "template", "spec"))
    yield from at(("template", "spec"), mounted(pod, frozenset(names)))


def _replicated(spec: Fields) -> Iterator[Refusal]:
    """A ReplicationController, whose selector is a map of labels, the template's where it has none."""
    labels = untyped.mapping(untyped.at(spec, "template", "metadata", "labels"))
    wanted = untyped.mapping(spec.get("selector")) or labels
    if not wanted:
        yield Refusal(("selector",), "required, and absent")
    elif any(labels.get(key) != value for key, value in wanted.items()):
        yield Refusal(("template", "metadata", "labels"), "are not what the selector wants")


def _strategy(field: str, *others: str, is_alone: bool = True) -> Rule:
    """A rule that the strategy at `field` is known: a rolling update, or one of `others`.

    `is_alone` says that these have no settings of a rolling update beside them.
    """
    known = formats.one_of("RollingUpdate", *others)

    def rule(spec: Fields) -> Iterator[Refusal]:
        strategy = untyped.mapping(spec.get(field))
        type_ = strategy.get("type") or "RollingUpdate"
        if said := known(type_):
            yield Refusal((field, "type"), found(said, type_))
        elif is_alone and type_ != "RollingUpdate" and strategy.get("rollingUpdate") is not None:
            yield Refusal((field, "rollingUpdate"), f"may not be set for {type_}")

    return rule


def _rolling_deployment(given: Fields) -> Iterator[Refusal]:
    unavailable, surge = given.get("maxUnavailable"), given.get("maxSurge")
    if formats.is_none_at_all(unavailable) and formats.is_none_at_all(surge):
        yield Refusal(("maxUnavailable",), "may not be 0 where maxSurge is")


def _rolling_daemon_set(given: Fields) -> Iterator[Refusal]:
    unavailable, surge = given.get("maxUnavailable"), given.get("maxSurge")
    is_kept = formats.is_none_at_all(1 if unavailable is None else unavailable)
    is_alone = formats.is_none_at_all(surge or 0)
    if is_kept and is_alone:
        yield Refusal(("maxUnavailable",), "may not be 0 where maxSurge is")
    elif not is_kept and not is_alone:
        yield Refusal(("maxSurge",), "may not be set where maxUnavailable is not 0")


def _not_none(value: Any) -> str | None:
    return "must not be 0" if formats.is_none_at_all(value) else formats.at_most_all(value)


def _deadline(spec: Fields) -> Iterator[Refusal]:
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds") or 0
    if deadline is not None or ready >= _DEFAULT_DEADLINE:
        seconds = _DEFAULT_DEADLINE if deadline is None else deadline
        if seconds <= ready:
            yield Refusal(("progressDeadlineSeconds",), found(f"must be more than {ready}", seconds))


_COUNTS: Final = {
    "replicas": formats.nonnegative,
    "minReadySeconds": formats.nonnegative,
    "revisionHistoryLimit": formats.nonnegative,
}
_RUNNING: Final = (selected, _always_running, template_standing)

SHAPES: Final = {
    "apps.v1.DeploymentSpec": Shape(
        fields={**_COUNTS, "progressDeadlineSeconds": formats.nonnegative},
        rules=(*_RUNNING, _strategy("strategy", "Recreate"), _deadline),
    ),
    "apps.v1.RollingUpdateDeployment": Shape(
        fields={"maxSurge": formats.amount_or_percent, "maxUnavailable": formats.at_most_all},
        rules=(_rolling_deployment,),
    ),
    "apps.v1.ReplicaSetSpec": Shape(fields=_COUNTS, rules=_RUNNING),
    "core.v1.ReplicationControllerSpec": Shape(
        fields={"replicas": formats.nonnegative, "minReadySeconds": formats.nonnegative},
        rules=(_replicated, _always_running, template_standing),
    ),
    "apps.v1.ControllerRevision": Shape(fields={"revision": formats.nonnegative}),
    "apps.v1.DaemonSetSpec": Shape(
        fields=_COUNTS,
        rules=(*_RUNNING, _strategy("updateStrategy", "OnDelete", is_alone=False)),
    ),
    "apps.v1.RollingUpdateDaemonSet": Shape(
        fields={"maxSurge": formats.at_most_all, "maxUnavailable": formats.at_most_all},
        rules=(_rolling_daemon_set,),
    ),
    "apps.v1.StatefulSetSpec": Shape(
        fields={
            "replicas": formats.nonnegative,
            "minReadySeconds": formats.nonnegative,
            "podManagementPolicy": formats.one_of("OrderedReady", "Parallel"),
            "serviceName": formats.dns_label,
        },
        rules=(
            selected,
            _always_running,
            _stateful,
            _strategy("updateStrategy", "OnDelete", "Recreate"),
        ),
    ),
    "apps.v1.RollingUpdateStatefulSetStrategy": Shape(
        fields={"partition": formats.nonnegative, "maxUnavailable": _not_none}
    ),
    "apps.v1.StatefulSetOrdinals": Shape(fields={"start": formats.nonnegative}),
    "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy": Shape(
        fields={"whenDeleted": _RETENTION, "whenScaled": _RETENTION}
    ),
}
