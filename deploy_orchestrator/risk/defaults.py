"""Fields that say what holds anyway."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import (
    FieldChange,
    ImageReference,
    NamedPath,
    NotAnImage,
    ObjectKey,
    untyped,
)
from deploy_orchestrator.risk.pods import is_known, within, within_container

Defaults = Mapping[str, Any]

_WORKLOAD: Final[Defaults] = {
    "spec.minReadySeconds": 0,
    "spec.revisionHistoryLimit": 10,
    "spec.updateStrategy.type": "RollingUpdate",
}
_CLAIM: Final[Defaults] = {"spec.volumeMode": "Filesystem"}
_BINDING: Final[Defaults] = {"roleRef.apiGroup": "rbac.authorization.k8s.io"}
_PROBE: Final[Defaults] = {
    "failureThreshold": 3,
    "httpGet.scheme": "HTTP",
    "periodSeconds": 10,
    "successThreshold": 1,
    "timeoutSeconds": 1,
}
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_DEVICES: Final[Defaults] = {
    "devices.requests.*.exactly.allocationMode": "ExactCount",
    "devices.requests.*.exactly.count": 1,
}

OF_KIND: Final[Mapping[tuple[str, str], Defaults]] = {
    ("", "ConfigMap"): {"immutable": False},
    ("", "PersistentVolume"): {**_CLAIM, "spec.persistentVolumeReclaimPolicy": "Retain"},
    ("", "PersistentVolumeClaim"): _CLAIM,
    ("", "Secret"): {"immutable": False, "type": "Opaque"},
    ("", "Service"): {
        "spec.internalTrafficPolicy": "Cluster",
        "spec.ports.*.protocol": "TCP",
        "spec.publishNotReadyAddresses": False,
        "spec.sessionAffinity": "None",
        "spec.type": "ClusterIP",
    },
    ("apiextensions.k8s.io", "CustomResourceDefinition"): {"spec.preserveUnknownFields": False},
    ("apps", "DaemonSet"): {
        **_WORKLOAD,
        "spec.updateStrategy.rollingUpdate.maxSurge": 0,
        "spec.updateStrategy.rollingUpdate.maxUnavailable": 1,
    },
    ("apps", "Deployment"): {
        "spec.minReadySeconds": 0,
        "spec.paused": False,
        "spec.progressDeadlineSeconds": 600,
        "spec.revisionHistoryLimit": 10,
        "spec.strategy.rollingUpdate.maxSurge": "25%",
        "spec.strategy.rollingUpdate.maxUnavailable": "25%",
        "spec.strategy.type": "RollingUpdate",
    },
    ("apps", "StatefulSet"): {
        **_WORKLOAD,
        "spec.persistentVolumeClaimRetentionPolicy.whenDeleted": "Retain",
        "spec.persistentVolumeClaimRetentionPolicy.whenScaled": "Retain",
        "spec.ordinals.start": 0,
        "spec.podManagementPolicy": "OrderedReady",
        "spec.updateStrategy.rollingUpdate.partition": 0,
        "spec.volumeClaimTemplates.*.apiVersion": "v1",
        "spec.volumeClaimTemplates.*.kind": "PersistentVolumeClaim",
        "spec.volumeClaimTemplates.*.spec.volumeMode": "Filesystem",
    },
    ("batch", "CronJob"): {
        "spec.concurrencyPolicy": "Allow",
        "spec.failedJobsHistoryLimit": 1,
        "spec.successfulJobsHistoryLimit": 3,
        "spec.suspend": False,
    },
    ("batch", "Job"): {
        "spec.completionMode": "NonIndexed",
        "spec.parallelism": 1,
        "spec.podFailurePolicy.rules.*.onPodConditions.*.status": "True",
        "spec.podReplacementPolicy": "TerminatingOrFailed",
        "spec.suspend": False,
    },
    ("networking.k8s.io", "NetworkPolicy"): {
        "spec.egress.*.ports.*.protocol": "TCP",
        "spec.ingress.*.ports.*.protocol": "TCP",
    },
    ("policy", "PodDisruptionBudget"): {"spec.unhealthyPodEvictionPolicy": "IfHealthyBudget"},
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _BINDING,
    ("rbac.authorization.k8s.io", "RoleBinding"): _BINDING,
    ("resource.k8s.io", "ResourceClaim"): {f"spec.{path}": value for path, value in _DEVICES.items()},
    ("resource.k8s.io", "ResourceClaimTemplate"): {
        f"spec.spec.{path}": value for path, value in _DEVICES.items()
    },
    ("scheduling.k8s.io", "PriorityClass"): {
        "globalDefault": False,
        "preemptionPolicy": "PreemptLowerPriority",
    },
    ("storage.k8s.io", "CSIDriver"): {
        "spec.attachRequired": True,
        "spec.podInfoOnMount": False,
        "spec.requiresRepublish": False,
        "spec.storageCapacity": False,
        "spec.volumeLifecycleModes": ["Persistent"],
    },
    ("storage.k8s.io", "StorageClass"): {
        "allowVolumeExpansion": False,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    },
}
"""By group and kind: what the API server writes into a field that is left out (`SetDefaults_*` in its
source), or takes it for.
"""

HOLDS: Final[Mapping[tuple[str, str], NamedPath]] = {
    ("apps", "Deployment"): ("spec", "paused"),
    ("apps", "StatefulSet"): ("spec", "updateStrategy", "rollingUpdate", "partition"),
    ("batch", "CronJob"): ("spec", "suspend"),
    ("batch", "Job"): ("spec", "suspend"),
}
"""Where people, or other programs, stop what is live by hand. While nothing is said of it, a sync leaves that
alone; what comes to be written sets it back, though it is the default.
"""

OF_POD: Final[Defaults] = {
    "spec.dnsPolicy": "ClusterFirst",
    "spec.enableServiceLinks": True,
    "spec.hostIPC": False,
    "spec.hostNetwork": False,
    "spec.hostPID": False,
    "spec.restartPolicy": "Always",
    "spec.schedulerName": "default-scheduler",
    "spec.shareProcessNamespace": False,
    "spec.terminationGracePeriodSeconds": 30,
    "spec.volumes.*.configMap.defaultMode": 0o644,
    "spec.volumes.*.configMap.optional": False,
    "spec.volumes.*.downwardAPI.defaultMode": 0o644,
    "spec.volumes.*.downwardAPI.items.*.fieldRef.apiVersion": "v1",
    "spec.volumes.*.downwardAPI.items.*.resourceFieldRef.divisor": "0",
    "spec.volumes.*.emptyDir.medium": "",
    "spec.volumes.*.hostPath.type": "",
    "spec.volumes.*.persistentVolumeClaim.readOnly": False,
    "spec.volumes.*.projected.defaultMode": 0o644,
    "spec.volumes.*.secret.defaultMode": 0o644,
    "spec.volumes.*.secret.optional": False,
}
OF_CONTAINER: Final[Defaults] = {
    "env.*.value": "",
    "env.*.valueFrom.fieldRef.apiVersion": "v1",
    "env.*.valueFrom.configMapKeyRef.optional": False,
    "env.*.valueFrom.resourceFieldRef.divisor": "0",
    "env.*.valueFrom.secretKeyRef.optional": False,
    "ports.*.protocol": "TCP",
    "securityContext.privileged": False,
    "securityContext.procMount": "Default",
    "securityContext.readOnlyRootFilesystem": False,
    "stdin": False,
    "stdinOnce": False,
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "tty": False,
    "volumeMounts.*.readOnly": False,
    **{
        f"{probe}.{path}": value
        for path, value in _PROBE.items()
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
    },
}

NOTHING_WHEN_EMPTY: Final = frozenset(
    {
        "affinity",
        "annotations",
        "args",
        "command",
        "data",
        "env",
        "envFrom",
        "hostAliases",
        "imagePullSecrets",
        "initContainers",
        "labels",
        "limits",
        "metadata",
        "nodeSelector",
        "ports",
        "requests",
        "resources",
        "securityContext",
        "tolerations",
        "topologySpreadConstraints",
        "volumeMounts",
        "volumes",
    }
)
"""Lists and mappings that say nothing where they are empty."""


FOLLOW: Final = frozenset({"imagePullPolicy", "serviceAccount", "targetPort"})
"""Fields whose default is what another field beside them says."""

_NEVER_FILLED_IN: Final = frozenset({"optional", "readOnlyRootFilesystem"})
_NOT_FILLED_IN: Final[Collection[NamedPath | None]] = (
    ("spec", "affinity"),
    ("spec", "enableServiceLinks"),
    ("spec", "resources"),
    ("spec", "shareProcessNamespace"),
)


def says_nothing(key: ObjectKey, template: NamedPath | None, field: FieldChange) -> bool:
    """Whether a field comes or goes without a difference, in a kind of which Kubernetes says what it means.

    An operator may do one thing for what is left out and another for what is empty, as "Optional vs.
    Required" has it in
    https://github.com/kubernetes/community/blob/main/contributors/devel/sig-architecture/api-conventions.md.
    """
    if (field.before is None) == (field.after is None):
        return False
    value = field.after if field.before is None else field.before
    if not is_known(key) and field.path[:1] != ("metadata",):
        return False
    if field.before is None and HOLDS.get((key.group, key.kind)) == field.path:
        return False
    if value in ({}, []) and field.path[-1] in NOTHING_WHEN_EMPTY:
        return True
    return any(
        path is not None and _by_default(path, value, defaults)
        for path, defaults in (
            (within_container(field.path, template), OF_CONTAINER),
            (within(field.path, template), OF_POD),
            (field.path, OF_KIND.get((key.group, key.kind), {})),
        )
    )


def follows(key: ObjectKey, template: NamedPath | None, field: FieldChange, beside: Any) -> bool:
    """Whether a field comes or goes that says what holds by default for what stands `beside` it."""
    if not is_known(key) or (field.before is None) == (field.after is None):
        return False
    value = field.after if field.before is None else field.before
    said = untyped.mapping(beside)
    if within_container(field.path, template) == ("imagePullPolicy",):
        return value == _pulled(untyped.text(said.get("image")))
    if within(field.path, template) == ("spec", "serviceAccount"):
        return value == said.get("serviceAccountName")
    of_service = (key.group, key.kind) == ("", "Service") and field.path[:2] == ("spec", "ports")
    return of_service and field.path[3:] == ("targetPort",) and value == said.get("port")


def _pulled(image: str) -> str | None:
    """When an image is pulled where nothing is said; None for what is no image."""
    try:
        pinned = ImageReference.parse(image).pinned
    except NotAnImage:
        return None
    return "IfNotPresent" if pinned else "Always"


def is_filled_in(template: NamedPath | None, field: FieldChange) -> bool:
    """Whether the API server writes the default by itself, so that an immutable field may come to say it."""
    container, pod = within_container(field.path, template), within(field.path, template)
    return (
        container != ("securityContext",)
        and pod not in _NOT_FILLED_IN
        and field.path[-1] not in _NEVER_FILLED_IN
    )


def _by_default(path: NamedPath, value: Any, defaults: Defaults) -> bool:
    known = ".".join("*" if step.startswith("[") else step for step in path)
    return known in defaults and defaults[known] == value and type(defaults[known]) is type(value)
