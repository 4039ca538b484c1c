# pyright: reportUnknownMemberType=false
"""Many tenants of one environment on their way in one run: one push for all candidates, one for all releases,
and every sync followed at once. One tenant's failure never stops another's.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg

from deploy_orchestrator.defs import delivery, images, manifests, releases
from deploy_orchestrator.defs.events import Event, events
from deploy_orchestrator.defs.partitions import partition_key
from deploy_orchestrator.defs.resources import AGAIN, LEFT, TRANSIENT, Installation
from deploy_orchestrator.defs.runs import Batch
from deploy_orchestrator.delivery import Status, SyncError
from deploy_orchestrator.errors import OrchestratorError, raised
from deploy_orchestrator.fleet import Deployment
from deploy_orchestrator.pipeline import Orchestrator, Preview
from deploy_orchestrator.releases import GatesClosed, Plan, Release, RevertRefused

REFUSED = "cannot be reverted"
COMMIT = "release commit"
"""What is observed of a release that should be reverted and cannot be: why, and which one."""

FORWARD = {"lane": "forward"}
"""Marks what may wait for its turn; a rollback may not."""


@dataclass(slots=True)
class Shipment:
    """Tenants of one environment on their way, and those that failed on it, with the reason."""

    context: dg.OpExecutionContext
    orchestrator: Orchestrator
    environment: str
    tenants: list[str]
    failed: dict[str, OrchestratorError] = field(default_factory=dict[str, OrchestratorError])

    def plan(self) -> list[Event]:
        """Render, check and judge everybody at the newest fleet commit, and commit what may go out."""
        fleet = self.orchestrator.fleet()
        deployments: list[Deployment] = []
        for tenant in self.tenants:
            with self._alone(tenant):
                deployments.append(fleet.deployment(self.environment, tenant))
        previews: list[Preview] = []
        for deployment, (_, preview) in zip(
            deployments, self.orchestrator.previews(deployments, fleet), strict=True
        ):
            with self._alone(deployment.tenant.name):
                previews.append(raised(preview))
        told = [event for preview in previews for event in self._rendered(preview)]
        for preview, outcome in zip(previews, self.orchestrator.propose(previews), strict=True):
            with self._alone(preview.plan.tenant):
                plan = raised(outcome)
                facts = releases.told_plan(preview.plan.key, plan, preview.difference)
                told += events("change_plan", self._partition(preview.plan.tenant), facts)
        return sorted(told, key=_failed_last)

    def release(self) -> list[Event]:
        """Release every pending plan whose gates are open. Whoever has to wait goes no further."""
        plans: list[Plan] = []
        for tenant in self._under_way():
            with self._alone(tenant):
                pending = self.orchestrator.deployments.pending(self.environment, tenant)
                plans += [pending] if pending else []
        told: list[Event] = []
        newest: Release | None = None
        for plan, outcome in zip(plans, self.orchestrator.release_all(plans), strict=True):
            partition = self._partition(plan.tenant)
            if isinstance(outcome, GatesClosed):
                self.context.log.info(str(outcome))
                self.tenants.remove(plan.tenant)
                told.append(releases.waits(partition, plan, outcome))
                continue
            with self._alone(plan.tenant):
                newest = raised(outcome)
                told += events("release", partition, [releases.told_release(newest)])
        if newest:
            # The engine is at work while Dagster writes down what came of this.
            self.orchestrator.engine.announce(newest)
        return told

    def revert(self) -> list[Event]:
        """Revert what is still unhealthy. Whoever is not goes no further."""
        told: list[Event] = []
        for tenant in [*self.tenants]:
            with self._alone(tenant):
                try:
                    reverted = self.orchestrator.revert_unhealthy(self.environment, tenant)
                except RevertRefused as refused:
                    told += self._refused(tenant, refused)
                    raise
                if reverted is None:
                    self.context.log.info(f"{self.environment}/{tenant}: healthy again, or already reverted")
                    self.tenants.remove(tenant)
                    continue
                told += events("release", self._partition(tenant), [releases.told_release(reverted)])
        return told

    def sync(self) -> Iterator[Event]:
        """Sync what is released, and follow it until it is live or known not to come live."""
        current: list[Release] = []
        for tenant in self._under_way():
            with self._alone(tenant):
                released = self.orchestrator.deployments.release(self.environment, tenant)
                current += [released] if released else []
        for release, outcome in self.orchestrator.deliver_all(current, self._report):
            with self._alone(release.tenant):
                yield from self._synced(release, outcome)

    def end(self) -> None:
        """Fail the run where somebody failed; it is tried again where that may help."""
        if not self.failed:
            return
        left = [tenant for tenant, error in self.failed.items() if isinstance(error, TRANSIENT)]
        said = "\n".join(self._said(*each) for each in self.failed.items())
        raise dg.Failure(
            f"{len(self.failed)} of the tenants failed, which stopped nobody else:\n{said}"
            if len(self.failed) > 1
            else said,
            metadata={LEFT: dg.JsonMetadataValue(left)},
            allow_retries=bool(left),
        )

    def _under_way(self) -> list[str]:
        return [tenant for tenant in self.tenants if tenant not in self.failed]

    @contextmanager
    def _alone(self, tenant: str) -> Generator[None]:
        try:
            yield
        except OrchestratorError as error:
            self.context.log.error(self._said(tenant, error))
            self.failed[tenant] = error

    def _said(self, tenant: str, error: OrchestratorError) -> str:
        key = f"{self.environment}/{tenant}"
        return str(error) if str(error).startswith(key) else f"{key}: {error}"

    def _partition(self, tenant: str) -> str:
        return partition_key(self.environment, tenant)

    def _rendered(self, preview: Preview) -> Iterator[Event]:
        plan, partition = preview.plan, self._partition(preview.plan.tenant)
        facts = manifests.told(plan.key, preview.manifests, preview.findings, plan.source.commit)
        yield from events("rendered_manifests", partition, facts)
        yield from events("container_images", partition, images.told(plan.key, preview.manifests))

    def _refused(self, tenant: str, refused: RevertRefused) -> Iterator[Event]:
        current = self.orchestrator.deployments.release(self.environment, tenant)
        if current is not None:
            yield dg.AssetObservation(
                "release",
                partition=self._partition(tenant),
                metadata={REFUSED: refused.what, COMMIT: current.commit},
            )

    def _synced(self, release: Release, outcome: Status | OrchestratorError) -> Iterator[Event]:
        if isinstance(outcome, SyncError):
            self.context.log.error(str(outcome))
            status = self.orchestrator.engine.status(release.environment, release.tenant)
        else:
            status = raised(outcome)
        tests = self.orchestrator.verifications(release, status)
        facts = delivery.told(release, status, tests, self.orchestrator.engine)
        yield from events("sync_status", self._partition(release.tenant), facts)

    def _report(self, status: Status) -> None:
        self.context.log.info(f"{status.environment}/{status.tenant}: {status.message}")


def _failed_last(event: Event) -> bool:
    """Dagster shows the last evaluation of a check as its state."""
    return isinstance(event, dg.AssetCheckEvaluation) and not event.passed


@contextmanager
def _shipment(
    context: dg.OpExecutionContext, batch: Batch, installation: Installation
) -> Generator[Shipment]:
    with installation.open() as orchestrator:
        shipment = Shipment(context, orchestrator, batch.environment, [*batch.tenants])
        yield shipment
        shipment.end()


@dg.op(out={}, retry_policy=AGAIN)
def ship_tenants(
    context: dg.OpExecutionContext, config: Batch, installation: Installation
) -> Iterator[Event]:
    """From the newest fleet commit as far as the gates allow."""
    with _shipment(context, config, installation) as shipment:
        planned, released = shipment.plan(), shipment.release()
        yield from planned
        yield from released
        yield from shipment.sync()


@dg.op(out={}, retry_policy=AGAIN)
def promote_tenants(
    context: dg.OpExecutionContext, config: Batch, installation: Installation
) -> Iterator[Event]:
    """From the pending plan as far as the gates allow."""
    with _shipment(context, config, installation) as shipment:
        yield from shipment.release()
        yield from shipment.sync()


@dg.op(out={}, retry_policy=AGAIN)
def sync_tenants(
    context: dg.OpExecutionContext, config: Batch, installation: Installation
) -> Iterator[Event]:
    """What is released, made live."""
    with _shipment(context, config, installation) as shipment:
        yield from shipment.sync()


@dg.op(out={}, retry_policy=AGAIN)
def roll_back_tenants(
    context: dg.OpExecutionContext, config: Batch, installation: Installation
) -> Iterator[Event]:
    """The release before, made live again where the one that is there stays unhealthy."""
    with _shipment(context, config, installation) as shipment:
        yield from shipment.revert()
        yield from shipment.sync()


@dg.job(tags=FORWARD)
def ship() -> None:
    """Take tenants of one environment from the newest fleet commit as far as their gates allow."""
    ship_tenants()


@dg.job(tags=FORWARD)
def promote() -> None:
    """Release plans whose gates have opened, and sync them."""
    promote_tenants()


@dg.job(tags=FORWARD)
def sync() -> None:
    """Sync what is released."""
    sync_tenants()


@dg.job
def roll_back() -> None:
    """Revert what stays unhealthy, and sync what was released before."""
    roll_back_tenants()
