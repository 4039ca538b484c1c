"""Tags that were moved: who plans a change is told, for the pods that it starts run other bytes."""

from collections.abc import Iterator, Mapping
from typing import Final

from deploy_orchestrator.releases import Release
from deploy_orchestrator.risk import Reason
from deploy_orchestrator.terms import Verdict

RULE: Final = "image-moved"


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
