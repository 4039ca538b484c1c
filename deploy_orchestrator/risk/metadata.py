"""Labels, annotations, order and spelling: what differs in bytes and mostly in nothing else."""

import re
from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.errors import first_few
from deploy_orchestrator.manifests import FieldChange, NamedPath, Object, nulls, standing_at
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.defaults import NOTHING_WHEN_EMPTY
from deploy_orchestrator.risk.pods import is_known, template_path, within
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict

FOR_PEOPLE: Final = frozenset(
    {
        "app.kubernetes.io/created-by",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/version",
        "chart",
        "helm.sh/chart",
        "heritage",
    }
)
"""Labels that say what made an object and in which version, for which no controller looks:
https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ and Helm's own of
https://helm.sh/docs/chart_best_practices/labels/.
"""

_NAMES: Final = frozenset(
    {
        "app.kubernetes.io/component",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/name",
        "app.kubernetes.io/part-of",
    }
)
"""Labels that say which software an object is of; some controllers find theirs by them."""

_FOUND_BY_NAME: Final = frozenset(
    {
        ("", "ServiceAccount"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("batch", "CronJob"),
        ("batch", "Job"),
        ("networking.k8s.io", "Ingress"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("policy", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
    }
)
"""Kinds whose objects are found by their names alone, whatever the labels on them say; claims are not among
them, for backups and snapshots find them by labels.
"""

_INERT_ANNOTATIONS: Final = frozenset(
    {
        "controller-gen.kubebuilder.io/version",
        "description",
        "helm.sh/chart",
        "kubectl.kubernetes.io/default-container",
        "kubectl.kubernetes.io/restartedAt",
        "kubernetes.io/description",
        "operator.prometheus.io/version",
        "rollme",
    }
)
_INERT_PREFIXES: Final = (
    "app.kubernetes.io/",
    "artifacthub.io/",
    "checksum/",
    "deployment.kubernetes.io/",
    "meta.helm.sh/",
)
_NEVER_SET: Final = ("metadata", "creationTimestamp")
"""What only the API server says; generators print it as null."""

_CHECK_SUM: Final = re.compile(r"(?:^|[-._/])(?:check-?sum|hash|sha-?(?:1|256|512)?(?:sum)?)$", re.IGNORECASE)
_ANY_SUM: Final = re.compile(r"[0-9A-Za-z]{1,128}")
_SUM: Final = re.compile(r"(?=.*\d)(?:[0-9a-f]{6,128}|[0-9A-Za-z]{20,128}|\d{1,20})", re.IGNORECASE)


class LabelsChanged(FieldRule):
    id = "labels-changed"
    severity = Verdict.SAFE
    sees = (
        "labels change that are for people (the chart, its version), or that name the software on an object "
        "which is found by its own name, and that no selector in the manifests looks at"
    )
    why = "No controller looks for these labels there. On a pod template they start a roll-out."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        label = label_of(altered, field)
        if label is None:
            return None
        by_name = field.path[0] == "metadata" and (altered.key.group, altered.key.kind) in _FOUND_BY_NAME
        known = is_for_people(label) if by_name else label in FOR_PEOPLE
        return f"label {label}" if known and label not in _selected(altered, field, change) else None


class SelectedLabel(FieldRule):
    id = "selected-label"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a label of pods or of a Service changes that a selector in the manifests looks at"
    why = "During the roll-out a Service, NetworkPolicy or monitor finds only some of what it is for."
    do = "Keep the label, or take it out of the selectors one release earlier."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        label = label_of(altered, field)
        selectable = field.path[0] != "metadata" or altered.key.kind in {"Pod", "Service"}
        if label is None or not selectable or label not in _selected(altered, field, change):
            return None
        return f"label {label}: {field.before or 'none'} → {field.after or 'none'}"


class AnnotationsChanged(FieldRule):
    id = "annotations-changed"
    severity = Verdict.SAFE
    sees = "annotations change that nothing acts on, or a check sum on pods, which only starts a roll-out"
    why = "They are for people, or make pods start again with new configuration."
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        path = altered.in_pod(field) if field.path[0] != "metadata" else field.path
        if path is None or len(path) != 3 or path[:2] != ("metadata", "annotations"):
            return None
        sums = all(is_check_sum(path[2], each) for each in (field.before, field.after) if each is not None)
        inert = is_inert_annotation(path[2]) or (field.path[0] != "metadata" and sums)
        return f"annotation {path[2]}" if inert else None


class OrderOnly(Rule):
    id = "order-only"
    severity = Verdict.SAFE
    sees = "lists come in another order, where order means nothing"
    why = "Kubernetes reads the same object."
    do = "Nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        for key in change.diff.reordered:
            before = change.before_of(key)
            if before is None or not any(_written_over(before, change.after.by_key[key])):
                yield Sighting("the same in another order", key)


class NullWritten(Rule):
    id = "null-written"
    severity = Verdict.NEEDS_APPROVAL
    sees = "a field comes to say null of which nothing was said before, outside of the template of pods"
    why = (
        "Argo CD writes the null over what others have set there: the replicas of an autoscaler go back to "
        "one, an injected certificate is emptied."
    )
    do = "Leave the field out where it has no value, as with `{{- with .Values.replicas }}`."

    def judge(self, change: Change) -> Iterator[Sighting]:
        pairs = [(each.before, each.after) for each in change.diff.changed]
        pairs += [
            (before, change.after.by_key[key])
            for key in change.diff.reordered
            if (before := change.before_of(key)) is not None
        ]
        for before, after in pairs:
            if paths := list(_written_over(before, after)):
                named = [FieldChange(path, None, None).field for path in paths]
                yield Sighting(f"{first_few(named, 5)} is null", after.key)


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
        return f"{field.field}: the same amount" if altered.is_same_amount(field) else None


class NamespaceWritten(FieldRule):
    id = "namespace-written"
    severity = Verdict.SAFE
    sees = "an object of a custom kind says the namespace that it goes to anyway, or no longer says it"
    why = (
        "Argo CD puts an object that names no namespace into that of the Application: it is the same object."
    )
    do = "Nothing."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        same = field.path == ("metadata", "namespace") and not altered.renamed
        return f"namespace {field.after or field.before}" if same else None


def _written_over(before: Object, after: Object) -> Iterator[NamedPath]:
    """Where null comes to stand in place of nothing, and others may have set something."""
    if b"null" not in after.canonical:
        return
    template = template_path(after)
    known = frozenset(nulls(before.body))
    for path in nulls(after.body):
        empty = path[-2:] == _NEVER_SET or (
            path[-1] in NOTHING_WHEN_EMPTY and (is_known(after.key) or path[0] == "metadata")
        )
        own = within(path, template) is not None
        if path not in known and not empty and not own and standing_at(before.body, path) is None:
            yield path


def is_for_people(label: str) -> bool:
    """Whether a label is one of those that say what an object is, and in which version."""
    return label in FOR_PEOPLE | _NAMES


def is_inert_annotation(name: str) -> bool:
    return name in _INERT_ANNOTATIONS or name.startswith(_INERT_PREFIXES)


def is_check_sum(name: str, value: object) -> bool:
    """Whether an annotation of pods is a check sum of what they read, which only makes them start anew.

    One of somebody's domain must look like one: an injector may take a name that ends so for a file's.
    """
    looks = _SUM if "." in name.partition("/")[0] and "/" in name else _ANY_SUM
    return bool(_CHECK_SUM.search(name) and looks.fullmatch(str(value)))


def label_of(altered: Altered, field: FieldChange) -> str | None:
    """The label that a field is, of an object or of its pods."""
    path = field.path if field.path[0] == "metadata" else altered.in_pod(field)
    return path[2] if path and len(path) == 3 and path[:2] == ("metadata", "labels") else None


def _selected(altered: Altered, field: FieldChange, change: Change) -> frozenset[str]:
    """The labels by which something may look for what carries a label: Kubernetes itself for pods alone."""
    of_pods = field.path[0] != "metadata" or altered.key.kind == "Pod"
    return change.selected_labels if of_pods else change.labels_of_anything


RULES = (
    LabelsChanged(),
    SelectedLabel(),
    AnnotationsChanged(),
    OrderOnly(),
    NullWritten(),
    DefaultWritten(),
    SameAmount(),
    NamespaceWritten(),
)
