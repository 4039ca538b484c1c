"""Stop the line: people pause an environment, or one tenant there, and nothing is released until one resumes.

A pause is a decision on a digest of its own, proved and kept as all others are.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from deploy_orchestrator.fleet import Policy, Rules, among
from deploy_orchestrator.git import Repository
from deploy_orchestrator.identity import NO_ISSUERS, Issuers
from deploy_orchestrator.releases.approvals import verified
from deploy_orchestrator.releases.ballot import CLOCK_SKEW
from deploy_orchestrator.releases.digest import line_digest
from deploy_orchestrator.releases.model import Approval


@dataclass(frozen=True, slots=True)
class Line:
    """What can be paused: all of an `environment`, or one `tenant` there."""

    environment: str
    tenant: str | None = None

    @property
    def key(self) -> str:
        return f"{self.environment}/{self.tenant}" if self.tenant else self.environment

    @property
    def digest(self) -> str:
        """What decisions on it are about."""
        return line_digest(self.environment, self.tenant)

    def holds(self, environment: str, tenant: str) -> bool:
        return self.environment == environment and self.tenant in (None, tenant)


@dataclass(frozen=True, slots=True)
class Pausing:
    """The decisions by which a `line` is paused, oldest first, and the last one by which it was `resumed`."""

    line: Line
    paused: tuple[Approval, ...]
    resumed: Approval | None

    def __str__(self) -> str:
        """By whom it is paused, since when and why, in words."""
        return "; ".join(
            f"{self.line.key}, by {each.who} at {each.at:%Y-%m-%d %H:%M:%S} UTC: {each.reason}"
            for each in self.paused
        )


def pausing(
    repository: Repository,
    line: Line,
    policy: Policy,
    allowed_signers: bytes,
    now: datetime,
    until: str | None = None,
    holding: Rules | None = None,
    issuers: Issuers = NO_ISSUERS,
) -> Pausing:
    """What counts of the decisions on a `line`, as far as its branch was fetched, or `until` a commit of it.
    An ID token of one of the `issuers` pauses; it resumes where the orchestrator's own key vouches for it.

    A pause stands until somebody who may resumes, by a decision that was pushed after it. Whoever may pause
    by the rules that are `holding` still has paused it, too; nobody resumes by those.
    """
    believed = verified(repository, line.digest, allowed_signers, until, issuers)[0]
    paused, resumed = _counted(believed, policy.pausers, believed, policy, now)
    if holding is not None:
        keys = allowed_signers + holding.allowed_signers
        trusted = Issuers((*issuers.trusted, *holding.issuers), issuers.keys)
        wider = verified(repository, line.digest, keys, until, trusted)[0]
        pausers = (*policy.pausers, *holding.policy.pausers)
        also = _counted(wider, pausers, believed, policy, now)[0]
        paused = list({each.commit: each for each in (*paused, *also)}.values())
    return Pausing(line, tuple(paused), resumed)


def _counted(
    decisions: Sequence[Approval],
    pausers: Collection[str],
    resuming: Sequence[Approval],
    policy: Policy,
    now: datetime,
) -> tuple[list[Approval], Approval | None]:
    """By which of the `decisions` it is paused, and the last of those `resuming` that ended a pause."""
    paused: list[Approval] = []
    resumed: Approval | None = None
    for each in decisions:
        if each.decision == "pause" and among(each.who, pausers):
            paused.append(each)
        elif each in resuming and _resumes(each, policy, now):
            paused, resumed = [], each
    return paused, resumed


def pauses(
    repository: Repository,
    environment: str,
    tenant: str,
    policy: Policy,
    allowed_signers: bytes,
    now: datetime,
    until: str | None = None,
    holding: Rules | None = None,
    issuers: Issuers = NO_ISSUERS,
) -> Sequence[Pausing]:
    """What a tenant in an environment is held by: the environment's line, its own, or both."""
    lines = (Line(environment), Line(environment, tenant))
    found = (
        pausing(repository, line, policy, allowed_signers, now, until, holding, issuers) for line in lines
    )
    return [each for each in found if each.paused]


def _resumes(decision: Approval, policy: Policy, now: datetime) -> bool:
    return (
        decision.decision == "resume"
        and among(decision.who, policy.resumers)
        and decision.at <= now + CLOCK_SKEW
    )
