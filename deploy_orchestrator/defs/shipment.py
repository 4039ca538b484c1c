"""Tenants of one environment on their way, in a run about many or as the assets of one: one push for all
candidates, one for all releases, and every sync followed at once. One tenant's failure never stops another's.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import dagster as dg

from deploy_orchestrator.defs import reports
from deploy_orchestrator.defs.events import Report, Told
from deploy_orchestrator.defs.partitions import deployment_of
from deploy_orchestrator.defs.resources import LEFT, Installation
from deploy_orchestrator.delivery import Status, SyncError
from deploy_orchestrator.errors import OrchestratorError, Transient
from deploy_orchestrator.fleet import Deployment, Fleet
from deploy_orchestrator.outcomes import Outcome, raised
from deploy_orchestrator.pipeline import Orchestrator, Preview
from deploy_orchestrator.releases import IMAGES, GatesClosed, Plan, Release, RevertRefused
from deploy_orchestrator.risk import Verdict

Found = TypeVar("Found")


@dataclass(slots=True)
class Shipment:
    """Tenants of one environment on their way, those that failed on it, with the reason, and those whose
    change is blocked.

    Each step goes on with those whom the steps before left under way, and yields what is to be told of them.
    """

    log: dg.DagsterLogManager
    orchestrator: Orchestrator
    environment: str
    tenants: list[str]
    failed: dict[str, OrchestratorError] = field(default_factory=dict[str, OrchestratorError])
    released: set[str] = field(default_factory=set[str])
    blocked: list[str] = field(default_factory=list[str])
    moved: list[str] = field(default_factory=list[str])

    def render(self) -> Iterator[Report]:
        """Render and check everybody at the newest fleet commit."""
        fleet = self.orchestrator.fleet()
        deployments = self._deployments(fleet)
        checked = self.orchestrator.checked(deployments, fleet)
        for deployment, (_, outcome) in zip(deployments, checked, strict=True):
            tenant = deployment.tenant.name
            yield from self._unrendered(tenant, outcome, fleet)
            with self._alone(tenant):
                found = raised(outcome)
                yield from reports.rendered(
                    self.environment, tenant, found.manifests, found.findings, fleet.revision
                )

    def plan(self) -> Iterator[Report]:
        """Render, check and judge everybody at the newest fleet commit, and commit what may go out."""
        fleet = self.orchestrator.fleet()
        deployments = self._deployments(fleet)
        previews: list[Preview] = []
        for deployment, (_, outcome) in zip(
            deployments, self.orchestrator.previews(deployments, fleet), strict=True
        ):
            yield from self._unrendered(deployment.tenant.name, outcome, fleet)
            with self._alone(deployment.tenant.name):
                previews.append(raised(outcome))
        for preview in previews:
            plan = preview.plan
            yield from reports.rendered(
                self.environment, plan.tenant, preview.manifests, preview.findings, plan.source.commit
            )
        for preview, outcome in zip(previews, self.orchestrator.propose(previews), strict=True):
            tenant = preview.plan.tenant
            with self._alone(tenant):
                plan, shown = raised(outcome), preview.difference
                if plan is not None and plan.digest != preview.plan.digest:
                    shown = self.orchestrator.deployments.difference(plan) or shown
                if plan is not None and plan.verdict is Verdict.BLOCKED:
                    self._blocks(plan)
                yield from reports.planned(self.environment, tenant, plan, shown)

    def release(self) -> Iterator[Report]:
        """Release every pending plan whose gates are open. Whoever has to wait goes no further."""
        plans = self._of_each(self.orchestrator.deployments.pending)
        newest: Release | None = None
        for plan, outcome in zip(plans, self.orchestrator.release_all(plans), strict=True):
            if isinstance(outcome, GatesClosed):
                self.log.info(str(outcome))
                self.tenants.remove(plan.tenant)
                self.moved += [plan.tenant for gate in outcome.gates if gate.key == IMAGES and gate.outdated]
                yield reports.waits(plan, outcome.gates)
                continue
            with self._alone(plan.tenant):
                newest = raised(outcome)
                self.released.add(plan.tenant)
                yield reports.released(newest)
        if newest:
            # The engine is at work while Dagster writes down what came of this.
            self.orchestrator.engine.announce(newest)

    def plan_again(self) -> Iterator[Report]:
        """Plan anew whose images are others than were planned: no sensor looks at those."""
        if self.moved:
            others, self.tenants = self.tenants, self.moved
            yield from self.plan()
            self.tenants = others

    def tell_standing(self) -> Iterator[Report]:
        """What is released of everybody of whom nothing was to be released."""
        for release in self._of_each(self.orchestrator.deployments.release):
            if release.tenant not in self.released:
                yield reports.released(release)

    def revert(self) -> Iterator[Report]:
        """Revert what is still unhealthy. Whoever is not goes no further."""
        for tenant in [*self.tenants]:
            with self._alone(tenant):
                try:
                    reverted = self.orchestrator.revert_unhealthy(self.environment, tenant)
                except RevertRefused as refused:
                    current = self.orchestrator.deployments.release(self.environment, tenant)
                    if current is not None:
                        yield reports.refused(current, refused)
                    raise
                if reverted is None:
                    self.log.info(f"{self.environment}/{tenant}: healthy again, or already reverted")
                    self.tenants.remove(tenant)
                    continue
                yield reports.released(reverted)

    def sync(self) -> Iterator[Report]:
        """Sync what is released, and follow it until it is live or known not to come live."""
        releases = self._of_each(self.orchestrator.deployments.release)
        for release, outcome in self.orchestrator.deliver_all(releases, self._follow):
            with self._alone(release.tenant):
                yield from self._synced(release, outcome)

    def end(self) -> None:
        """Fail the run where somebody failed; it is tried again where that may help."""
        if not self.failed:
            return
        left = [tenant for tenant, error in self.failed.items() if isinstance(error, Transient)]
        said = "\n".join(self._said(*each) for each in self.failed.items())
        raise dg.Failure(
            f"{len(self.failed)} of the tenants failed, which stopped nobody else:\n{said}"
            if len(self.failed) > 1
            else said,
            metadata={LEFT: dg.JsonMetadataValue(left)},
            allow_retries=bool(left),
        )

    def _blocks(self, plan: Plan) -> None:
        why = [each.saw for each in plan.reasons if each.severity is Verdict.BLOCKED]
        self.log.error(f"{plan.key} is blocked, and goes nowhere: {'; '.join(why)}")
        self.blocked.append(plan.tenant)

    def _deployments(self, fleet: Fleet) -> list[Deployment]:
        return self._of_each(fleet.deployment)

    def _of_each(self, look: Callable[[str, str], Found | None]) -> list[Found]:
        found: list[Found] = []
        for tenant in self.tenants:
            if tenant not in self.failed:
                with self._alone(tenant):
                    each = look(self.environment, tenant)
                    found += [] if each is None else [each]
        return found

    @contextmanager
    def _alone(self, tenant: str) -> Generator[None]:
        try:
            yield
        except OrchestratorError as error:
            self.log.error(self._said(tenant, error))
            self.failed[tenant] = error

    def _unrendered(self, tenant: str, outcome: Outcome[object], fleet: Fleet) -> Iterator[Report]:
        if isinstance(outcome, OrchestratorError) and not isinstance(outcome, Transient):
            yield reports.unrendered(self.environment, tenant, outcome, fleet.revision)

    def _said(self, tenant: str, error: OrchestratorError) -> str:
        key = f"{self.environment}/{tenant}"
        return str(error) if str(error).startswith(key) else f"{key}: {error}"

    def _synced(self, release: Release, outcome: Outcome[Status]) -> Iterator[Report]:
        if isinstance(outcome, SyncError):
            self.log.error(str(outcome))
            status = self.orchestrator.engine.status(release.environment, release.tenant)
        else:
            status = raised(outcome)
        tests = self.orchestrator.verifications(release, status)
        yield from reports.synced(release, status, tests, self.orchestrator.engine)

    def _follow(self, status: Status) -> None:
        self.log.info(f"{status.environment}/{status.tenant}: {status.message}")


Step = Callable[[Shipment], Iterable[Report]]


@contextmanager
def shipment(
    log: dg.DagsterLogManager,
    installation: Installation,
    environment: str,
    tenants: Iterable[str],
) -> Generator[Shipment]:
    """Tenants on their way; dg.Failure at the end where somebody failed."""
    with installation.open() as orchestrator:
        under_way = Shipment(log, orchestrator, environment, [*tenants])
        yield under_way
        under_way.end()


def of_one(context: dg.AssetExecutionContext, installation: Installation, *steps: Step) -> Iterator[Told]:
    """What `steps` tell of the asset that `context` is about, for the tenant that its partition is of."""
    environment, tenant = deployment_of(context)
    asset = context.asset_key.to_user_string()
    with shipment(context.log, installation, environment, [tenant]) as one:
        told = [report for step in steps for report in step(one)]
        yield from (report.told for report in told if report.asset == asset)
