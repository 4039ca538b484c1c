"""The plan of a rendered candidate."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from deploy_orchestrator.fleet import Deployment, Destination, TakeoverEvidence
from deploy_orchestrator.manifests import ChartUsed, Finding, Manifests
from deploy_orchestrator.releases.digest import FORMAT, digest_of
from deploy_orchestrator.releases.model import (
    After,
    Ahead,
    Plan,
    Release,
    SourceChange,
)
from deploy_orchestrator.risk import Reason, Summary, Verdict


def make_plan(
    deployment: Deployment,
    *,
    source: SourceChange,
    candidate: Manifests,
    released: Release | None,
    released_manifests: Manifests | None,
    emptied: str | None = None,
    inputs: str | None = None,
    findings: Sequence[Finding],
    after: Sequence[After],
    ahead: Sequence[Ahead] = (),
    reasons: Sequence[Reason] = (),
    images: Mapping[str, str] = MappingProxyType({}),
    takeover: TakeoverEvidence | None = None,
) -> Plan:
    """The plan of releasing `candidate` in place of what is `released`, judged as `assess` does.

    `reasons` are those that are found by looking at what others have.

    `emptied` is the commit that took away what was released before where nothing is, `inputs` the basis of
    the plan. `after` names what must be healthy in the environments before, nothing in the first; `ahead`
    what must be healthy in earlier waves. `images` are the digests that names of images lead to. `takeover`
    is what the cluster said of taking over what is live; it counts where it was asked about this candidate.

    Raises:
        EmptyCandidate, UnknownRule: as `assess`.
    """
    from deploy_orchestrator.risk import assess

    if takeover and takeover.content != candidate.content:
        takeover = None
    judgement = assess(
        deployment,
        candidate=candidate,
        before=released_manifests,
        chart_before=released.chart if released else None,
        destination_before=released.destination if released else None,
        findings=findings,
        looked_up=images,
        takeover=takeover,
    )
    environment, tenant = deployment.environment, deployment.tenant
    return planned(
        released,
        environment=environment.name,
        tenant=tenant.name,
        destination=deployment.destination,
        emptied=emptied,
        inputs=inputs,
        content=candidate.content,
        chart=judgement.chart,
        source=source,
        reasons=(*judgement.reasons, *reasons),
        after=after,
        ahead=ahead,
        summary=judgement.summary,
        images=images,
        takeover=takeover,
    )


def planned(
    replaced: Release | None,
    *,
    environment: str,
    tenant: str,
    destination: Destination,
    content: str,
    chart: ChartUsed,
    source: SourceChange,
    reasons: Sequence[Reason],
    summary: Summary,
    after: Sequence[After] = (),
    ahead: Sequence[Ahead] = (),
    emptied: str | None = None,
    inputs: str | None = None,
    images: Mapping[str, str] = MappingProxyType({}),
    takeover: TakeoverEvidence | None = None,
) -> Plan:
    """The plan of releasing `content` in place of what is `replaced`, with its digest and its verdict."""
    base, replaces = (replaced.content, replaced.commit) if replaced else (None, emptied)
    return Plan(
        format=FORMAT,
        environment=environment,
        tenant=tenant,
        namespace=destination.namespace,
        cluster=destination.cluster,
        server=destination.server,
        others=destination.others or None,
        sync=destination.sync or None,
        digest=digest_of(
            environment=environment,
            tenant=tenant,
            destination=destination,
            content=content,
            base=base,
            replaces=replaces,
            takeover=takeover,
        ),
        content=content,
        base=base,
        replaces=replaces,
        chart=chart,
        source=source,
        inputs=inputs,
        verdict=Verdict.worst(reason.severity for reason in reasons),
        reasons=tuple(reasons),
        after=tuple(after),
        ahead=tuple(ahead),
        summary=summary,
        images=dict(images) or None,
        takeover=takeover,
    )
