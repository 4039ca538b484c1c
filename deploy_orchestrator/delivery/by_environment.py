"""Several engines as one."""

import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from deploy_orchestrator.delivery.engine import Engine
from deploy_orchestrator.delivery.errors import EngineUnreachable
from deploy_orchestrator.delivery.status import Operation, Status
from deploy_orchestrator.releases import Release

_PAUSE = 10.0
"""Seconds for which an engine that did not answer is not asked again: it has been waited for already."""


@dataclass(frozen=True, slots=True)
class ByEnvironment:
    """An engine that leaves each environment to an engine of its own, which `choose` finds.

    What goes wrong with one of them concerns its environments only.
    """

    name: str
    choose: Callable[[str], Engine]
    _failed: dict[Engine, tuple[float, EngineUnreachable]] = field(
        default_factory=dict[Engine, tuple[float, EngineUnreachable]], init=False, repr=False, compare=False
    )

    def announce(self, release: Release) -> None:
        with self._asked(release.environment) as engine:
            engine.announce(release)

    def sync(self, release: Release, seen: Status | None = None, by: str | None = None) -> Operation | None:
        with self._asked(release.environment) as engine:
            return engine.sync(release, seen, by)

    def status(self, environment: str, tenant: str) -> Status:
        with self._asked(environment) as engine:
            return engine.status(environment, tenant)

    def statuses(self, environment: str, tenants: Iterable[str]) -> list[Status]:
        with self._asked(environment) as engine:
            return engine.statuses(environment, tenants)

    def watch(self, environment: str, tenants: Collection[str], limit: timedelta) -> Iterator[Status]:
        with self._asked(environment) as engine:
            yield from engine.watch(environment, tenants, limit)

    def leftover(self, environment: str, tenant: str) -> str | None:
        return self.choose(environment).leftover(environment, tenant)

    def link(self, environment: str, tenant: str) -> str | None:
        return self.choose(environment).link(environment, tenant)

    @contextmanager
    def _asked(self, environment: str) -> Generator[Engine]:
        engine = self.choose(environment)
        until, error = self._failed.get(engine, (0.0, None))
        if error is not None and time.monotonic() < until:
            raise error
        try:
            yield engine
        except EngineUnreachable as error:
            self._failed[engine] = (time.monotonic() + _PAUSE, error)
            raise
