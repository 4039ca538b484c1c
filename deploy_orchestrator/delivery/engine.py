from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from typing import Protocol

from deploy_orchestrator.delivery.status import Operation, Status
from deploy_orchestrator.releases import Release


class Engine(Protocol):
    """What makes releases live, and watches them. Every call may raise `EngineUnreachable`, and may be
    repeated.
    """

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def announce(self, release: Release) -> None:
        """Tells the engine that all releases up to `release` stand in Git, so that it need not look."""
        ...

    def sync(self, release: Release, seen: Status | None = None, by: str | None = None) -> Operation | None:
        """Starts to make `release` live, and returns at once. Whoever has `seen` how its tenant stands spares
        the engine asking; where that is no longer so, nothing is started. An operation that is started says
        `by` whom it was asked for, where somebody did.

        Where an operation that serves the release runs, or succeeded and nothing has drifted since, it is
        returned and nothing is started; where the engine has not looked since it ended, it is told to. Else
        one with the key `release.commit` is started. Where that is not possible yet, what is in the way is
        returned, or None, and the caller asks again after the next change.

        Raises:
            SyncSuperseded: a later release of this tenant is synced, or being synced, already.
        """
        ...

    def status(self, environment: str, tenant: str) -> Status:
        """The state of one tenant in one environment as last seen; Missing where the engine knows none. What
        it saw too long ago to be known is not told as Synced.
        """
        ...

    def statuses(self, environment: str, tenants: Iterable[str]) -> list[Status]:
        """As `status` for many `tenants` of one environment, in their order, and asked for at once."""
        ...

    def watch(self, environment: str, tenants: Collection[str], limit: timedelta) -> Iterator[Status]:
        """The state of each of `tenants` in one environment: now, and of any after each change of it until
        `limit` has passed. It may be told again unchanged.
        """
        ...

    def leftover(self, environment: str, tenant: str) -> str | None:
        """The command with which an administrator takes away what the engine keeps of a deployment that was
        removed; None where it keeps nothing.
        """
        ...

    def link(self, environment: str, tenant: str) -> str | None:
        """The URL of the page or the folder where what is live can be looked at."""
        ...
