"""Judge what a rendered candidate would do to one tenant in one environment."""

from collections.abc import Sequence
from dataclasses import dataclass

from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.manifests import Diff, Finding, Manifests
from deploy_orchestrator.releases.digest import digest_of
from deploy_orchestrator.releases.errors import ReleaseError
from deploy_orchestrator.releases.model import (
    After,
    Ahead,
    Chart,
    Plan,
    Reason,
    Release,
    SourceChange,
    Summary,
    Verdict,
)
from deploy_orchestrator.releases.risk import Change, judge


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a candidate changes, and the reasons that the risk rules have for or against it."""

    chart: Chart
    difference: Diff
    reasons: tuple[Reason, ...]

    @property
    def verdict(self) -> Verdict:
        return Verdict.worst(reason.severity for reason in self.reasons)

    @property
    def summary(self) -> Summary:
        added, changed, removed = self.difference.added, self.difference.changed, self.difference.removed
        return Summary(added=len(added), changed=len(changed), removed=len(removed))


def assess(
    deployment: Deployment,
    *,
    candidate: Manifests,
    before: Manifests | None,
    chart_before: Chart | None,
    findings: Sequence[Finding],
) -> Judgement:
    """What `candidate` would do in place of `before`, which came from `chart_before`; None: of nothing.

    `findings` are what checks say about the candidate.

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
    chart = Chart(name=candidate.chart.name, version=candidate.chart.version)
    change = Change(
        before=before,
        after=candidate,
        chart_before=chart_before,
        chart=chart,
        findings=findings,
    )
    return Judgement(chart, change.diff, judge(change, deployment.environment.policy.rules))


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
        ReleaseError: as `assess`.
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
