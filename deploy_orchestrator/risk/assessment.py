"""Judge what a rendered candidate would do to one tenant in one environment."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from deploy_orchestrator.fleet import Deployment, Destination, TakeoverEvidence
from deploy_orchestrator.manifests import ChartUsed, Diff, Finding, Manifests, ObjectKey
from deploy_orchestrator.risk.change import Change
from deploy_orchestrator.risk.errors import EmptyCandidate
from deploy_orchestrator.risk.judging import judge
from deploy_orchestrator.risk.verdict import Reason, Summary, Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a candidate changes, and the reasons that the risk rules have for or against it."""

    chart: ChartUsed
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
    chart_before: ChartUsed | None,
    destination_before: Destination | None = None,
    findings: Sequence[Finding],
    looked_up: Collection[str] = (),
    takeover: TakeoverEvidence | None = None,
    now: datetime | None = None,
) -> Judgement:
    """What `candidate` would do in place of `before`, which came from `chart_before` and went to
    `destination_before`; None: of nothing.

    `findings` are what checks say about the candidate, `looked_up` the names of images whose tags lead to
    their digests by what their registries say, `takeover` what the cluster says of what is live; one about
    another content counts for nothing. `now` (UTC; by default this moment) is when.

    Raises:
        UnknownRule: the policy overrides a rule or a check that does not exist.
        EmptyCandidate: it has no objects, or does not name its chart.
    """
    if not candidate.objects:
        raise EmptyCandidate(
            f"{deployment.key}: the candidate has no objects; its release would take away all that runs",
            fix="check the chart and its values",
        )
    if candidate.chart is None:
        raise EmptyCandidate(f"{deployment.key}: the manifests do not tell which chart they are from")
    environment = deployment.environment
    policy = environment.policy
    given = environment.namespace_of(deployment.tenant.name)
    change = Change(
        before=before,
        after=candidate,
        chart_before=chart_before,
        chart=candidate.chart,
        findings=findings,
        destination_before=destination_before,
        destination=deployment.destination,
        looked_up=frozenset(looked_up),
        ignored=[each for each in policy.ignore if each.expires > (now or datetime.now(UTC))],
        into_existing=deployment.placing.existing or deployment.namespaces != (given,),
        without_platform=not deployment.has_platform,
        takeover=takeover if takeover and before is None and takeover.content == candidate.content else None,
        excepted_before=_excepted(before, deployment)
        if any(each.excepted for each in findings)
        else frozenset(),
    )
    return Judgement(candidate.chart, change.diff, judge(change, policy))


def _excepted(manifests: Manifests | None, deployment: Deployment) -> frozenset[tuple[str, ObjectKey | None]]:
    from deploy_orchestrator.manifests import check

    found = check(manifests, deployment) if manifests else ()
    return frozenset((each.rule, each.object) for each in found if each.excepted)
