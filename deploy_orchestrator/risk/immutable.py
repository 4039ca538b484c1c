"""Fields that the API server never lets change, and data that was declared immutable."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from deploy_orchestrator.manifests import FieldChange, NamedPath, hooks, untyped
from deploy_orchestrator.risk.change import Altered, Change
from deploy_orchestrator.risk.defaults import is_filled_in
from deploy_orchestrator.risk.pods import is_gone
from deploy_orchestrator.risk.rule import FieldRule, Rule, Sighting
from deploy_orchestrator.risk.verdict import Verdict
from deploy_orchestrator.terms import quantity


@dataclass(frozen=True, slots=True)
class Fixed:
    """`fields` (dotted, all below them included) that never change once set, `but` these."""

    fields: tuple[str, ...]
    but: tuple[str, ...] = ()

    def covers(self, path: NamedPath) -> bool:
        return _within(path, self.fields) and not _within(path, self.but)


FIXED: Final[Mapping[tuple[str, str], Fixed]] = {
    ("", "PersistentVolumeClaim"): Fixed(
        ("spec",), but=("spec.resources.requests", "spec.volumeAttributesClassName")
    ),
    ("", "PersistentVolume"): Fixed(
        ("spec",),
        but=(
            "spec.accessModes",
            "spec.capacity",
            "spec.claimRef",
            "spec.mountOptions",
            "spec.nodeAffinity",
            "spec.persistentVolumeReclaimPolicy",
            "spec.storageClassName",
            "spec.volumeAttributesClassName",
        ),
    ),
    ("", "Pod"): Fixed(
        ("spec",),
        but=(
            "spec.activeDeadlineSeconds",
            "spec.tolerations",
            "spec.containers.*.image",
            "spec.initContainers.*.image",
        ),
    ),
    ("", "ResourceQuota"): Fixed(("spec.scopes",)),
    ("", "Secret"): Fixed(("type",)),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): Fixed(
        ("spec.group", "spec.scope", "spec.names.kind", "spec.names.plural")
    ),
    ("apiregistration.k8s.io", "APIService"): Fixed(("spec.group", "spec.version")),
    ("apps", "ControllerRevision"): Fixed(("data",)),
    ("apps", "DaemonSet"): Fixed(("spec.selector",)),
    ("apps", "Deployment"): Fixed(("spec.selector",)),
    ("apps", "ReplicaSet"): Fixed(("spec.selector",)),
    ("apps", "StatefulSet"): Fixed(
        ("spec",),
        but=(
            "spec.minReadySeconds",
            "spec.ordinals",
            "spec.persistentVolumeClaimRetentionPolicy",
            "spec.replicas",
            "spec.revisionHistoryLimit",
            "spec.template",
            "spec.updateStrategy",
        ),
    ),
    ("batch", "Job"): Fixed(
        (
            "spec.backoffLimitPerIndex",
            "spec.completionMode",
            "spec.completions",
            "spec.managedBy",
            "spec.podFailurePolicy",
            "spec.selector",
            "spec.successPolicy",
            "spec.template",
        )
    ),
    ("certificates.k8s.io", "CertificateSigningRequest"): Fixed(("spec",)),
    ("discovery.k8s.io", "EndpointSlice"): Fixed(("addressType",)),
    ("networking.k8s.io", "IPAddress"): Fixed(("spec.parentRef",)),
    ("networking.k8s.io", "IngressClass"): Fixed(("spec.controller",)),
    ("networking.k8s.io", "ServiceCIDR"): Fixed(("spec.cidrs",)),
    ("node.k8s.io", "RuntimeClass"): Fixed(("handler",)),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): Fixed(("roleRef",)),
    ("rbac.authorization.k8s.io", "RoleBinding"): Fixed(("roleRef",)),
    ("resource.k8s.io", "ResourceClaim"): Fixed(("spec",)),
    ("resource.k8s.io", "ResourceClaimTemplate"): Fixed(("spec",)),
    ("scheduling.k8s.io", "PriorityClass"): Fixed(("value", "preemptionPolicy")),
    ("storage.k8s.io", "CSIDriver"): Fixed(("spec.attachRequired", "spec.volumeLifecycleModes")),
    ("storage.k8s.io", "CSIStorageCapacity"): Fixed(("nodeTopology", "storageClassName")),
    ("storage.k8s.io", "StorageClass"): Fixed(
        ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")
    ),
    ("storage.k8s.io", "VolumeAttachment"): Fixed(("spec",)),
    ("storage.k8s.io", "VolumeAttributesClass"): Fixed(("driverName", "parameters")),
}
"""By group and kind, as a real API server answers: `tests/e2e/test_risk_rules.py` asks it for every field."""

_WHILE_SUSPENDED: Final = (
    "spec.template.metadata",
    "spec.template.spec.affinity",
    "spec.template.spec.containers.*.resources",
    "spec.template.spec.initContainers.*.resources",
    "spec.template.spec.nodeSelector",
    "spec.template.spec.schedulingGates",
    "spec.template.spec.tolerations",
)
"""What a suspended Job lets change, for its pods are still to come."""


class ImmutableField(Rule):
    id = "immutable-field"
    severity = Verdict.BLOCKED
    sees = "a field changes that the API server never lets change"
    why = "The apply fails, and the release stops half-way."
    do = (
        "Put the field back. A label that carries a version belongs in no selector and no "
        "volumeClaimTemplate. To change it for good, give the object another name and move what it holds."
    )

    def judge(self, change: Change) -> Iterator[Sighting]:
        for altered in change.altered:
            told = [field for field in altered.defaults if not is_filled_in(altered.template, field)]
            fields = [field for field in (*altered.fields, *told) if _is_immutable(altered, field)]
            if fields and not _made_anew(altered):
                words = "; ".join(f"{field.field} changes" for field in fields)
                yield Sighting(words, altered.key, tuple(field.path for field in fields))


class ImmutableData(FieldRule):
    id = "immutable-data"
    severity = Verdict.BLOCKED
    sees = "a ConfigMap or Secret that says `immutable: true` changes"
    why = "The API server refuses it."
    do = "Give the new data an object of another name, and refer to that."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if altered.key.kind not in {"ConfigMap", "Secret"} or altered.key.group or _made_anew(altered):
            return None
        if untyped.at(altered.before.body, "immutable") is not True:
            return None
        return (
            f"{field.path[0]} changes"
            if field.path[0] in {"data", "stringData", "binaryData", "immutable"}
            else None
        )


class VolumeShrinks(FieldRule):
    id = "volume-shrinks"
    severity = Verdict.BLOCKED
    sees = "a PersistentVolumeClaim asks for less storage than before"
    why = "Volumes never shrink; the API server refuses it."
    do = "Put the size back. For a smaller volume make a new claim and copy the data."

    def on(self, altered: Altered, field: FieldChange, change: Change) -> str | None:
        if (altered.key.group, altered.key.kind) != ("", "PersistentVolumeClaim"):
            return None
        if field.path != ("spec", "resources", "requests", "storage"):
            return None
        before, after = quantity(field.before), quantity(field.after)
        if before is None or (after is not None and after >= before):
            return None
        return f"storage {field.before} → {field.after}"


class MadeAnew(Rule):
    id = "object-recreated"
    severity = Verdict.NEEDS_APPROVAL
    sees = "an object stays that Argo CD deletes and creates again with each sync (`Force=true,Replace=true`)"
    why = "What it runs stops in between or runs again, and what it holds may be lost."
    do = "Make sure that it may be gone for a while, and that it holds nothing."

    def judge(self, change: Change) -> Iterator[Sighting]:
        fields = {each.key: tuple(field.path for field in each.fields) for each in change.altered}
        for each in change.kept if change.diff or change.diff.reordered else ():
            if hooks.is_forced(each) and not hooks.is_hook(each):
                yield Sighting("it is deleted and created again", each.key, fields.get(each.key, ()))


def _is_immutable(altered: Altered, field: FieldChange) -> bool:
    fixed = FIXED.get((altered.key.group, altered.key.kind))
    if fixed is not None and fixed.covers(field.path):
        return not _is_suspended(altered, field) and not altered.is_same_amount(field)
    return _keeps_address(altered, field)


def _made_anew(altered: Altered) -> bool:
    """Whether the object is created, not updated: another name, a hook, forced, or gone by its own TTL."""
    return (
        altered.renamed
        or is_gone(altered.before)
        or (hooks.is_hook(altered.before) and hooks.is_hook(altered.after))
        or hooks.is_forced(altered.after)
    )


def _keeps_address(altered: Altered, field: FieldChange) -> bool:
    """A Service keeps its address; leaving the field out keeps it, too. See `ValidateServiceUpdate` in the
    source.
    """
    if (altered.key.group, altered.key.kind) != ("", "Service"):
        return False
    before, after = (
        untyped.text(untyped.at(each.body, "spec", "type")) or "ClusterIP"
        for each in (altered.before, altered.after)
    )
    if "ExternalName" in {before, after}:
        return False
    if field.path == ("spec", "clusterIP"):
        return field.after is not None
    if field.path in {("spec", "clusterIPs"), ("spec", "ipFamilies")}:
        old, new = untyped.items(field.before), untyped.items(field.after)
        return bool(old and new) and old[0] != new[0]
    if field.path == ("spec", "healthCheckNodePort"):
        return before == after == "LoadBalancer" and field.after is not None
    return field.path == ("spec", "loadBalancerClass") and before == after == "LoadBalancer"


def _is_suspended(altered: Altered, field: FieldChange) -> bool:
    return (
        (altered.key.group, altered.key.kind) == ("batch", "Job")
        and untyped.at(altered.before.body, "spec", "suspend") is True
        and _within(field.path, _WHILE_SUSPENDED)
    )


def _within(path: NamedPath, fields: tuple[str, ...]) -> bool:
    return any(_matches(path, tuple(field.split("."))) for field in fields)


def _matches(path: NamedPath, pattern: NamedPath) -> bool:
    return len(path) >= len(pattern) and all(
        step == wanted or (wanted == "*" and step.startswith("["))
        for step, wanted in zip(path, pattern, strict=False)
    )


RULES = (ImmutableField(), ImmutableData(), VolumeShrinks(), MadeAnew())
