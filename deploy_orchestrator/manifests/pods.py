"""The pods that objects make, wherever their specification stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.fields import NamedPath
from deploy_orchestrator.manifests.kinds import is_built_in
from deploy_orchestrator.manifests.objects import Object

_TEMPLATES: Final[Mapping[tuple[str, str], NamedPath]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "Job"): ("spec", "template"),
}
_CUSTOM: Final[NamedPath] = ("spec", "template")
_POD: Final = "pod"
CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod, from which of the `CONTAINER_LISTS`, and the path to it in the object."""

    list: str
    name: str
    path: NamedPath
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """The pods that `owner` makes: labels, annotations and `spec` of each, and the path to that spec."""

    owner: Object
    path: NamedPath
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]

    def containers(self) -> Iterator[Container]:
        """All of them, init containers first."""
        return iter(self._containers)

    @cached_property
    def _containers(self) -> tuple[Container, ...]:
        named = (
            (field, str(body.get("name") or index), body)
            for field in CONTAINER_LISTS
            for index, body in enumerate(untyped.mappings(self.spec.get(field)))
        )
        return tuple(
            Container(field, name, (*self.path, field, f"[{name}]"), body) for field, name, body in named
        )


def pod_of(object_: Object) -> Pod | None:
    """The pods that an object makes; None where it makes none.

    A custom kind makes pods if a pod's template stands where a Deployment has it.
    """
    if _POD not in object_.remembered:
        object_.remembered[_POD] = _made_by(object_)
    return object_.remembered[_POD]


def _made_by(object_: Object) -> Pod | None:
    key = (object_.key.group, object_.key.kind)
    if key not in _TEMPLATES and (
        is_built_in(object_.key.group)
        or not untyped.items(untyped.at(object_.body, *_CUSTOM, "spec", "containers"))
    ):
        return None
    path = _TEMPLATES.get(key, _CUSTOM)
    template = untyped.mapping(untyped.at(object_.body, *path))
    return Pod(
        object_,
        (*path, "spec"),
        untyped.mapping(template.get("metadata")),
        untyped.mapping(template.get("spec")),
    )
