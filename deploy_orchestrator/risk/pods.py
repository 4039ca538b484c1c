"""Pods and their containers, as the rules look at them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy_orchestrator.manifests import (
    Container,
    NamedPath,
    Object,
    ObjectKey,
    is_built_in,
    pod_of,
    untyped,
)

_REFERENCES: Final[Mapping[str, str]] = {
    "configMap": "ConfigMap",
    "configMapKeyRef": "ConfigMap",
    "configMapRef": "ConfigMap",
    "secret": "Secret",
    "secretKeyRef": "Secret",
    "secretRef": "Secret",
}
"""The kind that a field of a pod names."""

_OF_ONE_POD: Final = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "projected", "secret"}
)
"""Volumes that come and go with their pod: https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/."""

_NO_FOLDERS: Final = frozenset({"BlockDevice", "CharDevice", "Socket"})
_OF_THE_NODE: Final = tuple(
    f"/{path}/" for path in ("boot", "dev", "etc", "lib", "proc", "run", "sys", "usr", "var/log", "var/run")
)
"""Where a node has what is its own and no software keeps its data."""

_CONTAINERS = frozenset({"initContainers", "containers", "ephemeralContainers"})
_NEVER_RENEWED: Final = frozenset({("", "ReplicationController"), ("apps", "ReplicaSet")})
_ROLLOUT: Final = ("argoproj.io", "Rollout")
"""The custom kind that makes pods of ReplicaSets, as a Deployment does."""


def template_path(each: Object) -> NamedPath | None:
    """Where the template of the pods stands (the pod itself is its own), None for what makes no pods."""
    pod = pod_of(each)
    return pod.path[:-1] if pod else None


def spec_of(each: Object) -> Mapping[str, Any]:
    pod = pod_of(each)
    return pod.spec if pod else {}


def metadata_of(each: Object) -> Mapping[str, Any]:
    """The metadata of the pods that an object makes."""
    pod = pod_of(each)
    return pod.metadata if pod else {}


def labels_of(each: Object) -> Mapping[str, Any]:
    """The labels of the pods that an object makes."""
    return untyped.mapping(metadata_of(each).get("labels"))


def containers_of(each: Object) -> Iterator[Container]:
    pod = pod_of(each)
    return pod.containers() if pod else iter(())


def image_of(container: Container) -> str:
    return untyped.text(container.body.get("image"))


def references(spec: Any) -> Iterator[tuple[str, str]]:
    """The ConfigMaps and Secrets that a pod reads, as kind and name: as volume, environment, or variable."""
    for item in untyped.items(spec):
        yield from references(item)
    for field, below in untyped.mapping(spec).items():
        if field in _REFERENCES:
            name = untyped.at(below, "name") or untyped.at(below, "secretName")
            yield _REFERENCES[field], untyped.text(name)
        yield from references(below)


def claims_of(each: Object) -> dict[str, str]:
    """The claims that pods mount by name: the name of each volume, and of its claim."""
    return {
        untyped.text(untyped.at(volume, "name")): untyped.text(
            untyped.at(volume, "persistentVolumeClaim", "claimName")
        )
        for volume in untyped.mappings(spec_of(each).get("volumes"))
        if untyped.at(volume, "persistentVolumeClaim") is not None
    }


def claim_templates_of(each: Object) -> list[str]:
    """The names of the claims, and so of the volumes, that each pod of a StatefulSet gets of its own."""
    templates = untyped.mappings(untyped.at(each.body, "spec", "volumeClaimTemplates"))
    return [untyped.text(untyped.at(template, "metadata", "name")) for template in templates]


def keeps_what_it_writes(container: Container, owner: Object) -> bool:
    """Whether a container may write to a volume that outlives its pod."""
    volumes = untyped.mappings(spec_of(owner).get("volumes"))
    kept = {each.get("name") for each in volumes if not _ends_with_its_pod(each)}
    kept.update(claim_templates_of(owner))
    mounts = [
        *untyped.mappings(container.body.get("volumeMounts")),
        *untyped.mappings(container.body.get("volumeDevices")),
    ]
    return any(mount.get("name") in kept and mount.get("readOnly") is not True for mount in mounts)


def is_kept_apart(each: Object) -> bool:
    """Whether each of the pods of an object has a name, and so a place in a cluster, of its own."""
    return (each.key.group, each.kind) == ("apps", "StatefulSet")


def ports_of(container: Container) -> set[int]:
    """The ports that a container says it listens on."""
    ports = (port.get("containerPort") for port in untyped.mappings(container.body.get("ports")))
    return {port for port in ports if isinstance(port, int)}


def _ends_with_its_pod(volume: Mapping[str, Any]) -> bool:
    if "hostPath" not in volume:
        return not (volume.keys() - {"name", *_OF_ONE_POD})
    path = untyped.text(untyped.at(volume, "hostPath", "path")).rstrip("/")
    return untyped.at(volume, "hostPath", "type") in _NO_FOLDERS or f"{path}/".startswith(_OF_THE_NODE)


def is_gone(each: Object) -> bool:
    """Whether an object deletes itself when its work is done, so that the next of its name is made anew."""
    ttl = untyped.at(each.body, "spec", "ttlSecondsAfterFinished")
    return (each.key.group, each.kind) == ("batch", "Job") and ttl is not None


def is_known(key: ObjectKey) -> bool:
    """Whether Kubernetes says what the fields of a kind mean, those of its pods at least."""
    return is_built_in(key.group) or (key.group, key.kind) == _ROLLOUT


def held_back(each: Object) -> str | None:
    """Why a changed pod template starts no new pods, or not all, as far as that is known; None where it
    does.
    """
    spec = untyped.mapping(each.body.get("spec"))
    if (each.key.group, each.kind) in _NEVER_RENEWED:
        return f"a {each.kind} never renews its pods by itself"
    if not is_known(each.key):
        return f"nothing here knows how a {each.kind} renews its pods"
    if untyped.at(spec, "updateStrategy", "type") == "OnDelete":
        return "its pods are renewed only when somebody deletes them (OnDelete)"
    if untyped.at(spec, "updateStrategy", "rollingUpdate", "partition"):
        return "its roll-out stops at a partition"
    return "it is paused" if spec.get("paused") is True else None


def ends_before_its_successor(each: Object) -> bool:
    """Whether a roll-out ends a pod of an object before it knows that another one gets ready."""
    if (each.key.group, each.kind) == ("apps", "Deployment"):
        rolls = untyped.mapping(untyped.at(each.body, "spec", "strategy"))
        return rolls.get("type") == "Recreate" or _adds_none(rolls)
    update = untyped.mapping(untyped.at(each.body, "spec", "updateStrategy"))
    surges = (each.key.group, each.kind) == ("apps", "DaemonSet") and "maxSurge" in untyped.mapping(
        update.get("rollingUpdate")
    )
    return not surges or _adds_none(update)


def ends_before_any_successor(each: Object) -> bool:
    """Whether a roll-out may end all pods of a Deployment before one of the new ones is known to work."""
    if (each.key.group, each.kind) != ("apps", "Deployment"):
        return False
    strategy = untyped.mapping(untyped.at(each.body, "spec", "strategy"))
    gone = untyped.at(strategy, "rollingUpdate", "maxUnavailable")
    if strategy.get("type") == "Recreate" or gone == "100%":
        return True
    return isinstance(gone, int) and gone >= (untyped.at(each.body, "spec", "replicas") or 1)


def _adds_none(strategy: Mapping[str, Any]) -> bool:
    return untyped.at(strategy, "rollingUpdate", "maxSurge") in (0, "0", "0%")


def scales(autoscaler: Object, each: Object) -> bool:
    """Whether an autoscaler, Kubernetes' own or another, says how many there are of an object."""
    target = untyped.mapping(untyped.at(autoscaler.body, "spec", "scaleTargetRef"))
    named = (target.get("kind", "Deployment"), target.get("name"))
    return bool(target) and named == (each.kind, each.name) and autoscaler.namespace == each.namespace


def within(path: NamedPath, template: NamedPath | None) -> NamedPath | None:
    """`path` as seen from the pod template, None where it leads elsewhere."""
    if template is None or path[: len(template)] != template:
        return None
    return path[len(template) :]


def within_container(path: NamedPath, template: NamedPath | None) -> NamedPath | None:
    """`path` as seen from the container that it leads into: `("image",)`; `()` is the container itself."""
    inner = within(path, template)
    if inner is None or len(inner) < 3 or inner[0] != "spec" or inner[1] not in _CONTAINERS:
        return None
    return inner[3:]
