"""Judge what a rendered candidate would do to one tenant in one environment."""

from collections.abc import Sequence

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import Finding, Manifests
from deploy_orchestrator.releases.digest import digest_of
from deploy_orchestrator.releases.errors import ReleaseError
from deploy_orchestrator.releases.model import (
    After,
    Ahead,
    Chart,
    Plan,
    Release,
    SourceChange,
    Summary,
    Verdict,
)
from deploy_orchestrator.releases.risk import Change, judge


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
    conflicts: Sequence[str] = (),
) -> Plan:
    """The plan of releasing `candidate` in place of what is `released`, with a verdict on it.

    `findings` are what checks say about the candidate, `conflicts` one sentence for each harmful clash of
    dependencies. `after` names what must be healthy in the environment before, None in the first; `ahead`
    what must be healthy in earlier waves.

    Raises:
        ReleaseError: the policy overrides a rule that does not exist, or the candidate is empty or does not
            name its chart.
    """
    if not candidate.objects:
        raise ReleaseError(
            f"{deployment.key}: the candidate has no objects; its release would take away all that runs",
            fix="check the chart and its values",
        )
    if candidate.chart is None:
        raise ReleaseError(f"{deployment.key}: the manifests do not tell which chart they are from")
    environment, tenant = deployment.environment, deployment.tenant
    chart = Chart(name=candidate.chart.name, version=candidate.chart.version)
    change = Change(
        before=released_manifests,
        after=candidate,
        chart_before=released.chart if released else None,
        chart=chart,
        findings=findings,
        conflicts=conflicts,
    )
    reasons = judge(change, environment.policy.rules)
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
        chart=chart,
        source=source,
        verdict=Verdict.worst(reason.severity for reason in reasons),
        reasons=reasons,
        after=after,
        ahead=tuple(ahead),
        summary=Summary(
            added=len(change.diff.added), changed=len(change.diff.changed), removed=len(change.diff.removed)
        ),
    )
