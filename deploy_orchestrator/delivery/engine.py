from collections.abc import Iterable, Iterator
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

    def sync(self, release: Release) -> Operation | None:
        """Starts to make `release` live, and returns at once.

        Where an operation that serves the release runs, or succeeded and nothing has drifted since, it is
        returned and nothing is started. Otherwise one with the key `release.commit` is started. Where that is
        not possible yet, what is in the way is returned, or None, and the caller asks again.

        Raises:
            SyncSuperseded: a later release of this tenant is synced, or being synced, already.
        """
        ...

    def status(self, environment: str, tenant: str) -> Status:
        """The state of one tenant in one environment as last seen; Missing where the engine knows none."""
        ...

    def statuses(self, environment: str, tenants: Iterable[str]) -> list[Status]:
        """As `status` for many `tenants` of one environment, in their order, and asked for at once."""
        ...

    def watch(self, environment: str, tenant: str, limit: timedelta) -> Iterator[Status]:
        """The state of one tenant in one environment: now, and after each change until `limit` has passed."""
        ...

    def refresh(self, environment: str, tenant: str) -> None:
        """Asks the engine to look again now at what is live."""
        ...

    def leftover(self, environment: str, tenant: str) -> str | None:
        """The command with which an administrator takes away what the engine keeps of a deployment that was
        removed; None where it keeps nothing.
        """
        ...

    def link(self, environment: str, tenant: str) -> str | None:
        """The URL of the page or the folder where what is live can be looked at."""
        ...
