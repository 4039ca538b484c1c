"""How many pods there are: autoscalers and disruption budgets.

After `k8s.io/kubernetes/pkg/apis/autoscaling/validation` and `pkg/apis/policy/validation`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.resources import container_resource_name
from deploy_orchestrator.manifests.validation.shapes import Fields, Refusal, Rule, Shape, found
from deploy_orchestrator.terms import quantity

_SOURCES: Final[Mapping[str, str]] = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_TO_ZERO: Final = frozenset({"External", "Object"})
_MAX_WINDOW: Final = 3600
_MAX_PERIOD: Final = 1800
_REFERENCE: Final = Shape(
    required=("kind", "name"),
    fields={
        "apiVersion": lambda version: formats.api_version(version) if "/" in version else None,
        "kind": formats.path_segment,
        "name": formats.path_segment,
    },
)


def _scaled(spec: Fields) -> Iterator[Refusal]:
    target = untyped.mapping(spec.get("scaleTargetRef"))
    version = untyped.text(target.get("apiVersion"))
    if "/" not in version and target.get("kind") != "ReplicationController":
        yield Refusal(("scaleTargetRef", "apiVersion"), found("must be a group, / and a version", version))


def _replicas(spec: Fields) -> Iterator[Refusal]:
    least, most = spec.get("minReplicas"), spec.get("maxReplicas")
    if isinstance(least, int) and isinstance(most, int) and most < least:
        yield Refusal(("maxReplicas",), found(f"must be at least minReplicas of {least}", most))
    types = {metric.get("type") for metric in untyped.mappings(spec.get("metrics"))}
    if least == 0 and not types & _TO_ZERO:
        yield Refusal(("minReplicas",), "may only be 0 with a metric of type External or Object")


def _metric(metric: Fields) -> Iterator[Refusal]:
    type_ = metric.get("type")
    if type_ not in _SOURCES:
        yield Refusal(("type",), found(f"must be one of {', '.join(_SOURCES)}", type_))
        return
    if metric.get(_SOURCES[type_]) is None:
        yield Refusal((_SOURCES[type_],), f"required for the type {type_}, and absent")
    for field in _SOURCES.values():
        if field != _SOURCES[type_] and metric.get(field) is not None:
            yield Refusal((field,), f"may not be set for the type {type_}")


def _targets(*one_of: str, is_alone: bool = True) -> Rule:
    """A rule that the target has one of these, and where `is_alone` no other."""

    def rule(source: Fields) -> Iterator[Refusal]:
        present = [field for field in one_of if untyped.at(source, "target", field) is not None]
        if not present:
            yield Refusal(("target",), f"needs {' or '.join(one_of)}")
        elif is_alone and len(present) > 1:
            yield Refusal(("target", present[1]), f"may not stand beside {present[0]}")

    return rule


def _metric_name(source: Fields) -> Iterator[Refusal]:
    name = untyped.at(source, "metric", "name")
    if not name:
        yield Refusal(("metric", "name"), "required, and absent")
    elif said := formats.path_segment(name):
        yield Refusal(("metric", "name"), found(said, name))


def _positive_amount(value: Any) -> str | None:
    number = quantity(value)
    return "must be more than 0" if number is not None and number <= 0 else None


def _behaviour(rules: Fields) -> Iterator[Refusal]:
    if rules.get("policies") == []:
        yield Refusal(("policies",), "needs a policy")


def _budget(spec: Fields) -> Iterator[Refusal]:
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield Refusal(("maxUnavailable",), "may not stand beside minAvailable")


SHAPES: Final = {
    "autoscaling.v1.CrossVersionObjectReference": _REFERENCE,
    "autoscaling.v1.HorizontalPodAutoscalerSpec": Shape(
        fields={
            "minReplicas": formats.nonnegative,
            "maxReplicas": formats.positive,
            "targetCPUUtilizationPercentage": formats.positive,
        },
        rules=(_replicas, _scaled),
    ),
    "autoscaling.v2.CrossVersionObjectReference": _REFERENCE,
    "autoscaling.v2.HorizontalPodAutoscalerSpec": Shape(
        required=("maxReplicas",),
        fields={"minReplicas": formats.nonnegative, "maxReplicas": formats.positive},
        rules=(_replicas, _scaled),
    ),
    "autoscaling.v2.MetricSpec": Shape(rules=(_metric,)),
    "autoscaling.v2.ResourceMetricSource": Shape(
        required=("name", "target"), rules=(_targets("averageUtilization", "averageValue"),)
    ),
    "autoscaling.v2.ContainerResourceMetricSource": Shape(
        required=("name", "container", "target"),
        fields={"name": container_resource_name, "container": formats.dns_label},
        rules=(_targets("averageUtilization", "averageValue"),),
    ),
    "autoscaling.v2.PodsMetricSource": Shape(rules=(_metric_name, _targets("averageValue"))),
    "autoscaling.v2.ObjectMetricSource": Shape(
        rules=(_metric_name, _targets("value", "averageValue", is_alone=False))
    ),
    "autoscaling.v2.ExternalMetricSource": Shape(rules=(_metric_name, _targets("value", "averageValue"))),
    "autoscaling.v2.MetricTarget": Shape(
        required=("type",),
        fields={
            "type": formats.one_of("AverageValue", "Utilization", "Value"),
            "averageUtilization": formats.positive,
            "averageValue": _positive_amount,
            "value": _positive_amount,
        },
    ),
    "autoscaling.v2.HPAScalingRules": Shape(
        fields={
            "selectPolicy": formats.one_of("Disabled", "Max", "Min"),
            "stabilizationWindowSeconds": formats.within(0, _MAX_WINDOW),
        },
        rules=(_behaviour,),
    ),
    "autoscaling.v2.HPAScalingPolicy": Shape(
        fields={
            "type": formats.one_of("Percent", "Pods"),
            "value": formats.positive,
            "periodSeconds": formats.within(1, _MAX_PERIOD),
        },
    ),
    "policy.v1.PodDisruptionBudgetSpec": Shape(
        fields={
            "maxUnavailable": formats.at_most_all,
            "minAvailable": formats.at_most_all,
            "unhealthyPodEvictionPolicy": formats.one_of("AlwaysAllow", "IfHealthyBudget"),
        },
        not_empty=("unhealthyPodEvictionPolicy",),
        rules=(_budget,),
    ),
}
