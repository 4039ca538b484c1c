"""The pipeline on one page: what the rooms do for one deployment, from a fleet commit to a live release."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from deploy_orchestrator.delivery import Engine, Status, Verification, follow, states, verifications
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import (
    Deployment,
    Fleet,
    FleetError,
    MachineToken,
    Policy,
    Subscription,
    last_readable,
    load,
)
from deploy_orchestrator.git import Commit, Ident, PushRejected, Repository, RevisionNotFound, Signer
from deploy_orchestrator.identity import Keyring
from deploy_orchestrator.manifests import Manifests, Workspace
from deploy_orchestrator.outcomes import Outcome, attempt, in_order, raised, through, values
from deploy_orchestrator.pipeline import logged
from deploy_orchestrator.pipeline.delivered import delivery, remember
from deploy_orchestrator.pipeline.moment import Moment
from deploy_orchestrator.pipeline.reviewing import ask, given
from deploy_orchestrator.pipeline.rules import in_force, rules_now, settlement
from deploy_orchestrator.releases import (
    BRANCHES,
    MAIN,
    Approval,
    Audited,
    Delivered,
    Deployments,
    Expiry,
    Gate,
    Glass,
    Judge,
    Line,
    Pausing,
    Plan,
    RejectedApproval,
    Release,
    RevertRefused,
    RulesChange,
    RulesStanding,
    Settlement,
    break_glass,
    expiries,
)
from deploy_orchestrator.settings import Settings
from deploy_orchestrator.subscriptions import UPGRADES

if TYPE_CHECKING:
    from deploy_orchestrator.foresight import Survey
    from deploy_orchestrator.forges import Forge
    from deploy_orchestrator.images import AuditedImage, MirroredImage, Running
    from deploy_orchestrator.manifests import ImageReference
    from deploy_orchestrator.pipeline.preview import Preview, Previews, Rendered
    from deploy_orchestrator.pipeline.running import ToMirror
    from deploy_orchestrator.registries import Web
    from deploy_orchestrator.subscriptions import Offer

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """A release that has been unhealthy for longer than its environment's policy allows."""

    release: Release
    reason: str


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """Both repositories, the render cache and the delivery engine of one installation.

    Methods read the repositories as they were last fetched (`open` fetches) and may be called again after a
    crash at any line. Each deployment succeeds or fails for itself.
    """

    fleet_repository: Repository
    deployments: Deployments
    engine: Engine
    workspace: Workspace

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Generator[Self]:
        """The installation that `settings` describe, with its clones made or brought up to date.

        Raises:
            GitError: a repository cannot be reached.
        """
        clones = settings.home / "clones"
        fleet = Repository.clone(settings.fleet, clones / "fleet", branches=(MAIN, f"{UPGRADES}*"))
        deployments = Repository.clone(
            settings.deployments, clones / "deployments", seal=settings.seal(MAIN), branches=BRANCHES
        )
        with closing(Workspace(settings.home / "cache")) as workspace:
            yield cls(
                fleet,
                Deployments(deployments, Keyring(_web_of)),
                _engine(settings, fleet, deployments),
                workspace,
            )

    def fleet(self, revision: str = "main") -> Fleet:
        """The fleet as it stands at a `revision` of its repository, with the rules that count by now of those
        that it has.

        Raises:
            FleetError: fleet.yaml itself is broken.
        """
        return self._counting(load(self.fleet_repository.at(revision)))

    def rules(self) -> dict[str, RulesStanding]:
        """How it stands with the rules that the newest fleet wants, by environment. Raises FleetError as
        `fleet`.
        """
        return self._rules(load(self.fleet_repository.at("main")), datetime.now(UTC))

    def machines(self) -> tuple[MachineToken, ...]:
        """The tokens of machines that count: those that the newest fleet lists as the rules do that are
        released of every environment there is, or where anything is released still.

        Raises:
            FleetError: no fleet can be read.
            DocumentError, ReleaseError: somebody broke the rules that are released.
        """
        fleet, deployments = last_readable(self.fleet_repository), self.deployments
        there = {each.name for each in fleet.environments} | deployments.environments()
        released = [each.rules.tokens for name, each in deployments.rules().items() if name in there]
        return tuple(each for each in fleet.tokens if released and all(each in some for some in released))

    def offering(self, forge: "Forge | None", *, propose: bool) -> Callable[[Subscription], "Offer"]:
        """What looks for newer versions of something that the newest fleet follows, as `subscriptions.offer`
        does, and asks each repository once for all of it. Raises FleetError as `fleet`.
        """
        from deploy_orchestrator.subscriptions import offer

        fleet = load(self.fleet_repository.at(MAIN))
        repositories = self.workspace.repositories(fleet.mirrors, fleet.egress)
        return partial(
            offer,
            fleet=fleet,
            repository=self.fleet_repository,
            repositories=repositories,
            workspace=self.workspace,
            forge=forge,
            propose=propose,
        )

    def audit(self, home: Path, *, anew: bool = False) -> Audited:
        """Hold each commit of the deployments repository that was not audited yet, or each at all, against
        what it had to be. `home` keeps how far it came, also where it is interrupted.
        """
        from deploy_orchestrator.pipeline.auditing import Fleets, audited

        fleets = Fleets(self.fleet_repository, self.workspace)
        return audited(self.deployments.repository, fleets, home, anew=anew)

    def settle_rules(self) -> None:
        """Write down the rules that count by now as released; the first ones are trusted."""
        self.release_all([])

    def broken_fleet(self) -> FleetError | None:
        """What is wrong with the newest fleet; None where it can be read. Meanwhile all that is released goes
        by the last one that can be.
        """
        try:
            self.fleet()
        except FleetError as error:
            return FleetError(
                f"{error.what}; until then what is released goes by the last fleet that can be read",
                place=error.place,
                fix=error.fix,
            )
        return None

    def survey(self) -> "Survey":
        """What the newest fleet commit is built on. Raises FleetError as `fleet`."""
        from deploy_orchestrator.foresight import survey

        fleet = self.fleet()
        return survey(fleet, self.workspace.repositories(fleet.mirrors, fleet.egress))

    def checked(
        self, deployments: Iterable[Deployment], fleet: Fleet
    ) -> Iterator[tuple[str, Outcome["Rendered"]]]:
        """The manifests of many deployments of `fleet`, checked, by key; an error stands in place of one."""
        return self._each(self._previews.checked, deployments, fleet)

    def running(
        self, wanted: Callable[[str, str], bool] = lambda environment, tenant: True
    ) -> list[tuple[str, Outcome["Running"]]]:
        """What the newest fleet asks for, and then what is released, of those whose environment and tenant
        are `wanted`, by key; an error in place of what cannot be told. Raises FleetError as `fleet`.
        """
        from deploy_orchestrator.pipeline.running import candidates, released

        fleet = self.fleet()
        asked = [each for each in fleet.deployments() if wanted(each.environment.name, each.tenant.name)]
        releases = [each for each in self.deployments.releases() if wanted(each.environment, each.tenant)]
        return [*candidates(fleet, asked, self.workspace), *released(releases, self.deployments)]

    def images(self, running: Iterable["Running"]) -> list["AuditedImage"]:
        """Every image of what is `running`, as its registry has it now. Raises FleetError as `fleet`."""
        from deploy_orchestrator.images import audit, remote_of, run_by

        return list(audit(run_by(running), remote_of(self.fleet(), self.workspace)))

    def to_mirror(self, wanted: Callable[[str, str], bool], place: str | None) -> "ToMirror":
        """What of the newest fleet's images is to be copied where, of those whose environment and tenant are
        `wanted`: below a `place`, or where the fleet's mirrors of images are.

        Raises:
            FleetError: as `fleet`, or there are no such mirrors.
        """
        from deploy_orchestrator.pipeline.running import to_mirror

        fleet = self.fleet()
        asked = [each for each in fleet.deployments() if wanted(each.environment.name, each.tenant.name)]
        return to_mirror(fleet, asked, self.workspace, place)

    def mirror(
        self,
        pairs: "Iterable[tuple[ImageReference, ImageReference]]",
        place: str | None,
        platforms: tuple[str, ...],
        *,
        replaces: bool,
    ) -> "Iterator[MirroredImage]":
        """Copy images to where they go; see `images.Mirror`. What is at `place` may be written to."""
        from deploy_orchestrator.images import Mirror, RemoteImages
        from deploy_orchestrator.registries import Internet

        egress = self.fleet().egress
        web = Internet(egress.naming(f"oci://{place}") if place else egress)
        return Mirror(RemoteImages(web, self.workspace.images), platforms, replaces).copied(pairs)

    def previews(
        self, deployments: Iterable[Deployment], fleet: Fleet
    ) -> Iterator[tuple[str, Outcome["Preview"]]]:
        """As `checked`, each compared with what is released, and the difference judged.

        The fleet need not be committed: it may be one that is only thought of.
        """
        return self._each(self._previews.of, deployments, fleet)

    def changes(
        self, deployments: Iterable[Deployment], fleet: Fleet
    ) -> Iterator[tuple[str, Outcome["Preview | None"]]]:
        """As `previews`, with None for what is released as the fleet has it: that is neither checked again
        nor compared.
        """
        return self._each(self._previews.change, deployments, fleet)

    def propose(self, previews: Sequence["Preview"]) -> list[Outcome[Plan | None]]:
        """Commit many previews of one fleet commit as candidates with their plans, in one commit.

        Returns:
            For each, in their order, the plan that is pending now, None where the candidate is what is
            released already; or an error, as a ManifestError where a Secret holds plain values, which Git
            would keep for good. A plan that has soaked in the environments before stays pending in place of
            a newer one that has to, and builds on it.
        """
        awaited = {preview.plan.key for preview in previews if preview.awaited}
        proposed = through(
            self._candidates(previews),
            lambda candidates: self.deployments.propose_all(candidates, self._is_overtaken, awaited),
        )
        logged.proposed(proposed)
        return proposed

    def preview_removal(self, environment: str, tenant: str) -> "Preview":
        """What removing a deployment that the fleet no longer asks for would delete. Nothing is written.

        Raises:
            FleetError: the fleet asks for it, or has no such environment.
            ReleaseError: nothing is released there, or it is being removed.
        """
        return self._previews.of_removal(environment, tenant, self.fleet())

    def plan_removal(self, environment: str, tenant: str) -> Plan | None:
        """Commit what `preview_removal` gives as the candidate. It is released and synced as any other plan,
        and `deliver` clears its files away when nothing is left. Raises as `preview_removal`.
        """
        return raised(self.propose([self.preview_removal(environment, tenant)])[0])

    def gates(self, plan: Plan) -> tuple[Gate, ...]:
        """Everything that stands between `plan` and its release, open or not, as of now.

        Where the fleet no longer has its tenant there, or that is broken, one closed gate says so.
        """
        return self._moment([plan]).gates(plan)

    def pending(
        self, environment: str | None = None, tenant: str | None = None
    ) -> Iterator[tuple[Plan, Outcome[tuple[Gate, ...]]]]:
        """Every pending plan, or those of an `environment` or a `tenant`, with its gates, of one look at the
        engine; an error in place of those that cannot be told.
        """
        plans = [
            each
            for each in self.deployments.pending_plans()
            if environment in (None, each.environment) and tenant in (None, each.tenant)
        ]
        moment = self._moment(plans)
        for plan in plans:
            yield plan, attempt(moment.gates, plan)

    def glass(self, plan: Plan) -> Glass:
        """Who breaks the glass for a pending plan. Raises FleetError as `fleet`."""
        fleet = self.fleet()
        rule = fleet.environment(plan.environment).policy.break_glass
        decisions, _ = self._decisions(fleet, plan)
        return break_glass(decisions, rule, plan.source, datetime.now(UTC), plan.widened)

    def expiries(self, plan: Plan) -> tuple[Expiry, ...]:
        """When the approvals of a pending plan expire or have expired; by the last fleet that can be read."""
        fleet = self._last_readable()
        rule = fleet.environment(plan.environment).policy.approval
        decisions, _ = self._decisions(fleet, plan)
        return expiries(decisions, rule, plan.source, datetime.now(UTC))

    def release(self, plan: Plan) -> Release:
        """Release a pending plan.

        Raises:
            GatesClosed: something still stands in its way.
            Superseded: it is no longer what is pending.
            FleetError: the fleet no longer has its tenant there, or that is broken.
        """
        return raised(self.release_all([plan])[0])

    def release_all(self, plans: Sequence[Plan]) -> list[Outcome[Release]]:
        """Release many pending plans, in a commit each, all pushed in one go and in their order.

        At each attempt to write both repositories are fetched, and everything is judged anew: policies, keys,
        approvals, what is released, and whether the fleet still asks for it. Where the policy asks something
        of images, registries are asked whether their names still lead to what was planned.

        Returns:
            For each, in their order, the release or an error: GatesClosed where something still stands in
            its way, Superseded where it is no longer what is pending, FleetError where the fleet no longer
            has the tenant there, or that is broken.
        """

        moment: Moment | None = None
        images: Callable[[Plan], Gate] | None = None

        def look() -> Judge:
            nonlocal moment, images
            self.fleet_repository.fetch()
            found = self._moment(plans)
            images = images or self._images(found.fleet, plans)
            moment = replace(found, images=images)
            return moment.conditions

        def settle() -> Settlement | None:
            if moment is None:
                return None
            return settlement(moment.fleet, moment.rules, self.fleet_repository, self.deployments, moment.now)

        released = self.deployments.release_plans(plans, look, settle)
        logged.released(released)
        return released

    def decide(
        self,
        plan: Plan | RulesChange,
        decision: Literal["approve", "reject", "break-glass"],
        reason: str,
        signer: Signer,
    ) -> Commit:
        """Push a person's signed decision on exactly the bytes of `plan`, or on a change of the rules."""
        return self.decide_all([plan], decision, reason, signer)[0]

    def decide_all(
        self,
        plans: Sequence[Plan | RulesChange],
        decision: Literal["approve", "reject", "break-glass"],
        reason: str,
        signer: Signer,
    ) -> list[Commit]:
        """As `decide` for many, a commit each, pushed in one go."""
        return self.deployments.decide_all(plans, decision, reason, signer, datetime.now(UTC))

    def record(
        self,
        subject: Plan | Line,
        decision: Literal["approve", "reject", "pause", "resume"],
        reason: str,
        token: str,
    ) -> Approval:
        """Push a person's decision on exactly the bytes of a plan, or on a line, with the ID token that
        proves it. Raises NotProved where it does not.
        """
        issuers = self.fleet().trusted(subject.environment)
        return self.deployments.record(subject, decision, reason, token, issuers)

    def decisions(self, plan: Plan) -> tuple[list[Approval], list[RejectedApproval]]:
        """The decisions on `plan` that are believed, and those that are not. Raises FleetError as `fleet`."""
        return self._decisions(self.fleet(), plan)

    def _decisions(self, fleet: Fleet, plan: Plan) -> tuple[list[Approval], list[RejectedApproval]]:
        signers, issuers = fleet.signers(plan.environment), fleet.trusted(plan.environment)
        believed, refused = self.deployments.approvals(plan.digest, signers, issuers)
        reviewed = self.reviews(plan, fleet)
        return [*believed, *(() if isinstance(reviewed, OrchestratorError) else reviewed)], refused

    def reviews(self, plan: Plan, fleet: Fleet) -> Outcome[tuple[Approval, ...]]:
        """What people say of `plan` on the forge that the rules of `fleet` name, or why that cannot tell."""
        rules = self._rules(fleet, datetime.now(UTC))
        return attempt(given(self.deployments, fleet, rules), plan)

    def ask_for_reviews(self) -> None:
        """Have a pull request open for each plan that people let through, where the rules name a forge, and
        none for what waits no more.

        Raises:
            FleetError: as `fleet`.
            ForgeError, RepositoryError: the forge refuses, or cannot be reached.
        """
        ask(self.deployments, self.fleet(), self.deployments.pending_plans())

    def stop(self, line: Line, decision: Literal["pause", "resume"], reason: str, signer: Signer) -> Commit:
        """Push a person's signed decision that nothing is released on a `line`, or that it is again."""
        return self.deployments.stop(line, decision, reason, signer, datetime.now(UTC))

    def pausing(self, environment: str | None = None, tenant: str | None = None) -> list[Pausing]:
        """What was ever paused and counts now, or was resumed, environment by environment; or what of that
        holds an `environment` or a `tenant`.

        While fleet.yaml is broken, the policies from before hold.
        """
        fleet, now = self._last_readable(), datetime.now(UTC)
        tenants = sorted(
            {*fleet.tenants, *fleet.broken, *(each.tenant for each in self.deployments.releases())}
        )
        rules = attempt(self.rules)
        holding = (
            {} if isinstance(rules, OrchestratorError) else {name: rules[name].holding for name in rules}
        )
        lines = (
            line
            for each in fleet.environments
            for line in (Line(each.name), *(Line(each.name, name) for name in tenants))
            if line.holds(environment or each.name, tenant or line.tenant or "")
        )
        found = (
            self.deployments.pausing(
                line,
                fleet.environment(line.environment).policy,
                fleet.signers(line.environment),
                now,
                holding.get(line.environment),
                fleet.trusted(line.environment),
            )
            for line in self.deployments.decided_lines([*lines])
        )
        return [each for each in found if each.paused or each.resumed]

    def deliver(self, release: Release, report: Callable[[Status], None] = lambda status: None) -> Status:
        """Sync `release` and follow it until it is live and healthy; clear away what a removal leaves.

        Raises:
            ReleaseError: what the release points at is not what was released.
            SyncError: it failed, or was not healthy within what its environment's policy allows.
        """
        ((_, outcome),) = self.deliver_all([release], report)
        return raised(outcome)

    def deliver_all(
        self, releases: Sequence[Release], report: Callable[[Status], None] = lambda status: None
    ) -> Iterator[tuple[Release, Outcome[Status]]]:
        """As `deliver` for many `releases` of one environment, one of each tenant, all at the same time: each
        with its status as soon as it is live and healthy, or with what it failed by in place of one.

        Raises:
            EngineUnreachable: the engine does not answer.
        """
        intact: list[Release] = []
        for release in releases:
            if altered := attempt(self.deployments.check_intact, release):
                yield release, altered
            else:
                intact.append(release)
        if not intact:
            return
        policy = self._policy(intact[0])
        delivered: list[Delivered] = []
        try:
            for release, outcome in follow(
                self.engine, intact, policy.deadline, policy.rollback_after, report
            ):
                if told := delivery(release, outcome):
                    delivered.append(told)
                    logged.delivered(release, told)
                yield release, attempt(self._settled, release, outcome)
        finally:
            remember(self.deployments, delivered)

    def verifications(self, release: Release, status: Status) -> tuple[Verification, ...]:
        """The tests that came with `release`, and how they went."""
        return verifications(release, self.deployments.released_manifests(release), status)

    def live(self) -> list[tuple[Release, Outcome[Status]]]:
        """Everything that is released, with the state it is in.

        An error stands in place of the state where the engine of an environment does not tell it, and where
        the release points at something else than what was released.
        """
        found = states(self.engine, self.deployments.releases())
        return [
            (release, attempt(self.deployments.check_intact, release) or state) for release, state in found
        ]

    def unhealthy(self) -> list[Unhealthy]:
        """Every release that has been unhealthy for longer than its environment's policy allows.

        Where the fleet no longer has the environment there is no policy, and nothing is judged. While
        fleet.yaml is broken, what it said before holds, so that the way back stays open.
        """
        environments = self._last_readable().environments
        policies = {environment.name: environment.policy for environment in environments}
        return [
            found
            for release, status in self.live()
            if isinstance(status, Status)
            and (policy := policies.get(release.environment))
            and (found := _unhealthy(release, status, policy))
        ]

    def revert_unhealthy(self, environment: str, tenant: str) -> Release | None:
        """Revert the commit of a release that stays unhealthy; None where it does not (any more).

        Raises:
            RevertRefused: there is nothing to go back to, going back would lose data, or a revert brought the
                release back, so that what is wrong is elsewhere: a person must act.
        """
        release = self.deployments.release(environment, tenant)
        if release is None:
            return None
        found = _unhealthy(release, self.engine.status(environment, tenant), self._policy(release))
        if found is None:
            return None
        if self.deployments.history(environment, tenant)[0].kind == "revert":
            raise RevertRefused(
                f"{release.key}: it was brought back by a revert, and is unhealthy too: {found.reason}",
                fix="look for what is wrong outside of the release; roll back by hand if that helps",
            )
        reverted = self.deployments.revert(release, found.reason, datetime.now(UTC))
        logged.reverted(release, reverted, found.reason)
        return reverted

    def roll_back(
        self,
        environment: str,
        tenant: str,
        reason: str,
        by: Ident | None = None,
        *,
        to: str | None = None,
        seen: str | None = None,
    ) -> Release:
        """Revert the commit of the current release because a person says so, and with `to` those of all
        before it up to the release that this commit made. Where they have `seen` a release, by its commit, it
        must still be that one.

        Raises:
            RevertRefused: nothing is released, or another than was seen, or as `revert_unhealthy`.
            PushRejected: whoever asks may not push to the deployments repository.
        """
        release = self.deployments.release(environment, tenant)
        if release is None:
            raise RevertRefused(f"{environment}/{tenant}: nothing is released")
        if seen not in (None, release.commit):
            raise RevertRefused(
                f"{release.key}: something else is released by now", fix="look at it, and decide again"
            )
        try:
            reverted = self.deployments.revert(release, reason, datetime.now(UTC), by, to)
        except PushRejected as error:
            raise PushRejected(
                f"{release.key}: {error.what}",
                fix="run the same command where the orchestrator runs, with its settings and its login: only "
                "that may push to 'main' of the deployments repository",
            ) from error
        logged.reverted(release, reverted, reason)
        return reverted

    def _settled(self, release: Release, outcome: Outcome[Status]) -> Status:
        status = raised(outcome)
        if release.removal:
            self.deployments.clear(release.environment, release.tenant, release)
        return status

    def _each(
        self, make: Callable[[Fleet, Deployment], Found], deployments: Iterable[Deployment], fleet: Fleet
    ) -> Iterator[tuple[str, Outcome[Found]]]:
        found = in_order(partial(make, fleet), deployments, self.workspace.workers.count)
        return ((deployment.key, outcome) for deployment, outcome in found)

    @property
    def _previews(self) -> "Previews":
        from deploy_orchestrator.pipeline.preview import Previews

        return Previews(self.fleet_repository, self.deployments, self.workspace)

    def overtaken(self) -> list[Plan]:
        """Every plan that is released while a newer change waits behind it, which the fleet still asks for.
        Raises FleetError as `fleet`.
        """
        fleet = self.fleet()
        found = self.deployments.overtaken()
        return [plan for plan in found if fleet.asks_for(plan.environment, plan.tenant)]

    def _candidates(self, previews: Sequence["Preview"]) -> list[Outcome[tuple[Plan, Manifests]]]:
        from deploy_orchestrator.pipeline.behind import first, is_rival
        from deploy_orchestrator.pipeline.preview import committable

        pending = {
            preview.plan.key: older
            for preview in previews
            for older in values(
                [attempt(self.deployments.pending, preview.plan.environment, preview.plan.tenant)]
            )
            if older and is_rival(older, preview.plan)
        }
        moments = values([attempt(self._moment, [*pending.values()])]) if pending else []

        def candidate(preview: "Preview") -> tuple[Plan, Manifests]:
            older = pending.get(preview.plan.key)
            found = (attempt(first, preview, older, each, self.deployments) for each in moments if older)
            return next((each for each in values(found) if each), None) or committable(preview)

        return [attempt(candidate, preview) for preview in previews]

    def _is_overtaken(self, source: str, newest: str) -> bool:
        fleet = self.fleet_repository
        try:
            fleet.resolve(newest)
        except RevisionNotFound:
            fleet.fetch()
        return fleet.leads_to(source, newest) and fleet.leads_to(newest, "main")

    def _images(self, fleet: Fleet, plans: Sequence[Plan]) -> Callable[[Plan], Gate] | None:
        """Looks up again what plans run; None where none of them has images that were looked up."""
        if not any(each.images for each in plans):
            return None
        from deploy_orchestrator.images import remote_of
        from deploy_orchestrator.pipeline.moved import still_leading

        return still_leading(remote_of(fleet, self.workspace))

    def _moment(self, plans: Sequence[Plan]) -> Moment:
        """Now, for `plans`: the engine is asked once for each environment that they depend on."""
        tenants = {
            tenant for plan in plans for tenant in (plan.tenant, *(each.tenant for each in plan.ahead))
        }

        @cache
        def statuses(environment: str) -> dict[str, Status]:
            return {each.tenant: each for each in self.engine.statuses(environment, tenants)}

        def status(environment: str, tenant: str) -> Status:
            return statuses(environment)[tenant]

        now, fleet = datetime.now(UTC), load(self.fleet_repository.at("main"))
        rules = self._rules(fleet, now)
        counting = in_force(fleet, rules)
        said = partial(attempt, given(self.deployments, counting, rules))
        return Moment(counting, rules, self.fleet_repository, self.deployments, status, now, reviews=said)

    def _policy(self, release: Release) -> Policy:
        return self._last_readable().environment(release.environment).policy

    def _last_readable(self) -> Fleet:
        """What the way back goes by: also where nobody can read which rules count."""
        fleet = last_readable(self.fleet_repository)
        counting = attempt(self._counting, fleet)
        return fleet if isinstance(counting, OrchestratorError) else counting

    def _counting(self, fleet: Fleet) -> Fleet:
        return in_force(fleet, self._rules(fleet, datetime.now(UTC)))

    def _rules(self, fleet: Fleet, now: datetime) -> dict[str, RulesStanding]:
        return rules_now(fleet, self.fleet_repository, self.deployments, now)


def _unhealthy(release: Release, status: Status, policy: Policy) -> Unhealthy | None:
    failed = status.failing_since(release, policy.deadline)
    if failed is None or datetime.now(UTC) - failed <= policy.rollback_after:
        return None
    return Unhealthy(release, f"for longer than {policy.rollback_after}: {status.trouble(release)}")


def _web_of(issuer: str) -> "Web":
    """The network, to ask the provider whose issuer has this URL."""
    from deploy_orchestrator.registries import ANYWHERE, Internet

    return Internet(ANYWHERE.naming(issuer))


def _engine(settings: Settings, fleet: Repository, deployments: Repository) -> Engine:
    if settings.engine == "sandbox":
        from deploy_orchestrator.delivery import Sandbox

        return Sandbox(settings.home / "sandbox", deployments)
    from deploy_orchestrator.delivery import ArgoCD, ByEnvironment, Instances

    instances = Instances(lambda: last_readable(fleet), deployments, settings.contexts_of_argocd)
    return ByEnvironment(ArgoCD.name, instances)
