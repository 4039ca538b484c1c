"""What an engine tells about one tenant in one environment, in Argo CD's words."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from textwrap import shorten
from typing import Literal, Self

from deploy_orchestrator.releases import Release


class Sync(StrEnum):
    """Whether what is live is what was asked for; a word that is not known here is UNKNOWN."""

    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"

    @classmethod
    def _missing_(cls, value: object) -> Self:
        return cls("Unknown")


class Health(StrEnum):
    """How what is live does; a word that is not known here is UNKNOWN."""

    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    MISSING = "Missing"
    UNKNOWN = "Unknown"

    @classmethod
    def _missing_(cls, value: object) -> Self:
        return cls("Unknown")


class Phase(StrEnum):
    """How far an operation or a hook is; a word that is not known here is RUNNING."""

    RUNNING = "Running"
    TERMINATING = "Terminating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"

    @classmethod
    def _missing_(cls, value: object) -> Self:
        return cls("Running")

    @property
    def failed(self) -> bool:
        return self in {Phase.FAILED, Phase.ERROR}


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook that an operation ran, before or after the other objects were applied.

    `message` are the last lines that its pod printed, where the engine was told them, or another word on how
    it went; it may have several lines.
    """

    object: str
    stage: Literal["before", "after"]
    phase: Phase
    message: str = ""

    @property
    def logs(self) -> str | None:
        """The command that shows all that its pods printed, while they are there; None where it has none."""
        kind, _, name = self.object.partition(" ")
        namespace, _, name = name.partition("/")
        if kind not in {"Job", "Pod"}:
            return None
        return f"kubectl logs --namespace {namespace} {kind.lower()}/{name} --all-containers --tail 100"


@dataclass(frozen=True, slots=True)
class Operation:
    """One sync, the last or the present one.

    `key` is the commit of the release that it was started for, None where the engine started it by itself or
    a person did. It is over when its phase says so: `finished` may be set while another attempt is to come.
    `failing` is since when its release has been failing, where an operation before it failed for that too.
    `by` is who asked for it, where somebody did. It is `whole` unless it leaves objects or hooks out, takes
    them from elsewhere, or only tries.
    """

    key: str | None
    revision: str
    phase: Phase
    started: datetime
    finished: datetime | None = None
    message: str = ""
    hooks: tuple[Hook, ...] = ()
    failing: datetime | None = None
    by: str | None = None
    whole: bool = True

    @property
    def broken(self) -> tuple[Hook, ...]:
        """The hooks that failed."""
        return tuple(hook for hook in self.hooks if hook.phase.failed)

    def serves(self, release: Release) -> bool:
        """Whether it makes `release` live: started for it, or for its objects and no other release."""
        ours = self.revision == release.revision and self.key in {release.commit, None}
        return ours and self.whole

    def failed_since(self, release: Release) -> datetime | None:
        """Since when operations for `release` have failed without one that succeeded; None where none has."""
        if not self.serves(release) or self.phase is Phase.SUCCEEDED:
            return None
        return self.failing or ((self.finished or self.started) if self.phase.failed else None)


@dataclass(frozen=True, slots=True)
class Status:
    """The state of one tenant in one environment.

    `revision` is the commit whose objects were last applied, None where there are none. `since` is when its
    health became what it is: what was live before does not count. `observed` is when the engine last looked.
    `drift` names the objects that are not as they were applied. `source` is what the engine read it from, for
    its own use.
    """

    environment: str
    tenant: str
    sync: Sync
    health: Health
    revision: str | None
    since: datetime
    observed: datetime
    message: str = ""
    operation: Operation | None = None
    drift: tuple[str, ...] = ()
    source: object = field(default=None, compare=False, repr=False)

    def live(self, release: Release) -> bool:
        """Whether exactly the objects of `release` are live and healthy, and its last sync has not failed."""
        return (
            self.revision == release.revision
            and self.sync is Sync.SYNCED
            and self.health is Health.HEALTHY
            and not self.failed(release)
        )

    def done(self, release: Release) -> bool:
        """Whether an operation that serves `release` succeeded, and what it left was seen live since."""
        operation = self.operation
        return (
            operation is not None
            and operation.serves(release)
            and operation.phase is Phase.SUCCEEDED
            and operation.finished is not None
            and operation.finished <= self.observed
            and self.live(release)
        )

    def failed(self, release: Release) -> bool:
        """Whether the operation that serves `release` failed for good."""
        return self.operation is not None and self.operation.serves(release) and self.operation.phase.failed

    def trouble(self, release: Release) -> str:
        """What keeps `release` from being live and healthy, in one line without what pods printed; empty
        where it is only not synced yet.
        """
        operation = self.operation
        if self.failed(release):
            what = "the sync failed"
        elif operation is not None and operation.serves(release) and operation.phase is Phase.RUNNING:
            what = "the sync is not over"
        elif self.health is Health.HEALTHY:
            return ""
        else:
            what = self.health
        return shorten(f"{what}: {self.message}" if self.message else what, 400, placeholder=" …")

    def failing_since(self, release: Release, deadline: timedelta) -> datetime | None:
        """Since when `release` has been failing; None where it is not, or where it has not been tried yet.

        It fails when its operation failed, until another one succeeds, or runs for longer than `deadline`,
        when what it left was seen Degraded or Missing, and when that is Progressing or Suspended for longer
        than `deadline`. What got so only after it had the whole `deadline` to show, and after somebody had
        changed it by hand, is not the release's fault.
        """
        operation = self.operation
        if operation is not None and operation.serves(release):
            if failed := operation.failed_since(release):
                return failed
            if operation.phase is Phase.RUNNING and self.observed - operation.started > deadline:
                return operation.started + deadline
            if operation.finished is not None and self.observed < operation.finished:
                return None
        if self.revision != release.revision or self._changed_by_hand(deadline):
            return None
        if self.health in {Health.DEGRADED, Health.MISSING}:
            return self.since
        if self.health in {Health.PROGRESSING, Health.SUSPENDED} and self.observed - self.since > deadline:
            return self.since + deadline
        return None

    def _changed_by_hand(self, deadline: timedelta) -> bool:
        finished = self.operation.finished if self.operation else None
        return bool(self.drift) and finished is not None and self.since > finished + deadline
