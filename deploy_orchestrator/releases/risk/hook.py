"""Hooks: objects that run at a moment of a release instead of staying. Helm's and Argo CD's are one to Argo
CD.
"""

from typing import Final

from deploy_orchestrator.manifests import Object

HELM_EVENTS: Final = frozenset(
    [
        "pre-install",
        "post-install",
        "pre-delete",
        "post-delete",
        "pre-upgrade",
        "post-upgrade",
        "pre-rollback",
        "post-rollback",
        "test",
        "test-success",
    ]
)
"""Every event that Helm knows: `release.HookEvent` in its source, and `test-success`, which it reads as
`test`.
"""

ARGO_EVENTS: Final = frozenset(["PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete", "Skip"])
"""Every hook type that Argo CD knows."""

ARGO_HOOK: Final = "argocd.argoproj.io/hook"
HELM_WEIGHT: Final = "helm.sh/hook-weight"
ARGO_WAVE: Final = "argocd.argoproj.io/sync-wave"

_TESTS: Final = frozenset({"test", "test-success"})


def argo_events(each: Object) -> tuple[str, ...]:
    return tuple(event.strip() for event in each.annotations.get(ARGO_HOOK, "").split(",") if event.strip())


def is_hook(each: Object) -> bool:
    return bool(each.hooks or argo_events(each))


def is_test(each: Object) -> bool:
    """Whether the object only runs in `helm test`."""
    return bool(each.hooks) and set(each.hooks) <= _TESTS and not argo_events(each)
