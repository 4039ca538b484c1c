"""What the sandbox remembers of one tenant in one environment, and how that changes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import pydantic

from deploy_orchestrator.delivery.errors import NotDeployed
from deploy_orchestrator.delivery.status import Health, Hook, Operation, Phase, Status, Sync
from deploy_orchestrator.releases import Release

_KEPT_OPERATIONS = 50


@dataclass(frozen=True, slots=True)
class Applied:
    """An object as it was applied: its name for people, and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Failing:
    """A hook that fails with a message, in every revision but the one that is `spared`."""

    message: str
    spared: str


class SandboxApplication(pydantic.BaseModel):
    """What is remembered of one tenant in one environment.

    `objects` are the files that are its own, by path; while an operation runs, those of before and those to
    come.
    `degraded` tells why a revision is unhealthy. `failing` are hooks by name. `history` are earlier
    operations, newest first.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    operation: Operation
    history: tuple[Operation, ...] = ()
    revision: str | None = None
    objects: Mapping[str, Applied] = {}
    degraded: Mapping[str, str] = {}
    failing: Mapping[str, Failing] = {}
    health: Health = Health.MISSING
    since: datetime

    @classmethod
    def started(cls, before: Self | None, release: Release, now: datetime, by: str | None = None) -> Self:
        """`before` with an operation for `release`, asked for `by` somebody, running in place of its last."""
        operation = Operation(release.commit, release.revision, Phase.RUNNING, now, by=by)
        if before is None:
            return cls(operation=operation, since=now)
        operation = replace(operation, failing=before.operation.failed_since(release))
        last = before.operation
        if last.phase is Phase.RUNNING:
            last = replace(last, phase=Phase.ERROR, finished=now, message="interrupted")
        history = (last, *before.history)[:_KEPT_OPERATIONS]
        return before.model_copy(update={"operation": operation, "history": history})

    def claiming(self, objects: Mapping[str, Applied], now: datetime) -> Self:
        """With `objects` as its own too, so that whoever completes or replaces the operation knows them."""
        return self.model_copy(update={"objects": {**self.objects, **objects}}).observed((), now)

    def holding(self, objects: Mapping[str, Applied]) -> Self:
        """With `objects` as all that are its own."""
        return self.model_copy(update={"objects": objects})

    def finished(self, hooks: tuple[Hook, ...], now: datetime) -> Self:
        """With its operation over, which ran `hooks`: what it brought counts where none of them failed."""
        operation = replace(self.operation, phase=Phase.SUCCEEDED, finished=now, hooks=hooks)
        if operation.broken:
            message = "; ".join(f"{hook.object} failed" for hook in operation.broken)
            return self.model_copy(
                update={"operation": replace(operation, phase=Phase.FAILED, message=message)}
            )
        return self.model_copy(update={"operation": operation, "revision": operation.revision})

    def failed(self, message: str, now: datetime) -> Self:
        operation = replace(self.operation, phase=Phase.FAILED, finished=now, message=message)
        return self.model_copy(update={"operation": operation})

    def unhealthy(self, reason: str) -> Self:
        """With the live revision unhealthy."""
        return self.model_copy(update={"degraded": {**self.degraded, self._live: reason}})

    def healthy(self) -> Self:
        """With the live revision healthy again, and no hook that fails."""
        others = {revision: why for revision, why in self.degraded.items() if revision != self._live}
        return self.model_copy(update={"degraded": others, "failing": {}})

    def breaking(self, hook: str, message: str) -> Self:
        """With a hook that fails in every revision but the live one."""
        return self.model_copy(update={"failing": {**self.failing, hook: Failing(message, self._live)}})

    @property
    def broken_hooks(self) -> Mapping[str, str]:
        """What the hooks that fail in the operation's revision print, by name."""
        revision = self.operation.revision
        return {name: each.message for name, each in self.failing.items() if each.spared != revision}

    @property
    def _live(self) -> str:
        if self.revision is None:
            raise NotDeployed("nothing is live", fix="release it first")
        return self.revision

    def observed(self, missing: Collection[str], now: datetime) -> Self:
        """With the health that it has when the files at these paths are missing."""
        health = self._health(missing)
        return self if health is self.health else self.model_copy(update={"health": health, "since": now})

    def status(self, environment: str, tenant: str, drift: Collection[str], now: datetime) -> Status:
        """As others see it when the files at the paths `drift` are missing or changed."""
        names = tuple(sorted(self.objects[path].name for path in drift))
        synced = self.operation.phase is Phase.SUCCEEDED and not drift
        return Status(
            environment,
            tenant,
            sync=Sync.SYNCED if synced else Sync.OUT_OF_SYNC,
            health=self.health,
            revision=self.revision,
            since=self.since,
            observed=now,
            message=self._message(names),
            operation=self.operation,
            drift=names,
        )

    def _health(self, missing: Collection[str]) -> Health:
        if self.operation.phase is Phase.RUNNING:
            return Health.PROGRESSING
        if missing or not (self.revision or self.objects):
            return Health.MISSING
        return Health.DEGRADED if self.revision in self.degraded else Health.HEALTHY

    def _message(self, drift: Collection[str]) -> str:
        if self.operation.phase is not Phase.SUCCEEDED:
            return self.operation.message or "the operation is not over"
        if drift:
            return f"changed by hand: {', '.join(drift)}"
        return self.degraded.get(self.operation.revision) or f"{len(self.objects)} objects are live"
