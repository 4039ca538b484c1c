"""Who looks for which pods: label selectors, wherever they stand."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from deploy_orchestrator.manifests import Object, is_built_in, untyped
from deploy_orchestrator.risk.pods import labels_of, spec_of

_CONTROLLERS: Final = {("apps", kind) for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")}
_OF_OTHERS: Final = frozenset({"namespaceselector", "nodeselector"})
"""Fields by which a custom kind looks for something else than pods."""

_TERMS: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def selectors_of(each: Object) -> Iterator[Any]:
    """Every label selector by which an object may look for pods, those of its own pods' placing included.

    One that selects all there are, as `{}`, is left for `selects` to tell.
    """
    at = partial(untyped.at, each.body, "spec")
    match (each.key.group, each.kind):
        case ("", "Service"):
            yield {"matchLabels": at("selector")}
        case ("policy", "PodDisruptionBudget"):
            yield at("selector")
        case ("networking.k8s.io", "NetworkPolicy"):
            yield at("podSelector")
            for direction, side in (("ingress", "from"), ("egress", "to")):
                for opening in untyped.mappings(at(direction)):
                    yield from (peer.get("podSelector") for peer in untyped.mappings(opening.get(side)))
        case ("monitoring.coreos.com", "ServiceMonitor"):
            return
        case (group, kind):
            if (group, kind) in _CONTROLLERS:
                yield at("selector")
            if not is_built_in(group):
                yield from _selectors_in(at())
            pods = spec_of(each)
            yield from _selectors_in([pods.get("affinity"), pods.get("topologySpreadConstraints")])


def selects(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether a label selector selects by these labels; one that asks for nothing is none."""
    wanted = untyped.mapping(untyped.at(selector, "matchLabels"))
    asked = list(untyped.mappings(untyped.at(selector, "matchExpressions")))
    return (
        bool(wanted or asked)
        and all(labels.get(name) == value for name, value in wanted.items())
        and all(_meets(each, labels) for each in asked)
    )


def keeps_away(each: Object, other: Object) -> bool:
    """Whether the pods of one object, by what they require, keep those of another off their nodes."""
    labels = labels_of(other)
    return each.namespace == other.namespace and any(
        (chosen := term.get("labelSelector")) == {} or selects(chosen, labels)
        for term in anti_affinities(spec_of(each))
        if labels
    )


def anti_affinities(pods: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The terms by which pods require that others be elsewhere; the scheduler keeps them both ways."""
    return iter(untyped.mappings(untyped.at(pods, "affinity", "podAntiAffinity", _TERMS)))


def _selectors_in(value: Any) -> Iterator[Any]:
    for item in untyped.items(value):
        yield from _selectors_in(item)
    for name, below in untyped.mapping(value).items():
        if name.lower().endswith("selector") and name.lower() not in _OF_OTHERS:
            wanted = untyped.mapping(below)
            labelled = "matchLabels" in wanted or "matchExpressions" in wanted
            yield wanted if labelled else {"matchLabels": wanted}
        yield from _selectors_in(below)


def _meets(asked: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    value, values = labels.get(untyped.text(asked.get("key"))), untyped.items(asked.get("values"))
    match asked.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "DoesNotExist":
            return value is None
        case _:
            return value is not None
