"""Names of images that lead to other bytes than when they were released."""

from collections.abc import Iterable
from dataclasses import dataclass

from deploy_orchestrator.images.auditing import AuditedImage, Running
from deploy_orchestrator.images.published import Published


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
