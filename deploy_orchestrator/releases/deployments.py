"""The deployments repository, typed: candidates and plans, releases, approvals, quarantine, history."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, TypeVar

from deploy_orchestrator.errors import OrchestratorError, Place
from deploy_orchestrator.fleet import Deployment, Destination, Issuer, Policy, Rules
from deploy_orchestrator.git import Commit, Ident, Repository, Signer, Tree
from deploy_orchestrator.identity import Issuers, Keys
from deploy_orchestrator.manifests import Diff, Manifests, committed_manifests, diff
from deploy_orchestrator.outcomes import Outcome, attempt, failures, raised, values
from deploy_orchestrator.releases import (
    approvals,
    deliveries,
    history,
    propose,
    publish,
    revert,
    reviews,
)
from deploy_orchestrator.releases import removal as removals
from deploy_orchestrator.releases.approvals import RejectedApproval
from deploy_orchestrator.releases.deliveries import Delivered
from deploy_orchestrator.releases.digest import FORMAT
from deploy_orchestrator.releases.errors import EARLIER, ReleaseError, Superseded
from deploy_orchestrator.releases.evaluation import Conditions, Judge, evaluate
from deploy_orchestrator.releases.gates import Gate
from deploy_orchestrator.releases.history import ReleaseChange, ReleaseEvent
from deploy_orchestrator.releases.holders import holders_of
from deploy_orchestrator.releases.last_changes import last_change
from deploy_orchestrator.releases.layout import MAIN, PLANS, RELEASES, Slot, released_content, slots
from deploy_orchestrator.releases.model import Approval, Plan, Quarantined, Release, ReleaseFile, Unchanged
from deploy_orchestrator.releases.pauses import Line, Pausing, pausing
from deploy_orchestrator.releases.propose import IsAncestor
from deploy_orchestrator.releases.revert import WayBack
from deploy_orchestrator.releases.rules import ReleasedRules, RulesChange, Settlement, read_rules
from deploy_orchestrator.releases.standing import SlotState

Part = TypeVar("Part")

BRANCHES = (MAIN, *(f"{each}*" for each in (approvals.BRANCH, deliveries.BRANCH, reviews.STEM)))
"""Those of the deployments repository that anything is read of: but for the first one, any that begin so, for
Git takes it as a failure where one that it is asked for by its whole name is not there.
"""
_NAMED = 20
"""Commits of others that are named one by one."""


@dataclass(frozen=True, slots=True)
class Deployments:
    """What is proposed and released, for every tenant in every environment.

    Reading tells what `repository` held when it was last fetched. Every write is one commit, made anew when
    somebody else was first, and may be repeated after a crash at any moment.

    `keys` are those that OpenID providers sign with now.

    Every method raises `DocumentError` or `ReleaseError` for a file on `main` that is not what this class
    writes, and `GitError` as the repository does.
    """

    repository: Repository
    keys: Keys = field(default=lambda _: (), compare=False)

    def plan(self, environment: str, tenant: str) -> Plan | None:
        """The newest plan, released or not."""
        return self._standing(Slot(environment, tenant)).plan

    def pending(self, environment: str, tenant: str) -> Plan | None:
        """The newest plan where it is not released."""
        return self._standing(Slot(environment, tenant)).pending

    def planned(self, environment: str, tenant: str) -> datetime | None:
        """When the plan that is there last changed; None where there is none."""
        main, path = self.repository.branch(MAIN), Slot(environment, tenant).plan
        if main.commit is None or not main.exists(path):
            return None
        return last_change(self.repository, main.commit, path).time

    def unchanged(self, environment: str, tenant: str) -> Unchanged | None:
        """Since when the fleet asks for what is pending, or else released, where that was remembered."""
        standing = self._standing(Slot(environment, tenant))
        kept, stands = standing.unchanged, standing.pending or standing.released
        return kept if kept and stands and kept.digest == stands.digest else None

    def pending_plans(self) -> list[Plan]:
        """Every plan that is not released, but for what `unreadable` tells."""
        return [plan for plan in values(self._each(PLANS, lambda standing: standing.pending)) if plan]

    def overtaken(self) -> list[Plan]:
        """Every plan that is released while a newer change waits behind it."""
        found = self._each(
            PLANS, lambda each: each.plan if each.plan and each.is_released(each.plan) else None
        )
        return [plan for plan in values(found) if plan and plan.behind]

    def manifests(self, environment: str, tenant: str) -> Manifests | None:
        """The newest candidate's manifests, released or not."""
        main, path = self.repository.branch(MAIN), Slot(environment, tenant).manifests
        return committed_manifests(main, path) if main.exists(path) else None

    def release(self, environment: str, tenant: str) -> Release | None:
        """What is released now."""
        return self._standing(Slot(environment, tenant)).release

    def emptied(self, environment: str, tenant: str) -> str | None:
        """The commit that took away what was released, where nothing is; None where nothing ever was."""
        return self._standing(Slot(environment, tenant)).emptied

    def releases(self) -> list[Release]:
        """Everything that is released now, but for what `unreadable` tells."""
        found = self._each(RELEASES, lambda standing: standing.release)
        return [release for release in values(found) if release]

    def holders(self, destination: Destination) -> tuple[ReleaseFile, ...]:
        """What is released into its namespaces."""
        main = self.repository.branch(MAIN)
        places = {(destination.cluster, each) for each in destination.namespaces}
        there = holders_of(self.repository, main.commit, places) if main.commit else ()
        return tuple(each for each in (slot.read_release(main) for slot in there) if each)

    def objects(self, environment: str, tenant: str) -> frozenset[str]:
        """The objects of the newest candidate, as `ObjectKey.file`."""
        return frozenset(self.repository.branch(MAIN).names(Slot(environment, tenant).manifests))

    def objects_of(self, release: ReleaseFile) -> frozenset[str]:
        """The objects of a release, as `ObjectKey.file`. Raises RevisionNotFound where its commit is gone."""
        return frozenset(self.repository.at(release.revision).names(release.path))

    def unreadable(self) -> list[OrchestratorError]:
        """What is wrong with plans and release files on `main`, each being left out of the lists of all
        others, and with the rules, without which nothing is released; and what others than the orchestrator
        wrote there, which counts for nothing until it is put back.
        """
        found = failures(enumerate([*self._each(PLANS, lambda standing: standing.plan), attempt(self.rules)]))
        others = map(_by_others, self.repository.by_others()[:_NAMED])
        return [*(error for _, error in found), *self.unreadable_releases(), *others]

    def unreadable_releases(self, environment: str | None = None) -> list[OrchestratorError]:
        """What is wrong with release files on `main`, or with those of an `environment`: `releases` leaves
        them out.
        """
        files = self._each(RELEASES, lambda standing: standing.released, environment)
        return [error for _, error in failures(enumerate(files))]

    def put_back(self) -> None:
        """Put back what others wrote over what the orchestrator had signed: until then it counts for nothing
        here, but an engine may follow it.
        """
        if self.repository.by_others():
            self.repository.write_all(MAIN, [])

    def released_manifests(self, release: ReleaseFile) -> Manifests:
        """The manifests that a release stands for.

        Raises:
            ReleaseError: what stands at its commit is not what it says.
        """
        manifests = committed_manifests(self.repository.at(release.revision), release.path)
        _check_content(release, manifests.content)
        return manifests

    def is_released(self, deployment: Deployment, content: str) -> bool:
        """Whether manifests of this `content` are what is released there, and stand as they were released.

        Raises:
            ReleaseError: as `released_manifests`.
        """
        released = self._standing(Slot(deployment.environment.name, deployment.tenant.name)).released
        if released is None or released.content != content:
            return False
        if not released.destination.is_same(deployment.destination):
            return False
        self.check_intact(released)
        return True

    def check_intact(self, release: ReleaseFile) -> None:
        """Hold what a release points at against what was released.

        Raises:
            ReleaseError: as `released_manifests`.
        """
        _check_content(release, released_content(self.repository, release))

    def difference(self, plan: Plan) -> Diff | None:
        """What `plan` would change in what is released; None where no manifests stand there.

        Raises:
            Superseded: another plan stands there by now, or other manifests than were planned.
        """
        slot = Slot(plan.environment, plan.tenant)
        here = self._standing(slot)
        if here.plan is None or here.plan.digest != plan.digest:
            raise Superseded(f"{plan.key}: something else is planned by now", fix="look at that")
        if not here.tree.exists(slot.manifests):
            return None
        manifests, release = committed_manifests(here.tree, slot.manifests), here.release
        if manifests.content != plan.content:
            raise Superseded(f"{plan.key}: the manifests are not those that were planned", fix="plan it anew")
        return diff(self.released_manifests(release) if release else None, manifests).between(
            release.destination if release else None, plan.destination
        )

    def propose(self, plan: Plan, manifests: Manifests, is_ancestor: IsAncestor) -> Plan | None:
        """Commit a candidate: its manifests in place of the ones there, and its plan. Nothing is released
        by it.

        Where the candidate is what is released already, a pending plan is withdrawn. A candidate from an
        older source commit than the one that was proposed last changes nothing; `is_ancestor` tells whether
        the first of two commits of the fleet repository is in the history of the second. Neither does one
        that stands there already; what somebody else has edited of it is put back.

        Returns:
            The plan that is pending now, None where nothing is left to release.

        Raises:
            Superseded: what is released is no longer what the plan replaces, or `manifests` are not the
                planned ones.
        """
        return raised(self.propose_all([(plan, manifests)], is_ancestor)[0])

    def propose_all(
        self,
        candidates: Sequence[tuple[Plan, Manifests]],
        is_ancestor: IsAncestor,
        awaited: Collection[str] = (),
    ) -> list[Outcome[Plan | None]]:
        """As `propose` for many candidates of one fleet commit, in one commit and in their order; an error
        stands in place of a plan that could not be committed.

        Of those whose keys are `awaited`, because others wait for them, it is remembered also since when the
        same is asked for: `unchanged`.
        """
        return propose.propose(self.repository, candidates, is_ancestor, awaited, datetime.now(UTC))

    def clear(self, environment: str, tenant: str, removal: Release | None = None) -> Commit | None:
        """Take away the files of a deployment of which nothing is live: after its `removal` was synced, or
        where none was ever released.

        Returns:
            None where another release stands there, or nothing is left to take away.
        """
        return removals.clear(self.repository, environment, tenant, removal)

    def gates(self, plan: Plan, conditions: Conditions) -> tuple[Gate, ...]:
        """Everything that stands between `plan` and its release, open or not."""
        return evaluate(self._standing(Slot(plan.environment, plan.tenant)), plan, conditions).gates

    def environments(self) -> frozenset[str]:
        """Those in which anything is released."""
        return frozenset(each.environment for each in slots(self.repository.branch(MAIN), RELEASES))

    def rules(self) -> Mapping[str, ReleasedRules]:
        """The rules that are released, by environment."""
        return read_rules(self.repository.branch(MAIN))

    def release_plans(
        self,
        plans: Sequence[Plan],
        look: Callable[[], Judge],
        settle: Callable[[], Settlement | None] = lambda: None,
    ) -> list[Outcome[Release]]:
        """Release many pending plans: a commit for each that writes its release file, all pushed in one go
        and in their order, with everything checked against that commit's parent: digest, what it replaces,
        manifests, signatures and gates.

        `look` is asked anew at each attempt to write, for what is to be judged by then, and after it
        `settle` for the rules that count by then, which are written down in a commit before.

        Returns:
            For each, in their order, the release, or the one that stands where this digest is released
            already; or an error: GatesClosed where a gate is not open, Superseded where another plan is
            pending now, or what `look` raises for it.
        """
        return publish.release(self.repository, plans, look, settle)

    def decide(
        self,
        plan: Plan | RulesChange,
        decision: Literal["approve", "reject", "break-glass"],
        reason: str,
        signer: Signer,
        now: datetime,
    ) -> Commit:
        """As `decide_all` for one."""
        return self.decide_all([plan], decision, reason, signer, now)[0]

    def decide_all(
        self,
        plans: Sequence[Plan | RulesChange],
        decision: Literal["approve", "reject", "break-glass"],
        reason: str,
        signer: Signer,
        now: datetime,
    ) -> list[Commit]:
        """Push a person's decision on each of `plans`, or changes of the rules, to the branch `approvals`, a
        commit each, signed by them. Their last decision counts.

        Raises:
            SigningFailed: the key does not sign.
            ReleaseError: the signer's e-mail or the reason is none that can be written down.
            Superseded: it was planned by an earlier version.
        """
        for plan in plans:
            if isinstance(plan, Plan) and plan.format < FORMAT:
                raise Superseded(
                    f"{plan.key}: {EARLIER}; a decision on it would be void", fix="plan again, then decide"
                )
        subjects = [(plan.key, plan.digest) for plan in plans]
        return approvals.sign(self.repository, subjects, decision, reason, signer, now)

    def stop(
        self, line: Line, decision: Literal["pause", "resume"], reason: str, signer: Signer, now: datetime
    ) -> Commit:
        """Push a person's decision that nothing is released on a `line`, or that it is again. Raises as
        `decide`.
        """
        (commit,) = approvals.sign(self.repository, [(line.key, line.digest)], decision, reason, signer, now)
        return commit

    def decided_lines(self, lines: Sequence[Line]) -> list[Line]:
        """Those of `lines` that anybody ever decided on."""
        return approvals.decided_among(self.repository, lines, lambda each: each.digest)

    def pausing(
        self,
        line: Line,
        policy: Policy,
        allowed_signers: bytes,
        now: datetime,
        holding: Rules | None = None,
        issuers: Sequence[Issuer] = (),
    ) -> Pausing:
        """Who has paused a `line`, and who resumed it last, as the `policy` of its environment lets them, and
        the rules that are `holding` still.
        """
        trusted = Issuers(tuple(issuers), self.keys)
        return pausing(self.repository, line, policy, allowed_signers, now, holding=holding, issuers=trusted)

    def record(
        self,
        subject: Plan | Line,
        decision: Literal["approve", "reject", "pause", "resume"],
        reason: str,
        token: str,
        issuers: Sequence[Issuer],
    ) -> Approval:
        """Push a person's decision on a plan or a line with the ID `token` that proves it.

        Raises:
            NotProved: it proves no such decision, or is of none of the `issuers`.
            ReleaseError: it stands already.
        """
        trusted = Issuers(tuple(issuers), self.keys)
        return approvals.record(
            self.repository, subject.key, subject.digest, decision, reason, token, trusted
        )

    def approvals(
        self,
        digest: str,
        allowed_signers: bytes,
        issuers: Sequence[Issuer] = (),
        holding: Rules | None = None,
    ) -> tuple[list[Approval], list[RejectedApproval]]:
        """The decisions on `digest` that are believed, by signature or by an ID token of one of `issuers`,
        and those that are not, with the reason.

        Believed is the last commit on a person's file, if a key of that person in `allowed_signers` signed
        it or a token there proves it, it changes nothing else, and the file is about this digest and this
        person. A rejection is undone by its author only, whatever others push. By the rules that are
        `holding` still, what holds something back is believed as well. Which of them count is for the
        environment's policy: see `gates`.
        """
        trusted = Issuers(tuple(issuers), self.keys)
        return approvals.decided(self.repository, digest, allowed_signers, issuers=trusted, holding=holding)

    def quarantine(self, environment: str, tenant: str) -> list[Quarantined]:
        """What was reverted, oldest first."""
        return list(self._standing(Slot(environment, tenant)).quarantine)

    def history(self, environment: str, tenant: str) -> list[ReleaseEvent]:
        """What was released, reverted and removed, newest first."""
        main = self.repository.branch(MAIN)
        return history.events(self.repository, main.commit, Slot(environment, tenant)) if main.commit else []

    def event(
        self, environment: str, tenant: str, commit: str, kind: Literal["release", "revert", "removal"]
    ) -> ReleaseEvent:
        """What a `commit` of `main` did that is of this `kind`."""
        return history.event_of(self.repository, commit, Slot(environment, tenant), kind)

    def changes(self, since: str | None = None) -> tuple[ReleaseChange, ...]:
        """Every change of what is released, of all tenants and oldest first, without those that the commit
        `since` has: one that `main` had, else all are told.
        """
        head = self.repository.head(MAIN)
        return tuple(history.changes(self.repository, head, self._known(since, head))) if head else ()

    def record_deliveries(self, delivered: Sequence[Delivered]) -> Commit | None:
        """Remember in Git how making releases live went, on the branch `deliveries`; None where that is known
        already. A release that was healthy once is never called failed later.
        """
        return deliveries.record(self.repository, delivered)

    def deliveries(self, since: str | None = None) -> tuple[Delivered, ...]:
        """What `record_deliveries` has remembered, oldest first, without what the commit `since` of that
        branch has.
        """
        head = self.repository.head(deliveries.BRANCH)
        found = deliveries.deliveries(self.repository, head, self._known(since, head)) if head else ()
        return tuple(found)

    def _known(self, since: str | None, head: str) -> str | None:
        return since if since and self.repository.leads_to(since, head) else None

    def way_back(self, environment: str, tenant: str, to: str | None = None) -> WayBack:
        """How to go back from what is released to the release before, or to the one that the commit `to` made
        or brought back, and what stands in the way.

        Raises:
            RevertRefused: there is no such way, or one of the releases on it must not be undone.
        """
        return revert.way_back(self._standing(Slot(environment, tenant)), to)

    def revert(
        self, release: Release, reason: str, now: datetime, by: Ident | None = None, to: str | None = None
    ) -> Release:
        """Undo `release`, which must be what is released now: `git revert` of its commit, and its content
        in quarantine; and so each one before it that came after the commit `to`, all in one push.

        Returns:
            What is released then; also when it was reverted before.

        Raises:
            RevertRefused: nothing was released before it, something else is released now, or it ran a hook
                annotated `deploy-orchestrator.io/irreversible: "true"` that the release before did not
                have.
        """
        return revert.revert(self.repository, release, reason, now, by, to)

    def _standing(self, slot: Slot) -> SlotState:
        return _standing(self.repository, self.repository.branch(MAIN), slot)

    def _each(
        self, folder: str, part: Callable[[SlotState], Part], environment: str | None = None
    ) -> list[Outcome[Part]]:
        main = self.repository.branch(MAIN)
        wanted = (each for each in slots(main, folder) if environment in (None, each.environment))
        found = [_standing(self.repository, main, slot) for slot in wanted]
        return [attempt(part, each) for each in found]


@lru_cache(maxsize=8192)
def _standing(repository: Repository, tree: Tree, slot: Slot) -> SlotState:
    """What stands in a slot of a commit is that for ever, and read once by all who ask for it."""
    return SlotState(repository, tree, slot)


def _by_others(commit: Commit) -> ReleaseError:
    return ReleaseError(
        f"{commit.id} by {str(commit.author)!r} is not signed by the orchestrator's key: {commit.subject!r}",
        place=Place(MAIN),
        fix="it counts for nothing and is put back by the next write; find out who pushed it, and protect "
        "the branch",
    )


def _check_content(release: ReleaseFile, content: str | None) -> None:
    if content != release.content:
        raise ReleaseError(
            f"{release.key}: the manifests at {release.revision} are not those that were released",
            place=Place(release.path),
            fix="revert the release, or release anew",
        )
