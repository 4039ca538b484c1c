"""Tags that were moved: who plans a change is told, for the pods that it starts run other bytes; and what was
planned is looked up again when it is released.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final

from deploy_orchestrator.errors import OrchestratorError, Transient
from deploy_orchestrator.images import RemoteImages, lead_to
from deploy_orchestrator.manifests import ImageReference
from deploy_orchestrator.releases import IMAGES, Gate, GateState, Plan, Release
from deploy_orchestrator.risk import Reason
from deploy_orchestrator.terms import Verdict

RULE: Final = "image-moved"
LOOK: Final = 60.0
"""Seconds that registries are asked for what one plan names."""


def moved_since(released: Release | None, digests: Mapping[str, str]) -> Iterator[Reason]:
    """A reason for each name of an image that leads to another digest than when it was released."""
    before = (released.images if released else None) or {}
    for name, now in digests.items():
        if (was := before.get(name, now)) != now:
            yield Reason(
                rule=RULE,
                severity=Verdict.NEEDS_APPROVAL,
                saw=f"{name} leads to {now}, and led to {was} when it was released",
                why="Nobody changed that in Git, and the pods that this starts run other bytes.",
                do="Find out who moved the tag, then approve; or name the image by its digest.",
            )


def still_leading(remote: RemoteImages) -> Callable[[Plan], Gate]:
    """Tells of a plan whether its names of images lead to what they led to when it was made. Names that are
    asked for once are not asked for again.
    """

    @cache
    def digests(names: tuple[str, ...]) -> Mapping[str, str | OrchestratorError]:
        found = lead_to(map(ImageReference.parse, names), remote, LOOK)
        return {str(name): each for name, each in found.items()}

    def gate(plan: Plan) -> Gate:
        by_tag = {
            name: digest
            for name, digest in (plan.images or {}).items()
            if ImageReference.parse(name).digest is None
        }
        return _gate(by_tag, digests(tuple(sorted(by_tag))))

    return gate


def _gate(planned: Mapping[str, str], now: Mapping[str, str | OrchestratorError]) -> Gate:
    found = {name: each for name, each in now.items() if each != planned[name]}
    unknown = [each.what for each in found.values() if isinstance(each, Transient)]
    gone = [each.what for each in found.values() if isinstance(each, OrchestratorError)]
    moved = [
        f"{name} leads to {each}, and led to {planned[name]} when it was planned"
        for name, each in found.items()
        if isinstance(each, str)
    ]
    if moved or len(gone) > len(unknown):
        said = [*moved, *(each for each in gone if each not in unknown)]
        return Gate(IMAGES, GateState.CLOSED, f"{'; '.join(said)}: plan again", outdated=True)
    if unknown:
        return Gate(
            IMAGES,
            GateState.WAITING,
            f"nobody can tell whether its images are those of the plan: {unknown[0]}",
        )
    return Gate(IMAGES, GateState.OPEN, "its images are those that were planned")
