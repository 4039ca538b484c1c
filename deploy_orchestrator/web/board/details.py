"""What the page of a deployment tells beside how it stands: the lines that change, decisions, the history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Fleet, Issuer
from deploy_orchestrator.identity import NotProved
from deploy_orchestrator.images import images
from deploy_orchestrator.manifests import Diff
from deploy_orchestrator.outcomes import Outcome, attempt
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.releases import Approval, Plan, ReleaseEvent, Superseded, count, proved_then

MAX_DIFF: Final = 200_000
MAX_VERIFIED: Final = 20
"""Events of the history whose proofs are verified anew for its page."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision on what waits, or that let a release through: by whom, how that is `proved`, and why it does
    not count, where it does not.
    """

    decision: str
    who: str
    reason: str
    at: datetime
    proved: str
    void: str = ""

    @property
    def approves(self) -> bool:
        """Whether it is an approval that counts."""
        return self.decision == "approve" and not self.void


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened, and the decisions that let it."""

    event: ReleaseEvent
    decisions: tuple[Decided, ...]


@dataclass(frozen=True)
class Details:
    """`diff`, `decisions`, and what of them is `refused`, are about what waits, by its digest `about`; empty
    where nothing waits. `trusted` are the providers
    that prove decisions there, `objects` those that are released, and `images` what these run, `link` where
    an engine shows what is live, `ways` the commits of the releases that one can go back to.
    """

    about: str
    diff: str
    decisions: tuple[Decided, ...]
    refused: tuple[str, ...]
    history: tuple[Timeline, ...]
    trusted: tuple[Issuer, ...]
    objects: tuple[str, ...]
    images: tuple[str, ...]
    link: str | None
    ways: tuple[str, ...]


def details(orchestrator: Orchestrator, environment: str, tenant: str) -> Details:
    """What there is to tell of one deployment. Raises OrchestratorError as reading does."""
    deployments, fleet = orchestrator.deployments, attempt(orchestrator.fleet)
    trusted = () if isinstance(fleet, OrchestratorError) else fleet.trusted(environment)
    history = tuple(
        Timeline(event, _let_through(orchestrator, event, trusted) if number < MAX_VERIFIED else ())
        for number, event in enumerate(deployments.history(environment, tenant))
    )
    (objects, run), link = (
        _live(orchestrator, environment, tenant),
        orchestrator.engine.link(environment, tenant),
    )
    ways = tuple(_ways([each.event for each in history]))
    plan = deployments.pending(environment, tenant)
    try:
        difference = deployments.difference(plan) if plan else None
    except Superseded:
        plan, difference = None, None
    if plan is None:
        return Details("", "", (), (), history, trusted, objects, run, link, ways)
    decisions, refused = _decisions(orchestrator, fleet, plan)
    text = shown(difference) if difference else ""
    return Details(plan.digest, text, decisions, refused, history, trusted, objects, run, link, ways)


def shown(difference: Diff) -> str:
    """The lines of a difference, as many as a page has, and how much more there is."""
    text = difference.unified()
    more = f"\n… {len(text) - MAX_DIFF:,} more characters: see them at the prompt, with `plan`\n"
    return text if len(text) <= MAX_DIFF else text[:MAX_DIFF] + more


def _ways(events: Sequence[ReleaseEvent]) -> Iterator[str]:
    """The commits that made what was released before what is released now, without what was reverted: each
    digest is released once, and comes back by a revert with it.
    """
    made = {event.release.digest: place for place, event in enumerate(events) if event.release}
    place = 0
    while place < len(events):
        release = events[place].release
        if release is None or release.removal:
            return
        if place > 0:
            yield events[made[release.digest]].commit
        place = made[release.digest] + 1


def _live(
    orchestrator: Orchestrator, environment: str, tenant: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The objects that are released, and the images that they run."""
    release = orchestrator.deployments.release(environment, tenant)
    found = attempt(orchestrator.deployments.released_manifests, release) if release else None
    if found is None or isinstance(found, OrchestratorError):
        return (), ()
    run = attempt(images, found)
    named = () if isinstance(run, OrchestratorError) else tuple(each.reference for each in run)
    return tuple(str(each.key) for each in found.objects), named


def _decisions(
    orchestrator: Orchestrator, fleet: Outcome[Fleet], plan: Plan
) -> tuple[tuple[Decided, ...], tuple[str, ...]]:
    if isinstance(fleet, OrchestratorError):
        return (), (fleet.what,)
    where, rules = plan.environment, attempt(orchestrator.rules)
    holding = None if isinstance(rules, OrchestratorError) else rules[where].holding
    signers, trusted = fleet.signers(where), fleet.trusted(where)
    believed, refused = orchestrator.deployments.approvals(plan.digest, signers, trusted, holding)
    reviewed = orchestrator.reviews(plan, fleet)
    believed += [] if isinstance(reviewed, OrchestratorError) else reviewed
    rule = fleet.environment(where).policy.approval
    before = holding.policy.approval if holding else None
    ballot = count(believed, rule, plan.source, datetime.now(UTC), plan.widened, before)
    void = {(each.approval.commit, each.approval.who): each.reason for each in ballot.void}
    return (
        tuple(_decided(each, _how(each), void.get((each.commit, each.who), "")) for each in believed),
        tuple(f"{each.file}: {each.reason}" for each in refused),
    )


def _let_through(
    orchestrator: Orchestrator, event: ReleaseEvent, trusted: tuple[Issuer, ...]
) -> tuple[Decided, ...]:
    approvals = event.release.approvals if event.release and event.kind == "release" else ()
    return tuple(_decided(each, _verified(orchestrator, each, trusted)) for each in approvals)


def _verified(orchestrator: Orchestrator, approval: Approval, trusted: tuple[Issuer, ...]) -> str:
    """How a decision of long ago is proved, by the key that was recorded with it."""
    issuer = next((each for each in trusted if each.url == approval.issuer), None)
    if approval.issuer is None or issuer is None:
        return _how(approval)
    try:
        proved_then(orchestrator.deployments.repository, approval, issuer)
    except NotProved as error:
        return f"{_how(approval)}, which does not hold: {error.what}"
    return f"{_how(approval)}, verified again with the key that was recorded"


def _how(approval: Approval) -> str:
    if approval.review is not None:
        return f"a review of {approval.commit[:8]}, {approval.review}"
    if approval.issuer is None:
        return f"a commit signed with the key {approval.key}"
    return f"an ID token of {approval.issuer}"


def _decided(approval: Approval, proved: str, void: str = "") -> Decided:
    return Decided(approval.decision, approval.who, approval.reason, approval.at, proved, void)
