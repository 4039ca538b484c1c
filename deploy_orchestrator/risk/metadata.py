"""Labels, annotations, order and spelling: what differs in bytes and mostly in nothing else."""

from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.manifests import FieldChange
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict
from deploy_orchestrator.terms import quantity

_INERT_ANNOTATIONS: Final = (
    "app.kubernetes.io/",
    "artifacthub.io/",
    "checksum/",
    "deployment.kubernetes.io/",
    "description",
    "helm.sh/chart",
    "kubectl.kubernetes.io/default-container",
    "kubectl.kubernetes.io/restartedAt",
    "kubernetes.io/description",
    "meta.helm.sh/",
    "rollme",
)
_AMOUNTS: Final = frozenset(
    {"limits", "requests", "hard", "capacity", "sizeLimit", "default", "defaultRequest", "max", "min"}
)


class LabelsChanged(FieldRule):
    id = "labels-changed"
    severity = Verdict.SAFE
    sees = "labels change that no selector in the manifests looks at"
    why = "Labels such as the chart's version are for people. On a pod template they start a roll-out."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        label = label_of(altered, field)
        if label is None or _is_selected(altered, field, label, change):
            return None
        return f"label {label}"


class SelectedLabel(FieldRule):
    id = "selected-label"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a label of pods or of a Service changes that a selector in the manifests looks at"
    why = "During the roll-out a Service, NetworkPolicy or monitor finds only some of what it is for."
    do = "Keep the label, or take it out of the selectors one release earlier."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        label = label_of(altered, field)
        if label is None or not _is_selected(altered, field, label, change):
            return None
        return f"label {label}: {field.before or 'none'} → {field.after or 'none'}"


class AnnotationsChanged(FieldRule):
    id = "annotations-changed"
    severity = Verdict.SAFE
    sees = "annotations change that nothing acts on, or that only start a roll-out (`checksum/…`)"
    why = "They are for people, or make pods start again with new configuration."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        path = altered.in_pod(field) if field.path[0] != "metadata" else field.path
        if path is None or len(path) < 3 or path[:2] != ("metadata", "annotations"):
            return None
        return f"annotation {path[2]}" if path[2].startswith(_INERT_ANNOTATIONS) else None


class OrderOnly(Rule):
    id = "order-only"
    severity = Verdict.SAFE
    sees = "lists come in another order, where order means nothing"
    why = "Kubernetes reads the same object."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for key in change.diff.reordered:
            yield Sighting("the same in another order", key)


class DefaultWritten(Rule):
    id = "default-written"
    severity = Verdict.SAFE
    sees = "a field comes or goes that says what holds by default, or an empty list or mapping does"
    why = "Kubernetes reads the same object."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            if altered.defaults:
                yield Sighting(", ".join(field.field for field in altered.defaults[:5]), altered.key)


class SameAmount(FieldRule):
    id = "same-amount"
    severity = Verdict.SAFE
    sees = 'an amount is written in another way, as `1` and `"1"`, or `1Gi` and `1024Mi`'
    why = "Kubernetes reads the same quantity."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if _AMOUNTS.isdisjoint(field.path):
            return None
        before, after = quantity(field.before), quantity(field.after)
        return f"{field.field}: the same amount" if before is not None and before == after else None


def label_of(altered: Altered, field: FieldChange) -> str | None:
    """The label that a field is, of an object whose labels are its own affair."""
    if altered.key.kind == "Namespace":
        return None
    path = field.path if field.path[0] == "metadata" else altered.in_pod(field)
    return path[2] if path and len(path) == 3 and path[:2] == ("metadata", "labels") else None


def _is_selected(altered: Altered, field: FieldChange, label: str, change: Change) -> bool:
    selectable = field.path[0] != "metadata" or altered.key.kind in {"Pod", "Service"}
    return selectable and label in change.selected_labels


RULES = (LabelsChanged(), SelectedLabel(), AnnotationsChanged(), OrderOnly(), DefaultWritten(), SameAmount())
