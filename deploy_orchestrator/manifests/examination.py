"""All that is known to be wrong with a deployment."""

from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.manifests.checks import check
from deploy_orchestrator.manifests.findings import Finding
from deploy_orchestrator.manifests.linting import lint
from deploy_orchestrator.manifests.objects import Manifests
from deploy_orchestrator.manifests.version_conflicts import conflicts
from deploy_orchestrator.manifests.workspace import Workspace


def examine(
    manifests: Manifests, deployment: Deployment, fleet: Fleet, workspace: Workspace
) -> tuple[Finding, ...]:
    """What the checks find in the manifests of a deployment, helm lint in its charts, and what conflicts
    there are among these.

    Raises:
        OrchestratorError: as `render`.
    """
    return (
        *check(manifests, deployment),
        *lint(deployment, fleet, workspace),
        *conflicts(deployment, fleet, workspace),
    )
