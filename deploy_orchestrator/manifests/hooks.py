"""Hooks: objects that run at a moment of a release instead of staying. Helm's and Argo CD's are one to Argo
CD, whose rules these are (`hook.Types` and `syncwaves.Wave` in gitops-engine 3.6).
"""

import re
from typing import Final

from deploy_orchestrator.manifests.objects import HOOK, Object

ARGO_EVENTS: Final = frozenset(["PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete", "Skip"])
"""Every hook type that Argo CD knows."""

TESTS: Final = frozenset({"test", "test-success"})
"""The events of `helm test`."""

ARGO_HOOK: Final = "argocd.argoproj.io/hook"
HELM_HOOK: Final = HOOK
HELM_WEIGHT: Final = "helm.sh/hook-weight"
ARGO_WAVE: Final = "argocd.argoproj.io/sync-wave"

_SYNC_OPTIONS: Final = "argocd.argoproj.io/sync-options"
_PHASES: Final = frozenset({"PreSync", "Sync", "PostSync", "SyncFail"})
_PHASE_OF_HELM: Final = {
    "pre-install": "PreSync",
    "pre-upgrade": "PreSync",
    "post-install": "PostSync",
    "post-upgrade": "PostSync",
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def argo_events(each: Object) -> tuple[str, ...]:
    return _listed(each, ARGO_HOOK)


def is_hook(each: Object) -> bool:
    return bool(each.hooks or argo_events(each))


def is_test(each: Object) -> bool:
    """Whether the object runs for `helm test` only, and so after a sync at most."""
    return bool(each.hooks) and set(each.hooks) <= TESTS and set(argo_events(each)) <= {"PostSync", "Skip"}


def is_forced(each: Object) -> bool:
    """Whether Argo CD deletes the object and creates it anew instead of changing it."""
    return {"Force=true", "Replace=true"} <= set(_listed(each, _SYNC_OPTIONS))


def phases(each: Object) -> frozenset[str]:
    """When in a sync Argo CD runs the object as a hook; never for what is no hook, and what it leaves out."""
    if known := ARGO_EVENTS.intersection(argo_events(each)) - {"PreDelete", "PostDelete"}:
        return known & _PHASES
    return frozenset(_PHASE_OF_HELM[event] for event in _listed(each, HOOK) if event in _PHASE_OF_HELM)


def wave(each: Object) -> int:
    """When in its phase the object comes: lower ones first."""
    for annotation in (ARGO_WAVE, HELM_WEIGHT):
        text = each.annotations.get(annotation, "")
        if _INTEGER.fullmatch(text):
            return int(text)
    return 0


def _listed(each: Object, annotation: str) -> tuple[str, ...]:
    return tuple(event for part in each.annotations.get(annotation, "").split(",") if (event := part.strip()))
