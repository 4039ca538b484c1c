"""What manifests must keep to before anybody is asked to release them: one file a family of rules."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from deploy_orchestrator.errors import instead_of
from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests.checks import (
    access,
    argocd,
    images,
    network,
    placement,
    pod_security,
    quota,
    schema,
    secrets,
    testing,
)
from deploy_orchestrator.manifests.checks.rule import ManifestCheck
from deploy_orchestrator.manifests.exceptions import excepted
from deploy_orchestrator.manifests.findings import Check, Finding
from deploy_orchestrator.manifests.image_checks import IMAGE_CHECKS
from deploy_orchestrator.manifests.linting import LINT
from deploy_orchestrator.manifests.making import CLOCK, HELM_VERSION, LOOKUP, UNORDERED, UNREAD
from deploy_orchestrator.manifests.objects import Manifests
from deploy_orchestrator.manifests.printed import UNKNOWN_HOOK, VOLATILE
from deploy_orchestrator.manifests.version_conflicts import CONFLICT, DEVIATION, UNJUDGED

NO_SUCH_CHECK: Final = Check(
    "exception-unknown",
    "warning",
    "There is no such check, so the exception does nothing.",
    "mend the rule's name, or remove the exception",
)
FAMILIES: Final = (schema, placement, pod_security, access, argocd, secrets, images, network, quota, testing)
MANIFEST_CHECKS: Final[tuple[ManifestCheck, ...]] = tuple(
    rule for family in FAMILIES for rule in family.MANIFEST_CHECKS
)
ISOLATION_CHECKS: Final[tuple[ManifestCheck, ...]] = tuple(
    rule for family in (placement, pod_security, access, argocd, network) for rule in family.MANIFEST_CHECKS
)
"""Those that keep tenants apart."""
CHECKS: Final[tuple[Check, ...]] = (
    *MANIFEST_CHECKS,
    *IMAGE_CHECKS,
    UNKNOWN_HOOK,
    VOLATILE,
    CLOCK,
    LOOKUP,
    UNORDERED,
    HELM_VERSION,
    UNREAD,
    LINT,
    CONFLICT,
    DEVIATION,
    UNJUDGED,
    NO_SUCH_CHECK,
)
"""Every check whose findings anything here tells of."""


def check(manifests: Manifests, deployment: Deployment, *, now: datetime | None = None) -> list[Finding]:
    """What is wrong with a deployment's manifests: what rendering met, then what each rule finds.

    What an exception of the tenant covers `now` (UTC; by default this moment) is only a warning.
    """
    found = [
        *manifests.findings,
        *(finding for rule in MANIFEST_CHECKS for finding in rule.findings(manifests, deployment)),
        *_of_no_check(deployment),
    ]
    return excepted(found, deployment, now or datetime.now(UTC))


def _of_no_check(deployment: Deployment) -> Iterator[Finding]:
    known = {each.id for each in CHECKS}
    for each in deployment.tenant.exceptions:
        if each.rule not in known:
            said = f"tenant.yaml of {deployment.tenant.name} makes an exception from {each.rule}"
            yield NO_SUCH_CHECK.finding(None, said, instead_of(each.rule, known))
