"""Where pods stand in the objects that run them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from deploy_orchestrator.manifests import Object, ObjectKey
from deploy_orchestrator.releases.risk.reading import Body, at, listing, mapping, text

Path = tuple[str, ...]

TEMPLATES: Final[Mapping[tuple[str, str], Path]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("argoproj.io", "Rollout"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "Job"): ("spec", "template"),
}
"""The path of the pod template (or the pod itself) in each kind that runs pods."""

CONTAINERS: Final = ("initContainers", "containers")


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod: `list` is `containers` or `initContainers`."""

    list: str
    name: str
    body: Body

    @property
    def image(self) -> str:
        return text(self.body.get("image"))


def template_of(each: Object) -> Body:
    """The pod template, with `metadata` and `spec`; empty for what runs no pods."""
    path = TEMPLATES.get((each.key.group, each.key.kind))
    return {} if path is None else mapping(at(each.body, *path))


def spec_of(each: Object) -> Body:
    return mapping(template_of(each).get("spec"))


def containers_of(each: Object) -> Iterator[Container]:
    spec = spec_of(each)
    for kind in CONTAINERS:
        for item in listing(spec.get(kind)):
            yield Container(kind, text(at(item, "name")), mapping(item))


def within_template(key: ObjectKey, path: Path) -> Path | None:
    """`path` as seen from the pod template, None where it leads elsewhere."""
    prefix = TEMPLATES.get((key.group, key.kind))
    if prefix is None or path[: len(prefix)] != prefix:
        return None
    return path[len(prefix) :]


def within_container(key: ObjectKey, path: Path) -> Path | None:
    """`path` as seen from a container: `("image",)`; `()` is the container itself."""
    inner = within_template(key, path)
    if inner is None or len(inner) < 3 or inner[0] != "spec" or inner[1] not in CONTAINERS:
        return None
    return inner[3:]
