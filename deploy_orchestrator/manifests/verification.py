"""What `helm test` would run, made part of every sync: Argo CD by itself leaves it out."""

from collections.abc import Iterable
from typing import Any, Final, cast

from deploy_orchestrator.manifests import untyped
from deploy_orchestrator.manifests.hooks import (
    ARGO_HOOK,
    ARGO_WAVE,
    TESTS,
    argo_events,
    is_test,
    phases,
    wave,
)
from deploy_orchestrator.manifests.objects import Object

_AFTER: Final = "PostSync"
_ARGO_DELETION: Final = "argocd.argoproj.io/hook-delete-policy"
_HELM_DELETION: Final = "helm.sh/hook-delete-policy"
_CONTAINERS: Final = ("initContainers", "containers")


def tested_after_sync(objects: Iterable[Object]) -> tuple[Object, ...]:
    """`objects` with those for `helm test` made hooks that Argo CD runs after each sync.

    They run once all else is healthy, after the other `PostSync` hooks, in the order of their weights; one
    that fails fails the sync. They are made anew each time, stay when they fail, and a container that fails
    leaves its last lines in the status of its pod, where Argo CD reads them. `helm.sh/hook` still tells what
    they are. Where an object says by itself when Argo CD is to run it, nothing is changed.
    """
    found = tuple(objects)
    tests = [each for each in found if is_test(each) and not argo_events(each)]
    others = [wave(each) for each in found if _AFTER in phases(each)]
    first = min((wave(each) for each in tests), default=0)
    later = max(0, max(others, default=first - 1) + 1 - first)
    return tuple(_as_hook(each, later) for each in found)


def _as_hook(each: Object, later: int) -> Object:
    if argo_events(each) or not TESTS.intersection(each.hooks) or _AFTER in phases(each):
        return each
    annotations = dict(each.annotations)
    if not is_test(each):
        return _annotated(each, {**annotations, ARGO_HOOK: ",".join(sorted({*phases(each), _AFTER}))})
    succeeded = "hook-succeeded" in annotations.pop(_HELM_DELETION, "")
    annotations[ARGO_HOOK] = _AFTER
    annotations[_ARGO_DELETION] = "BeforeHookCreation,HookSucceeded" if succeeded else "BeforeHookCreation"
    if later:
        annotations[ARGO_WAVE] = str(wave(each) + later)
    hook = _annotated(each, annotations)
    return _telling(hook) if (each.key.group, each.kind) == ("", "Pod") else hook


def _annotated(each: Object, annotations: dict[str, str]) -> Object:
    return Object({**each.body, "metadata": {**each.body["metadata"], "annotations": annotations}})


def _telling(pod: Object) -> Object:
    """Argo CD would not have to read logs, nor would anybody need the right to do so."""
    spec = untyped.mapping(pod.body.get("spec"))
    told = {
        field: [_with_output(container) for container in untyped.items(spec[field])]
        for field in _CONTAINERS
        if isinstance(spec.get(field), list)
    }
    return Object({**pod.body, "spec": {**spec, **told}}) if told else pod


def _with_output(container: Any) -> Any:
    if not isinstance(container, dict):
        return container
    return {"terminationMessagePolicy": "FallbackToLogsOnError", **cast(dict[str, Any], container)}
