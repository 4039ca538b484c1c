"""What one state of the fleet changes against another, before it is merged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Deployment, Destination, Fleet
from deploy_orchestrator.images import examine_images
from deploy_orchestrator.manifests import Finding, Manifests, Workspace, examine, render_all
from deploy_orchestrator.outcomes import Outcome, attempt, raised
from deploy_orchestrator.risk import Judgement, Reason, Verdict, assess


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a state of the fleet would change for one deployment, and the verdict on it.

    `new` are those of the `findings` that the state before does not have. Where that does not render,
    `unreadable` says why: then the candidate is compared with nothing, and is never safe.
    """

    deployment: Deployment
    judgement: Judgement
    manifests: Manifests
    findings: tuple[Finding, ...]
    new: frozenset[Finding]
    unreadable: OrchestratorError | None = None

    @property
    def is_first(self) -> bool:
        """Whether nothing is replaced."""
        difference = self.judgement.difference
        return not difference.removed and len(difference.added) == len(self.manifests.objects)

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.judgement.difference or self.new or self.unreadable)


def compare(
    before: Fleet, after: Fleet, wanted: Sequence[Deployment], workspace: Workspace
) -> Iterator[tuple[str, Outcome[Proposal]]]:
    """What `after` would change in the `wanted` ones of its deployments if what `before` says were released,
    by key and in their order.

    An error stands in place of a deployment that does not render at `after`.
    """
    known = {each.key: each for each in before.deployments()}
    replaced = render_all([known[each.key] for each in wanted if each.key in known], before, workspace)
    for deployment, candidate in render_all(wanted, after, workspace):
        old = next(replaced) if deployment.key in known else None
        yield deployment.key, attempt(_compared, deployment, candidate, old, before, after, workspace)


def _compared(
    deployment: Deployment,
    candidate: Outcome[Manifests],
    old: tuple[Deployment, Outcome[Manifests]] | None,
    before: Fleet,
    after: Fleet,
    workspace: Workspace,
) -> Proposal:
    base = _base(old, before, deployment, workspace)
    return _proposal(deployment, raised(candidate), base, after, workspace)


@dataclass(frozen=True, slots=True)
class _Base:
    manifests: Manifests | None = None
    findings: tuple[Finding, ...] = ()
    destination: Destination | None = None
    unreadable: OrchestratorError | None = None


def _base(
    old: tuple[Deployment, Outcome[Manifests]] | None,
    before: Fleet,
    deployment: Deployment,
    workspace: Workspace,
) -> _Base:
    if old is None:
        return _Base(unreadable=before.broken.get(deployment.tenant.name))
    known, manifests = old
    if isinstance(manifests, OrchestratorError):
        return _Base(unreadable=manifests)
    return _Base(manifests, _examined(manifests, known, before, workspace)[0], known.destination)


def _examined(
    manifests: Manifests, deployment: Deployment, fleet: Fleet, workspace: Workspace
) -> tuple[tuple[Finding, ...], Mapping[str, str]]:
    """What is found in manifests, and what their images lead to."""
    images = examine_images(manifests, deployment, fleet, workspace)
    return (*examine(manifests, deployment, fleet, workspace), *images.findings), images.digests


def _proposal(
    deployment: Deployment, candidate: Manifests, base: _Base, after: Fleet, workspace: Workspace
) -> Proposal:
    findings, images = _examined(candidate, deployment, after, workspace)
    chart = base.manifests.chart if base.manifests else None
    judgement = assess(
        deployment,
        candidate=candidate,
        before=base.manifests,
        chart_before=chart.model_copy(update={"packages": None}) if chart else None,
        destination_before=base.destination,
        findings=findings,
        looked_up=images,
        takeover=after.takeover(deployment),
    )
    if base.unreadable:
        judgement = replace(judgement, reasons=(*judgement.reasons, _incomparable(base.unreadable)))
    known = {_identity(each) for each in base.findings}
    new = frozenset(each for each in findings if _identity(each) not in known)
    return Proposal(deployment, judgement, candidate, findings, new, base.unreadable)


def _incomparable(error: OrchestratorError) -> Reason:
    where = f"{error.place}: " if error.place else ""
    return Reason(
        rule="nothing-to-compare",
        severity=Verdict.NEEDS_APPROVAL,
        saw=f"before, it does not render: {where}{error.what}",
        why="What the change does to what runs cannot be told here: all of it shows as added.",
        do="Look at the plan after the merge, which is held against what is released.",
    )


def _identity(finding: Finding) -> tuple[object, ...]:
    """What stays the same where only lines move."""
    place = finding.place
    said = (place.file, place.field) if place and place.field else finding.message
    return finding.rule, finding.severity, finding.object, said
