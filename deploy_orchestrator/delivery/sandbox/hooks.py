"""Which objects are hooks, and in which order Argo CD would run them."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Literal

from deploy_orchestrator.delivery.status import Hook, Phase
from deploy_orchestrator.manifests import Object, hooks

_PHASES: dict[Literal["before", "after"], set[str]] = {"before": {"PreSync", "Sync"}, "after": {"PostSync"}}


def run(
    objects: Iterable[Object], stage: Literal["before", "after"], failing: Mapping[str, str]
) -> tuple[Hook, ...]:
    """The hooks of a stage by wave, kind and name, up to the first wave with one that fails.

    `failing` are the names of those that fail, with what they print.
    """
    found = sorted((each for each in objects if _PHASES[stage] & hooks.phases(each)), key=_order)
    ran: list[Hook] = []
    for _, together in groupby(found, hooks.wave):
        ran += [_ran(each, stage, failing.get(each.name)) for each in together]
        if any(hook.phase.failed for hook in ran):
            break
    return tuple(ran)


def staying(objects: Iterable[Object]) -> list[Object]:
    """What is no hook, and so is live after a sync."""
    return [each for each in objects if not hooks.is_hook(each)]


def _order(each: Object) -> tuple[int, str, str]:
    return hooks.wave(each), each.kind, each.name


def _ran(each: Object, stage: Literal["before", "after"], message: str | None) -> Hook:
    if message is None:
        return Hook(str(each.key), stage, Phase.SUCCEEDED)
    return Hook(str(each.key), stage, Phase.FAILED, message)
