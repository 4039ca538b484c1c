"""Helm releases of one tenant that come one after the other, as one sync of Argo CD makes them.

A sync has phases (PreSync, Sync, PostSync), and waves within each; it goes on when a wave is healthy, and its
hooks are done. Hooks of all charts would run before and after everything together. So where a release comes
after another, its objects get later waves of the phase Sync, and those hooks that would leave the order are
run in that phase too: the ones before a release at the head of its waves, the ones after it at their tail.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from deploy_orchestrator.manifests.hooks import ARGO_HOOK, ARGO_WAVE, is_hook, is_test, phases, wave
from deploy_orchestrator.manifests.objects import Object
from deploy_orchestrator.manifests.printed import Made

_BEFORE: Final = "PreSync"
_DURING: Final = "Sync"
_AFTER: Final = "PostSync"


def in_sequence(made: Iterable[Made], after: Mapping[str, Sequence[str]]) -> tuple[Object, ...]:
    """The objects that releases make, in waves such that each release waits for those that it comes `after`
    by that, by name; these stand before it. Objects of a release that comes after none keep their waves.
    """
    found = tuple(made)
    awaited = {name for names in after.values() for name in names}
    if not awaited:
        return tuple(each.object for each in found)
    ends: dict[str, int] = {}
    moved: dict[int, Object] = {}
    for release, before in after.items():
        own = {at: each.object for at, each in enumerate(found) if each.release == release}
        start = max(ends[name] for name in before) + 1 if before else None
        objects, ends[release] = _placed(own, start, release in awaited)
        moved |= objects
    return tuple(moved[at] for at in range(len(found)))


def _placed(own: Mapping[int, Object], start: int | None, is_awaited: bool) -> tuple[dict[int, Object], int]:
    """The objects of a release that begins with the wave `start`, or keeps its own; and its last wave."""
    left = {_BEFORE} if start is not None else set[str]()
    left |= {_AFTER} if is_awaited else set()
    moved = {at: phases(each) & left for at, each in own.items() if not is_test(each)}
    tail = [at for at, gone in moved.items() if _AFTER in gone]
    head = [at for at, gone in moved.items() if gone and _AFTER not in gone]
    body = [at for at, each in own.items() if not moved.get(at) and _is_during(each)]
    found = dict(own)
    if start is None:
        end = max((wave(own[at]) for at in body), default=0)
    else:
        end = _in_waves(found, head, start - 1)
        end = _in_waves(found, body, end)
    end = _in_waves(found, tail, end)
    for at in (*head, *tail):
        events = sorted((phases(own[at]) - left) | {_DURING})
        found[at] = _annotated(found[at], ARGO_HOOK, ",".join(events))
    return found, end


def _is_during(each: Object) -> bool:
    """Whether the phase Sync makes it."""
    return _DURING in phases(each) if is_hook(each) else True


def _in_waves(found: dict[int, Object], places: Iterable[int], end: int) -> int:
    """Puts the objects at `places` into waves of their own behind `end`, in their order; returns the last."""
    old = {at: wave(found[at]) for at in places}
    waves = {number: end + 1 + index for index, number in enumerate(sorted({*old.values()}))}
    for at, number in old.items():
        found[at] = _annotated(found[at], ARGO_WAVE, str(waves[number]))
    return end + len(waves)


def _annotated(each: Object, name: str, text: str) -> Object:
    annotations = {**each.annotations, name: text}
    return Object({**each.body, "metadata": {**each.body["metadata"], "annotations": annotations}})
