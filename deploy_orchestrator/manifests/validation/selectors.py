"""How objects and nodes are chosen: label selectors, affinity, tolerations, spreading.

After `k8s.io/apimachinery/pkg/apis/meta/v1/validation` and `k8s.io/kubernetes/pkg/apis/core/validation`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.validation import formats
from deploy_orchestrator.manifests.validation.metadata import labels_at
from deploy_orchestrator.manifests.validation.shapes import (
    Fields,
    Refusal,
    Shape,
    at,
    each,
    found,
    no_duplicates,
)

_WITH_VALUES: Final = frozenset({"In", "NotIn"})
_WITHOUT_VALUES: Final = frozenset({"Exists", "DoesNotExist"})
_COMPARING: Final = frozenset({"Gt", "Lt"})
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_WEIGHT: Final = formats.within(1, 100)


def matches(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether labels are selected, by all of `matchLabels` and `matchExpressions`."""
    wanted = untyped.mapping(selector.get("matchLabels"))
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _matches(expression, labels) for expression in untyped.mappings(selector.get("matchExpressions"))
    )


def is_empty(selector: Mapping[str, Any]) -> bool:
    """Whether a selector selects everything."""
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def _matches(expression: Fields, labels: Mapping[str, Any]) -> bool:
    key, values = untyped.text(expression.get("key")), untyped.items(expression.get("values"))
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return True


def _expression(given: Fields) -> Iterator[Refusal]:
    operator, values = given.get("operator"), untyped.items(given.get("values"))
    if operator not in _WITH_VALUES | _WITHOUT_VALUES:
        yield Refusal(("operator",), found("must be In, NotIn, Exists or DoesNotExist", operator))
    elif bool(values) != (operator in _WITH_VALUES):
        yield Refusal(("values",), _values_said(operator))


def _values_said(operator: Any) -> str:
    return (
        f"required for {operator}, and absent"
        if operator in _WITH_VALUES
        else f"may not be set for {operator}"
    )


def _node_term(term: Fields) -> Iterator[Refusal]:
    for index, given in enumerate(untyped.mappings(term.get("matchExpressions"))):
        yield from at(("matchExpressions", index), _node_expression(given))
    for index, given in enumerate(untyped.mappings(term.get("matchFields"))):
        operator = given.get("operator")
        path = ("matchFields", index)
        if given.get("key") != "metadata.name":
            yield Refusal((*path, "key"), found("must be metadata.name", given.get("key")))
        if operator not in _WITH_VALUES:
            yield Refusal((*path, "operator"), found("must be In or NotIn", operator))
        elif len(untyped.items(given.get("values"))) != 1:
            yield Refusal((*path, "values"), "must be one value")


def _node_expression(given: Fields) -> Iterator[Refusal]:
    operator, values = given.get("operator"), untyped.items(given.get("values"))
    if operator not in _WITH_VALUES | _WITHOUT_VALUES | _COMPARING:
        said = "must be In, NotIn, Exists, DoesNotExist, Gt or Lt"
        yield Refusal(("operator",), found(said, operator))
    elif operator in _COMPARING:
        if len(values) != 1:
            yield Refusal(("values",), f"must be one value for {operator}")
    elif bool(values) != (operator in _WITH_VALUES):
        yield Refusal(("values",), _values_said(operator))
    if said := formats.label_key(given.get("key") or ""):
        yield Refusal(("key",), found(said, given.get("key")))


def _node_selector(given: Fields) -> Iterator[Refusal]:
    for index, term in enumerate(untyped.mappings(given.get("nodeSelectorTerms"))):
        for position, expression in enumerate(untyped.mappings(term.get("matchExpressions"))):
            if said := each(formats.label_value)(expression.get("values")):
                yield Refusal(
                    ("nodeSelectorTerms", index, "matchExpressions", position, "values"),
                    found(said, expression.get("values")),
                )


def _toleration(given: Fields) -> Iterator[Refusal]:
    key, operator, value = (given.get(field) or "" for field in ("key", "operator", "value"))
    if not key and operator != "Exists":
        yield Refusal(("operator",), "must be Exists where no key is set")
    if given.get("tolerationSeconds") is not None and given.get("effect") != "NoExecute":
        yield Refusal(("effect",), "must be NoExecute where tolerationSeconds is set")
    if operator == "Exists" and value:
        yield Refusal(("value",), "must be empty for the operator Exists")
    elif operator in {"", "Equal"} and (said := formats.label_value(value)):
        yield Refusal(("value",), found(said, value))


def _spread(given: Fields) -> Iterator[Refusal]:
    if given.get("minDomains") is not None and given.get("whenUnsatisfiable") != "DoNotSchedule":
        yield Refusal(("minDomains",), "may only be set where whenUnsatisfiable is DoNotSchedule")
    yield from _label_keys(given)


def _label_keys(given: Fields) -> Iterator[Refusal]:
    selector = untyped.mapping(given.get("labelSelector"))
    chosen = {
        *untyped.mapping(selector.get("matchLabels")),
        *(each.get("key") for each in untyped.mappings(selector.get("matchExpressions"))),
    }
    matched = untyped.texts(given.get("matchLabelKeys"))
    for field, keys in (("matchLabelKeys", matched), ("mismatchLabelKeys", given.get("mismatchLabelKeys"))):
        for index, key in enumerate(untyped.texts(keys)):
            if said := formats.label_key(key):
                yield Refusal((field, index), found(said, key))
            elif not selector:
                yield Refusal((field,), "may not be set without a labelSelector")
            elif field == "matchLabelKeys" and key in chosen:
                yield Refusal((field, index), found("stands in the labelSelector too", key))
            elif field != "matchLabelKeys" and key in matched:
                yield Refusal((field, index), found("stands in matchLabelKeys too", key))


SHAPES: Final = {
    "meta.v1.LabelSelector": Shape(rules=(labels_at("matchLabels"),)),
    "meta.v1.LabelSelectorRequirement": Shape(
        required=("key", "operator"),
        fields={"key": formats.label_key, "values": each(formats.label_value)},
        rules=(_expression,),
    ),
    "core.v1.NodeSelector": Shape(required=("nodeSelectorTerms",), rules=(_node_selector,)),
    "core.v1.NodeSelectorTerm": Shape(rules=(_node_term,)),
    "core.v1.PreferredSchedulingTerm": Shape(fields={"weight": _WEIGHT}),
    "core.v1.WeightedPodAffinityTerm": Shape(fields={"weight": _WEIGHT}),
    "core.v1.PodAffinityTerm": Shape(
        required=("topologyKey",),
        fields={"topologyKey": formats.label_key, "namespaces": each(formats.dns_label)},
        rules=(_label_keys,),
    ),
    "core.v1.Toleration": Shape(
        fields={
            "key": formats.label_key,
            "operator": formats.one_of("Equal", "Exists", "Gt", "Lt"),
            "effect": formats.one_of(*_EFFECTS),
        },
        rules=(_toleration,),
    ),
    "core.v1.TopologySpreadConstraint": Shape(
        required=("topologyKey", "whenUnsatisfiable"),
        fields={
            "maxSkew": formats.positive,
            "minDomains": formats.positive,
            "whenUnsatisfiable": formats.one_of("DoNotSchedule", "ScheduleAnyway"),
            "nodeAffinityPolicy": formats.one_of("Honor", "Ignore"),
            "nodeTaintsPolicy": formats.one_of("Honor", "Ignore"),
        },
        rules=(_spread,),
    ),
}

spread_apart: Final = no_duplicates("topologySpreadConstraints", "topologyKey", "whenUnsatisfiable")
