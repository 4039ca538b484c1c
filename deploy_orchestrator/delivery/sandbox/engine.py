import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy_orchestrator.delivery.errors import DeliveryError, EngineUnreachable, NotDeployed, SyncSuperseded
from deploy_orchestrator.delivery.sandbox import hooks
from deploy_orchestrator.delivery.sandbox.application import Applied, SandboxApplication
from deploy_orchestrator.delivery.sandbox.looks import sha256_of
from deploy_orchestrator.delivery.sandbox.state import BrokenState, StateFile, check_label
from deploy_orchestrator.delivery.status import Health, Operation, Phase, Status, Sync
from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.git import RemoteUnreachable, Repository, RevisionNotFound
from deploy_orchestrator.manifests import Manifests, committed_manifests
from deploy_orchestrator.releases import Release
from deploy_orchestrator.storage import Cache, write_whole

_STATE = ".state"
_INTERVAL = 0.2
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The engine for a machine without a cluster: it applies releases to `folder` and reports what is there.

    The objects of a release become files in `<folder>/<cluster>/<namespace>/`. Hooks are not run, but
    recorded as if they had been, and fail where they are told to. Everything it knows is on disk: several
    processes may use one folder, and any of them may be killed at any moment.
    """

    folder: Path
    deployments: Repository

    @property
    def name(self) -> str:
        return "sandbox"

    def announce(self, release: Release) -> None:
        """Nothing to do: `sync` reads Git itself."""

    def sync(self, release: Release, seen: Status | None = None, by: str | None = None) -> Operation:
        """As `Engine.sync`; the operation is over when it returns. What has drifted is put back."""
        state = self._state(release.environment, release.tenant)
        self._fetch(release)
        with state.locked():
            before = state.load()
            if before is not None:
                self._check_latest(before, release)
                if self._is_done(state, before, release):
                    return before.operation
            application = SandboxApplication.started(before, release, _now(), by)
            try:
                application = self._apply(state, application, release)
            except OrchestratorError as error:
                application = application.failed(str(error), _now())
            except OSError as error:
                raise EngineUnreachable(f"the sandbox cannot be written to: {error}") from error
            _, missing = self._compare(state, application)
            state.store(application.observed(missing, _now()))
            return application.operation

    def status(self, environment: str, tenant: str) -> Status:
        """As `Engine.status`, by comparing the files with what was applied."""
        state = self._state(environment, tenant)
        now = _now()
        unknown = Status(environment, tenant, Sync.UNKNOWN, Health.MISSING, None, since=now, observed=now)
        version = state.version
        if version is None:
            return replace(unknown, message="nothing was synced yet")
        try:
            if seen := self._undisturbed(state, version):
                return seen
            with state.locked():
                application = _existing(state)
                drift, missing = self._compare(state, application)
                now = _now()
                observed = application.observed(missing, now)
                if observed is not application:
                    state.store(observed)
                return observed.status(environment, tenant, drift, now)
        except BrokenState as error:
            return replace(unknown, health=Health.UNKNOWN, message=str(error))

    def statuses(self, environment: str, tenants: Iterable[str]) -> list[Status]:
        """As `Engine.statuses`."""
        return [self.status(environment, tenant) for tenant in tenants]

    def watch(self, environment: str, tenants: Collection[str], limit: timedelta) -> Iterator[Status]:
        """As `Engine.watch`, looking at the folder every so often."""
        end = time.monotonic() + limit.total_seconds()
        seen: dict[str, Status] = {}
        while True:
            for tenant in tenants:
                while _differs(status := self.status(environment, tenant), seen.get(tenant)):
                    seen[tenant] = status
                    yield status
            if time.monotonic() >= end:
                return
            time.sleep(_INTERVAL)

    def leftover(self, environment: str, tenant: str) -> None:
        """Nothing but its history is kept."""

    def link(self, environment: str, tenant: str) -> str | None:
        """The folder with the objects that are live."""
        application = self._state(environment, tenant).load()
        if application is None or not application.objects:
            return None
        return (self.folder / next(iter(application.objects))).absolute().parent.as_uri()

    def history(self, environment: str, tenant: str) -> tuple[Operation, ...]:
        """The last operations, newest first."""
        application = self._state(environment, tenant).load()
        return () if application is None else (application.operation, *application.history)

    def degrade(self, environment: str, tenant: str, reason: str) -> None:
        """Makes the revision that is live unhealthy, now and whenever it is live again, until `recover`.

        Raises:
            NotDeployed: there is none.
        """
        self._change(environment, tenant, lambda application: application.unhealthy(reason))

    def fail(self, environment: str, tenant: str, hook: str, message: str) -> None:
        """Makes the hook of this name fail in every revision but the one that is live, until `recover`.

        Raises:
            NotDeployed: none is live.
        """
        self._change(environment, tenant, lambda application: application.breaking(hook, message))

    def recover(self, environment: str, tenant: str) -> None:
        """Makes the revision that is live healthy again, and lets all hooks pass.

        Raises:
            NotDeployed: none is live.
        """
        self._change(environment, tenant, SandboxApplication.healthy)

    def _change(
        self, environment: str, tenant: str, change: Callable[[SandboxApplication], SandboxApplication]
    ) -> None:
        state = self._state(environment, tenant)
        with state.locked():
            application = change(_existing(state))
            _, missing = self._compare(state, application)
            state.store(application.observed(missing, _now()))

    def _state(self, environment: str, tenant: str) -> StateFile:
        return StateFile(self.folder / _STATE, environment, tenant)

    def _fetch(self, release: Release) -> None:
        try:
            self.deployments.resolve(release.commit)
        except RevisionNotFound:
            try:
                self.deployments.fetch()
            except RemoteUnreachable as error:
                raise EngineUnreachable(str(error)) from error

    def _check_latest(self, application: SandboxApplication, release: Release) -> None:
        last = application.operation.key
        if last is None or last == release.commit:
            return
        if self.deployments.leads_to(release.commit, last):
            raise SyncSuperseded(f"the later release {last} was synced already", release, None)

    def _is_done(self, state: StateFile, application: SandboxApplication, release: Release) -> bool:
        drift, _ = self._compare(state, application)
        operation = application.operation
        return operation.key == release.commit and operation.phase is Phase.SUCCEEDED and not drift

    def _apply(
        self, state: StateFile, application: SandboxApplication, release: Release
    ) -> SandboxApplication:
        manifests = self._released(release)
        files = self.deployments.at(release.revision).files(release.path)
        for name in (release.cluster, release.namespace):
            check_label(name)
        contents = {
            f"{release.cluster}/{release.namespace}/{each.key.file}": (
                str(each.key),
                files[each.key.file],
            )
            for each in hooks.staying(manifests.objects)
        }
        objects = {path: Applied(name, _digest(content)) for path, (name, content) in contents.items()}
        before = hooks.run(manifests.objects, "before", application.broken_hooks)
        if any(hook.phase.failed for hook in before):
            return application.finished(before, _now())
        application = application.claiming(objects, _now())
        state.store(application)
        live = self._live(state, contents)
        for path, (_, content) in contents.items():
            if live[path] != objects[path].sha256:
                _write(self.folder / path, content)
        for path in application.objects.keys() - objects.keys():
            (self.folder / path).unlink(missing_ok=True)
        after = hooks.run(manifests.objects, "after", application.broken_hooks)
        return application.holding(objects).finished((*before, *after), _now())

    def _released(self, release: Release) -> Manifests:
        manifests = committed_manifests(self.deployments.at(release.revision), release.path)
        if manifests.content != release.content:
            raise DeliveryError(
                f"the manifests at {release.revision} are not those that were released", fix="release anew"
            )
        return manifests

    def _undisturbed(self, state: StateFile, version: tuple[int, int]) -> Status | None:
        """Its status as of `version`, without a lock: whoever syncs writes the state before the first file.
        None where that happened during the look or still does, or where there is news to write down.
        """
        application = _existing(state)
        drift, missing = self._compare(state, application)
        now = _now()
        is_news = application.observed(missing, now) is not application
        if is_news or application.operation.phase is Phase.RUNNING or state.version != version:
            return None
        return application.status(state.environment, state.tenant, drift, now)

    def _compare(self, state: StateFile, application: SandboxApplication) -> tuple[list[str], list[str]]:
        live = self._live(state, application.objects)
        drift = [path for path, applied in application.objects.items() if live[path] != applied.sha256]
        return drift, [path for path in drift if live[path] is None]

    def _live(self, state: StateFile, paths: Iterable[str]) -> dict[str, str | None]:
        return sha256_of(
            self.folder, paths, Cache(state.folder / "looks"), f"{state.environment}/{state.tenant}"
        )


def _existing(state: StateFile) -> SandboxApplication:
    application = state.load()
    if application is None:
        raise NotDeployed("nothing was synced yet", fix="release it first")
    return application


def _differs(status: Status, seen: Status | None) -> bool:
    return seen is None or replace(status, observed=seen.observed, since=seen.since) != seen


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, mode=0o644)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
