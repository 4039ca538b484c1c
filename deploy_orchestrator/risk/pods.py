"""Pods and their containers, as the rules look at them."""

from collections.abc import Iterator, Mapping
from typing import Any

from deploy_orchestrator.manifests import Container, NamedPath, Object, pod_of, untyped

_CONTAINERS = frozenset({"initContainers", "containers", "ephemeralContainers"})


def template_path(each: Object) -> NamedPath | None:
    """Where the template of the pods stands (the pod itself is its own), None for what makes no pods."""
    pod = pod_of(each)
    return pod.path[:-1] if pod else None


def spec_of(each: Object) -> Mapping[str, Any]:
    pod = pod_of(each)
    return pod.spec if pod else {}


def labels_of(each: Object) -> Mapping[str, Any]:
    """The labels of the pods that an object makes."""
    pod = pod_of(each)
    return untyped.mapping(pod.metadata.get("labels")) if pod else {}


def containers_of(each: Object) -> Iterator[Container]:
    pod = pod_of(each)
    return pod.containers() if pod else iter(())


def image_of(container: Container) -> str:
    return untyped.text(container.body.get("image"))


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
