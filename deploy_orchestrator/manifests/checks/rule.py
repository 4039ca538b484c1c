"""The shape of a check."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests.findings import Finding, Severity
from deploy_orchestrator.manifests.keys import ObjectKey
from deploy_orchestrator.manifests.objects import Manifests


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a rule is broken, and how; `fix` where it can say more than the rule's own."""

    object: ObjectKey | None
    message: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that manifests must keep to: why it matters, what to do, and what finds where they do not."""

    id: str
    severity: Severity
    reason: str
    fix: str
    find: Callable[[Manifests, Deployment], Iterator[Broken]]

    def findings(self, manifests: Manifests, deployment: Deployment) -> Iterator[Finding]:
        for broken in self.find(manifests, deployment):
            message = f"{broken.message}. {self.reason}"
            yield Finding(self.id, self.severity, broken.object, message, broken.fix or self.fix)
