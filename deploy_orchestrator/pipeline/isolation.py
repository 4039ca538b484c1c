"""Whether tenants are kept apart: what is released, held against the checks of now."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.manifests import ISOLATION_CHECKS, Finding, excepted
from deploy_orchestrator.outcomes import Outcome, attempt
from deploy_orchestrator.pipeline.orchestrator import Orchestrator
from deploy_orchestrator.releases import Release
from deploy_orchestrator.terms import CommitId, Verdict

Findings = tuple[Finding, ...]
LetBy = Literal["nobody", "exception", "policy", "check"]
"""What lets a release break a check: an exception of the tenant, the environment's policy, or the check
itself, which only warns.
"""


@dataclass(frozen=True, slots=True)
class Lapse:
    """A check that a release does not keep, at which `object` (empty: all together), what to do about it, and
    what lets it.
    """

    check: str
    object: str
    message: str
    fix: str
    let_by: LetBy


@dataclass(frozen=True, slots=True)
class Certificate:
    """How many of `ISOLATION_CHECKS` a `release` of the time `since` has `kept`, and the lapses in the
    others, as it was looked at `at` a moment (UTC).
    """

    environment: str
    tenant: str
    release: CommitId
    since: datetime
    at: datetime
    kept: int
    lapses: tuple[Lapse, ...]

    @property
    def key(self) -> str:
        return f"{self.environment}/{self.tenant}"

    @property
    def is_broken(self) -> bool:
        """Whether a check is not kept, and nobody lets that."""
        return any(each.let_by == "nobody" for each in self.lapses)


@dataclass
class IsolationAudit:
    """Holds what `orchestrator` has released against the checks; what did not change since the last look is
    not checked again.
    """

    orchestrator: Orchestrator
    _known: dict[str, tuple[Release, Deployment, Findings]] = field(
        default_factory=dict[str, tuple[Release, Deployment, Findings]], init=False
    )

    def certificates(
        self, environment: str | None = None, tenant: str | None = None
    ) -> Iterator[tuple[str, Outcome[Certificate]]]:
        """Of each release, by key, or those of an `environment` or a `tenant` alone; an error in place of
        what cannot be told, as of who is not in the fleet any more.

        Raises:
            FleetError: as `Orchestrator.fleet`.
        """
        fleet, now = self.orchestrator.fleet(), datetime.now(UTC)
        for release in self.orchestrator.deployments.releases():
            if environment in (None, release.environment) and tenant in (None, release.tenant):
                yield release.key, attempt(self._certificate, release, fleet, now)

    def _certificate(self, release: Release, fleet: Fleet, now: datetime) -> Certificate:
        deployment = fleet.deployment(release.environment, release.tenant)
        found = excepted(self._findings(release, deployment), deployment, now)
        return Certificate(
            release.environment,
            release.tenant,
            release.commit,
            self.orchestrator.deployments.repository.commit(release.commit).time,
            now,
            len(ISOLATION_CHECKS) - len({each.rule for each in found}),
            tuple(_lapse(each, deployment) for each in found),
        )

    def _findings(self, release: Release, deployment: Deployment) -> Findings:
        known = self._known.get(release.key)
        if known and known[:2] == (release, deployment):
            return known[2]
        manifests = self.orchestrator.deployments.released_manifests(release)
        found = tuple(one for each in ISOLATION_CHECKS for one in each.findings(manifests, deployment))
        self._known[release.key] = release, deployment, found
        return found


def _lapse(finding: Finding, deployment: Deployment) -> Lapse:
    where = str(finding.object) if finding.object else ""
    return Lapse(finding.rule, where, finding.message, finding.fix, _let_by(finding, deployment))


def _let_by(finding: Finding, deployment: Deployment) -> LetBy:
    if finding.excepted:
        return "exception"
    override = deployment.environment.policy.checks.get(finding.rule)
    if override and override.severity is not Verdict.BLOCKED:
        return "policy"
    return "nobody" if finding.severity == "error" else "check"
