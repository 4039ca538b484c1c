"""What the gates of plans depend on, as it is at one moment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from deploy_orchestrator.delivery import Status
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.fleet import Fleet, FleetError, Policy, basis, load, neighbours, rules_of
from deploy_orchestrator.git import Repository, RevisionNotFound
from deploy_orchestrator.identity import Issuers
from deploy_orchestrator.outcomes import Outcome
from deploy_orchestrator.pipeline.hosts import is_told
from deploy_orchestrator.pipeline.places import PlaceTaken, require_place
from deploy_orchestrator.pipeline.sources import source_of, source_of_removal
from deploy_orchestrator.releases import (
    After,
    Ahead,
    Approval,
    Canary,
    Conditions,
    Deployments,
    Gate,
    GateState,
    Neighbour,
    Plan,
    Predecessor,
    Release,
    RulesStanding,
    SourceChange,
    promotion,
)
from deploy_orchestrator.terms import Verdict


@dataclass(frozen=True, slots=True)
class Moment:
    """The newest fleet under the `rules` that count, what is released, and the engine's `status` of a tenant
    in an environment, `now`. `images` looks up again what a plan runs, where something is to be released;
    `reviews` are what people say of it on the forge, or why that cannot tell.

    However many plans wait for one tenant, it is looked at once.
    """

    fleet: Fleet
    rules: Mapping[str, RulesStanding]
    fleet_repository: Repository
    deployments: Deployments
    status: Callable[[str, str], Status]
    now: datetime
    images: Callable[[Plan], Gate] | None = None
    reviews: Callable[[Plan], Outcome[tuple[Approval, ...]]] = lambda _: ()
    _canaries: dict[tuple[str, Ahead], Canary] = field(default_factory=dict[tuple[str, Ahead], Canary])

    def gates(self, plan: Plan) -> tuple[Gate, ...]:
        """See `Orchestrator.gates`."""
        try:
            conditions = self.conditions(plan)
        except FleetError as error:
            told = plan.removal or isinstance(error, PlaceTaken)
            what = error.what if told else f"the fleet does not ask for it: {error.what}"
            return (Gate("fleet", GateState.CLOSED, what),)
        return self.deployments.gates(plan, conditions)

    def conditions(self, plan: Plan) -> Conditions:
        """What the release of `plan` depends on.

        Raises:
            FleetError: the fleet no longer has its tenant there, or that is broken; or has it, and the plan
                is to remove it; or what another released stands in its place.
        """
        policy = self._policy(plan)
        if not plan.removal:
            objects = self.deployments.objects(plan.environment, plan.tenant)
            require_place(self.fleet, self.deployments, plan, objects)
        beside = self._neighbours(plan, policy)
        said = self.reviews(plan) if policy.approval or beside else ()
        reviews, unheard = ((), said.what) if isinstance(said, OrchestratorError) else (said, None)
        return Conditions(
            wanted=plan.removal or (self._is_wanted(plan) and is_told(self.deployments, plan)),
            source=self._source(plan, policy),
            policy=policy,
            allowed_signers=self.fleet.signers(plan.environment),
            issuers=Issuers(self.fleet.trusted(plan.environment), self.deployments.keys),
            rules=self.rules[plan.environment].held,
            holding=self.rules[plan.environment].holding,
            predecessors=tuple(self._predecessor(each, plan.tenant) for each in plan.after),
            one_is_enough=self._one_is_enough(plan),
            soaked=plan.behind.soaked if plan.behind and not self._was_reverted(plan) else None,
            now=self.now,
            canaries=self._ahead_of(plan, policy),
            neighbours=beside,
            last=partial(self.images, plan) if self.images and policy.images and plan.images else None,
            reviews=reviews,
            unheard=unheard,
        )

    def _neighbours(self, plan: Plan, policy: Policy) -> dict[str, Neighbour]:
        """Who has a say where the plan reaches others in its cluster, also where the fleet has them no more:
        what they released may live there still.
        """
        from deploy_orchestrator.risk import beyond

        if not beyond(plan.reasons, plan.environment, policy, self.now):
            return {}
        keys = rules_of(self.fleet, plan.environment).signers
        released = {name: each.rules.only(keys) for name, each in self.deployments.rules().items()}
        rules = {**released, **{name: each.in_force for name, each in self.rules.items()}}
        return {
            name: Neighbour(
                each,
                self._judged(plan, each.allowed_signers),
                self.rules[name].holding if name in self.rules else None,
            )
            for name, each in neighbours(plan.environment, rules).items()
        }

    def _policy(self, plan: Plan) -> Policy:
        if not plan.removal:
            return self.fleet.deployment(plan.environment, plan.tenant).environment.policy
        if self.fleet.asks_for(plan.environment, plan.tenant):
            raise FleetError(f"the fleet asks for {plan.tenant} in {plan.environment}")
        return self.fleet.environment(plan.environment).policy

    def _basis(self, plan: Plan) -> str:
        return basis(self.fleet, self.fleet.deployment(plan.environment, plan.tenant))

    def _is_wanted(self, plan: Plan) -> bool:
        """Whether the fleet of now asks for it, or for something newer that builds on it and has to wait."""
        now, behind = self._basis(plan), plan.behind
        return plan.inputs == now or (
            behind is not None
            and behind.inputs == now
            and not self._was_reverted(plan)
            and not self.is_promoted(plan, behind.after)
        )

    def is_promoted(self, plan: Plan, awaited: Sequence[After]) -> bool:
        """Whether what is `awaited` before an environment is healthy there for as long as its policy says."""
        predecessors = [self._predecessor(each, plan.tenant) for each in awaited]
        policy = self._policy(plan)
        return promotion(awaited, policy, predecessors, self._one_is_enough(plan), self.now).passed

    def soaked(self, plan: Plan) -> timedelta | None:
        """For how long it is healthy in all environments before, or was when a newer change came; None where
        that is not long enough, or it was reverted there.
        """
        soak = self._policy(plan).soak
        if not plan.after or self._was_reverted(plan):
            return None
        if plan.behind and plan.behind.soaked >= soak:
            return plan.behind.soaked
        found = [(each, self._predecessor(each, plan.tenant)) for each in plan.after]
        spans = [
            self.now - before.healthy_since
            for each, before in found
            if before.content == each.content and before.healthy_since
        ]
        return min(spans) if len(spans) == len(found) and min(spans) >= soak else None

    def _was_reverted(self, plan: Plan) -> bool:
        """Whether what it comes after was reverted in an environment before."""
        return any(
            entry.content == each.content
            for each in plan.after
            for entry in self.deployments.quarantine(each.environment, plan.tenant)
        )

    def _one_is_enough(self, plan: Plan) -> bool:
        return self.fleet.environment(plan.environment).healthy_in == "any"

    def _source(self, plan: Plan, policy: Policy) -> SourceChange | None:
        """The plan's source under the keys of now, where it takes an approval or people break the glass."""
        from deploy_orchestrator.risk import severity

        judged = Verdict.worst(severity(reason, policy, self.now) for reason in plan.reasons)
        takes_none = policy.approval is None or judged is Verdict.SAFE
        if takes_none and not (policy.break_glass and self._is_decided_on(plan)):
            return None
        return self._judged(plan, self.fleet.signers(plan.environment))

    def _judged(self, plan: Plan, signers: bytes) -> SourceChange:
        released = self.deployments.release(plan.environment, plan.tenant)
        try:
            source = self._source_now(plan, released, signers)
        except (FleetError, RevisionNotFound):
            # Its history was rewritten: nobody can tell any more who made it.
            source = plan.source.model_copy(update={"signed": False})
        reviewing = self.fleet.reviewing(plan.environment)
        behind = reviewing.people_behind(source.authors) if reviewing else ()
        return source.model_copy(update={"authors": (*source.authors, *behind)})

    def _is_decided_on(self, plan: Plan) -> bool:
        signers, issuers = self.fleet.signers(plan.environment), self.fleet.trusted(plan.environment)
        return bool(self.deployments.approvals(plan.digest, signers, issuers)[0])

    def _source_now(self, plan: Plan, released: Release | None, signers: bytes) -> SourceChange:
        repository, revision = self.fleet_repository, plan.source.commit
        if plan.removal and released:
            return source_of_removal(repository, revision, released, signers)
        then = load(repository.at(revision))
        paths = then.paths(then.deployment(plan.environment, plan.tenant))
        return source_of(repository, revision, plan.environment, paths, released, signers)

    def _predecessor(self, after: After, tenant: str) -> Predecessor:
        release = self.deployments.release(after.environment, tenant)
        if release is None:
            return Predecessor(None, None)
        status = self.status(after.environment, tenant)
        healthy_since = status.since if status.live(release) else None
        return Predecessor(release.content, healthy_since, status.trouble(release))

    def _ahead_of(self, plan: Plan, policy: Policy) -> tuple[Canary, ...]:
        """Who still goes first by the newest policy, the first wave first."""
        shared = {each.tenant: each for each in plan.ahead}
        return tuple(
            self._canary(plan.environment, shared[tenant])
            for tenant in policy.ahead_of(plan.tenant)
            if tenant in shared
            and self.fleet.asks_for(plan.environment, tenant)
            and not self._opted_out(plan.environment, shared[tenant])
        )

    def _opted_out(self, environment: str, ahead: Ahead) -> bool:
        """Whether the fleet, which has the commit now, asks for what it asked for before the commit."""
        kept = self.deployments.unchanged(environment, ahead.tenant)
        return (
            kept is not None
            and self._follows(kept.source, ahead)
            and not self._follows(kept.since, ahead)
            and self._asks_the_same(kept.source, environment, ahead.tenant)
        )

    def _canary(self, environment: str, ahead: Ahead) -> Canary:
        key = (environment, ahead)
        if key not in self._canaries:
            self._canaries[key] = self._look(environment, ahead)
        return self._canaries[key]

    def _look(self, environment: str, ahead: Ahead) -> Canary:
        policy, tenant = self.fleet.environment(environment).policy, ahead.tenant
        number = policy.wave_of(tenant)
        soak = policy.waves[number].soak
        release = self.deployments.release(environment, tenant)
        if release is not None and self._has(release.source.commit, environment, ahead):
            status = self.status(environment, tenant)
            since = max(status.since, release.released_at)
            return Canary(tenant, number + 1, soak, True, status.live(release), since)
        plan = self.deployments.pending(environment, tenant)
        if plan is None or not self._has(plan.source.commit, environment, ahead):
            return Canary(tenant, number + 1, soak, False, False, None)
        own = self.gates(plan.model_copy(update={"ahead": ()}))
        held = tuple(gate for gate in own if not gate.passed)
        since = self.deployments.planned(environment, tenant)
        return Canary(tenant, number + 1, soak, False, False, since, held)

    def _has(self, source: str, environment: str, ahead: Ahead) -> bool:
        """Whether what was made of the fleet at `source` holds the commit, or all that is left of it."""
        return self._follows(source, ahead) or self._asks_the_same(source, environment, ahead.tenant)

    def _follows(self, source: str, ahead: Ahead) -> bool:
        return self.fleet_repository.leads_to(ahead.commit, source)

    def _asks_the_same(self, source: str, environment: str, tenant: str) -> bool:
        """Whether the manifests of a tenant cannot be others now than at the fleet's commit `source`."""
        try:
            then = load(self.fleet_repository.at(source))
            made, wanted = (fleet.deployment(environment, tenant) for fleet in (then, self.fleet))
        except (FleetError, RevisionNotFound):
            return False
        return then.inputs(made) == self.fleet.inputs(wanted)
