"""Argo CD as a delivery engine."""

import time
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from deploy_orchestrator.delivery.argocd import names
from deploy_orchestrator.delivery.argocd.application import Application
from deploy_orchestrator.delivery.errors import EngineUnreachable, SyncSuperseded
from deploy_orchestrator.delivery.status import Health, Operation, Status, Sync
from deploy_orchestrator.fleet import ArgoCDInstance
from deploy_orchestrator.git import RemoteUnreachable, Repository, RevisionNotFound
from deploy_orchestrator.releases import Release

if TYPE_CHECKING:
    from deploy_orchestrator.delivery.argocd.api import Applications


class ArgoCD:
    """Syncs releases by writing `operation` on the Applications that Argo CD makes of release files.

    It holds no state: what was asked for stands in the cluster, and another process goes on where one ended.

    Args:
        instance: where it is within its cluster, and its web pages, for links.
        applications: in the cluster that it runs in; `connect` finds them.
        deployments: the deployments repository, to tell which of two releases is the later.
    """

    name = "Argo CD"

    def __init__(
        self, instance: ArgoCDInstance, applications: "Applications", deployments: Repository
    ) -> None:
        self.instance = instance
        self._applications = applications
        self._deployments = deployments

    @classmethod
    def connect(
        cls,
        instance: ArgoCDInstance,
        deployments: Repository,
        kubeconfig: Path | None = None,
        context: str | None = None,
        *,
        commands: bool = False,
    ) -> Self:
        """The engine for the Argo CD `instance` in the cluster of a `context` of `kubeconfig`; None: the
        current one, and the user's own file or the cluster that this runs in. `commands` lets the file name
        programs to run.

        Raises:
            KubeconfigRunsProgram, NoCluster: as `connect`.
        """
        # The Kubernetes client takes a second to import, which commands that need no cluster should not wait.
        from deploy_orchestrator.delivery.argocd.api import Applications

        applications = Applications(instance.namespace, kubeconfig, context, commands=commands)
        return cls(instance, applications, deployments)

    def announce(self, release: Release) -> None:
        """Have the ApplicationSet read all release files now, not at its next poll."""
        self._applications.refresh_releases(release.commit)

    def sync(self, release: Release, seen: Status | None = None, by: str | None = None) -> Operation | None:
        """As `Engine.sync`; what is in the way of a newer release is ended.

        Raises:
            SyncSuperseded: as `Engine.sync`.
            ClusterRefused, ClusterUnreachable
        """
        name = names.application(release.environment, release.tenant)
        application = seen.source if seen else self._applications.get(name)
        if not isinstance(application, Application):
            return None
        operation = application.operation
        if operation and operation.key and self._is_superseded(release, operation.key):
            raise SyncSuperseded(f"release {operation.key[:12]} took its place", release, application.status)
        change = application.towards(release, by)
        written = self._applications.write(application, change) if change else None
        return written.operation if written else operation

    def status(self, environment: str, tenant: str) -> Status:
        """The state of one deployment; Missing where Argo CD has no Application for it. As `statuses`, it has
        Argo CD look at what it has not looked at for minutes.
        """
        found = self._applications.get(names.application(environment, tenant))
        if found:
            self._applications.look(found)
        return found.status if found else _missing(environment, tenant)

    def statuses(self, environment: str, tenants: Iterable[str]) -> list[Status]:
        """As `status` for many `tenants`, with one request, and one for each that Argo CD should look at."""
        known = {each.name: each for each in self._applications.list(environment)}
        found = [(tenant, known.get(names.application(environment, tenant))) for tenant in tenants]
        # Whoever may not ask for one look may ask for none.
        all(self._applications.look(each) for _, each in found if each)
        return [each.status if each else _missing(environment, tenant) for tenant, each in found]

    def watch(self, environment: str, tenants: Collection[str], limit: timedelta) -> Iterator[Status]:
        """As `Engine.watch`, with one watch for all."""
        deadline = time.monotonic() + limit.total_seconds()
        for tenant, found in self._applications.changes(environment, tenants, deadline):
            yield found.status if found else _missing(environment, tenant)

    def leftover(self, environment: str, tenant: str) -> str:
        """The Application stays: neither the ApplicationSet nor the orchestrator may delete one."""
        name = names.application(environment, tenant)
        return f"kubectl -n {self.instance.namespace} delete application {name}"

    def link(self, environment: str, tenant: str) -> str | None:
        """The Application's page."""
        if self.instance.url is None:
            return None
        name = names.application(environment, tenant)
        return f"{self.instance.url}/applications/{self.instance.namespace}/{name}"

    def _is_superseded(self, release: Release, by: str) -> bool:
        """Whether the commit `by` made a later release of the same tenant; whoever syncs may name any."""
        later = self._is_before(release.commit, by)
        return later and f"releases/{release.key}.yaml" in self._deployments.changed(by)

    def _is_before(self, commit: str, other: str) -> bool:
        if commit == other:
            return False
        try:
            return self._deployments.is_ancestor(commit, other)
        except RevisionNotFound:
            self._fetch()
        # What is no commit of this repository is somebody else's operation.
        return self._deployments.leads_to(commit, other)

    def _fetch(self) -> None:
        try:
            self._deployments.fetch()
        except RemoteUnreachable as error:
            raise EngineUnreachable(str(error)) from error


def _missing(environment: str, tenant: str) -> Status:
    now = datetime.now(UTC)
    return Status(
        environment=environment,
        tenant=tenant,
        sync=Sync.UNKNOWN,
        health=Health.MISSING,
        revision=None,
        since=now,
        observed=now,
        message="Argo CD has no Application for it",
    )
