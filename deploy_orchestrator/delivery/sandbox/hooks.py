"""Which objects are Helm hooks, and in which order Argo CD would run them."""

from collections.abc import Iterable
from typing import Literal

from deploy_orchestrator.delivery.status import Hook, Phase
from deploy_orchestrator.manifests import Object

_WEIGHT = "helm.sh/hook-weight"
_EVENTS: dict[Literal["before", "after"], set[str]] = {
    "before": {"pre-install", "pre-upgrade"},
    "after": {"post-install", "post-upgrade"},
}


def run(objects: Iterable[Object], stage: Literal["before", "after"]) -> list[Hook]:
    """The hooks of a stage by weight, kind and name; those for installs and upgrades run on each sync."""
    hooks = [each for each in objects if _EVENTS[stage].intersection(each.hooks)]
    hooks.sort(key=lambda each: (_weight(each), each.kind, each.name))
    return [Hook(str(each.key), stage, Phase.SUCCEEDED) for each in hooks]


def _weight(hook: Object) -> int:
    try:
        return int(hook.annotations.get(_WEIGHT, "0"))
    except ValueError:
        return 0
