"""The plan of a rendered candidate."""

from collections.abc import Sequence

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import Finding, Manifests
from deploy_orchestrator.releases.digest import digest_of
from deploy_orchestrator.releases.model import (
    After,
    Ahead,
    Plan,
    Release,
    SourceChange,
)
from deploy_orchestrator.risk import assess


def make_plan(
    deployment: Deployment,
    *,
    source: SourceChange,
    candidate: Manifests,
    released: Release | None,
    released_manifests: Manifests | None,
    findings: Sequence[Finding],
    after: After | None,
    ahead: Sequence[Ahead] = (),
) -> Plan:
    """The plan of releasing `candidate` in place of what is `released`, judged as `assess` does.

    `after` names what must be healthy in the environment before, None in the first; `ahead` what must be
    healthy in earlier waves.

    Raises:
        EmptyCandidate, UnknownRule: as `assess`.
    """
    judgement = assess(
        deployment,
        candidate=candidate,
        before=released_manifests,
        chart_before=released.chart if released else None,
        findings=findings,
    )
    environment, tenant = deployment.environment, deployment.tenant
    base = released.content if released else None
    return Plan(
        environment=environment.name,
        tenant=tenant.name,
        namespace=deployment.namespace,
        cluster=environment.cluster,
        digest=digest_of(
            environment=environment.name, tenant=tenant.name, content=candidate.content, replaces=base
        ),
        content=candidate.content,
        base=base,
        chart=judgement.chart,
        source=source,
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        after=after,
        ahead=tuple(ahead),
        summary=judgement.summary,
    )
