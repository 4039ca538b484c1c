"""The shape of a check on manifests that are there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests.findings import Check, Finding
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.objects import Manifests


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a rule is broken, and how; `fix` where it can say more than the rule's own."""

    object: ObjectKey | None
    message: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class ManifestCheck(Check):
    """A check with what finds where it is not kept."""

    find: Callable[[Manifests, Deployment], Iterator[Broken]]

    def findings(self, manifests: Manifests, deployment: Deployment) -> Iterator[Finding]:
        for broken in self.find(manifests, deployment):
            yield self.finding(broken.object, broken.message, broken.fix)
