"""What manifests must keep to before anybody is asked to release them: one file a family of rules."""

from typing import Final

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests.checks import (
    access,
    images,
    network,
    placement,
    pod_security,
    quota,
    schema,
    secrets,
    testing,
)
from deploy_orchestrator.manifests.checks.rule import Rule
from deploy_orchestrator.manifests.findings import Finding
from deploy_orchestrator.manifests.objects import Manifests

RULES: Final[tuple[Rule, ...]] = (
    *schema.RULES,
    *placement.RULES,
    *pod_security.RULES,
    *access.RULES,
    *secrets.RULES,
    *images.RULES,
    *network.RULES,
    *quota.RULES,
    *testing.RULES,
)


def check(manifests: Manifests, deployment: Deployment) -> list[Finding]:
    """What is wrong with a deployment's manifests: what rendering met, then what each rule finds."""
    return [
        *manifests.findings,
        *(finding for rule in RULES for finding in rule.findings(manifests, deployment)),
    ]
