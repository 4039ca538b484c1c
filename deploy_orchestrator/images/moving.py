"""Names of images that lead to other bytes than when they were released."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from deploy_orchestrator.errors import OrchestratorError, Transient
from deploy_orchestrator.images.auditing import AT_A_TIME, AuditedImage, Running
from deploy_orchestrator.images.published import Published
from deploy_orchestrator.images.remote import RemoteImages
from deploy_orchestrator.manifests import ImageReference
from deploy_orchestrator.outcomes import Outcome, in_order


class NotAsked(Transient, OrchestratorError):
    """There was no time left to ask a registry."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The `name` of an image that led to the digest `was` when the deployment `key` was planned and released,
    and leads to another `now`: a pod that starts from now on runs that.
    """

    key: str
    name: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.name} leads to {self.now} now, and led to {self.was} when it was released"


def moved(running: Iterable[Running], audited: Iterable[AuditedImage]) -> list[Moved]:
    """What has moved of what is `running`, as far as its `digests` tell what it led to."""
    now = {str(each.name): each.found.digest for each in audited if isinstance(each.found, Published)}
    return [
        Moved(each.key, name, was, now[name])
        for each in running
        for name, was in each.digests.items()
        if name in now and now[name] != was
    ]


def lead_to(
    names: Iterable[ImageReference], remote: RemoteImages, seconds: float
) -> dict[ImageReference, Outcome[str]]:
    """The digests that `names` of images lead to now, or why nobody can tell. After so many `seconds` no
    registry is asked any more.
    """
    until = time.monotonic() + seconds

    def look(name: ImageReference) -> str:
        if time.monotonic() > until:
            raise NotAsked(f"{name}: its registry was not asked within {seconds:g} seconds")
        return remote.digest(name)

    return dict(in_order(look, dict.fromkeys(names), AT_A_TIME))
