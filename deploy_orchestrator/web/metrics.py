"""`/metrics`, for Prometheus: on a port of its own, apart from the door that people come through."""

import hmac
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from deploy_orchestrator.pipeline import Standing
from deploy_orchestrator.telemetry import Past, Seen, Waits, exposition
from deploy_orchestrator.web.board import Watch
from deploy_orchestrator.web.door import LOOPBACK, Door
from deploy_orchestrator.web.machines import bearer

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Queue:
    """What Dagster says: its runs that wait or are under way by status, since when the oldest waits, and how
    many version conflicts its last survey found.
    """

    runs: Mapping[str, int]
    queued_since: datetime | None
    conflicts: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """Where the figures come from: the board's `watch`, the `past` out of Git, the `guards` by the time of
    their last look, when a plan was `planned`, and Dagster's `queue` where this process speaks to it.
    """

    watch: Watch
    past: Past
    guards: Callable[[], Mapping[str, datetime | None]]
    planned: Callable[[str, str], datetime | None]
    queue: Callable[[], Queue] | None = None
    version: str = field(default_factory=lambda: version("deploy-orchestrator"))

    def exposition(self) -> bytes:
        """All metrics of the last look.

        Raises:
            OrchestratorError: Git cannot be read.
        """
        overview = self.watch.overview
        queue = self.queue() if self.queue else None
        waiting = [self._waits(each) for each in overview.deployments if each.waiting]
        seen = Seen(
            at=overview.at,
            version=self.version,
            deployments=Counter((each.environment, str(each.state)) for each in overview.deployments),
            waiting=[each for each in waiting if each],
            paused=Counter(each.line.environment for each in overview.paused),
            troubles=Counter(overview.kinds),
            guards=self.guards(),
            runs=queue.runs if queue else None,
            queued_since=queue.queued_since if queue else None,
            conflicts=queue.conflicts if queue else None,
            failures=self.watch.failures,
            took=timedelta(seconds=self.watch.took),
        )
        return exposition(seen, self.past.changes())

    def _waits(self, each: Standing) -> Waits | None:
        if each.waiting is None:
            return None
        gates = tuple(gate.key for gate in each.waiting.closed)
        since = self.planned(each.environment, each.tenant)
        return Waits(each.environment, str(each.waiting.plan.verdict), gates, since)


def metrics_app(measured: Measured, token: str | None) -> ASGIApp:
    """The application: `/metrics` for who shows `token`. Without one it is for this machine alone, and no
    page of another site reads it.
    """

    async def read(request: Request) -> Response:
        if token is not None and not _is_shown(request, token):
            return PlainTextResponse(
                "show the token\n", 401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'}
            )
        if not measured.watch.has_looked:
            return PlainTextResponse(f"nothing was seen yet: {measured.watch.trouble}\n", 503)
        return Response(await run_in_threadpool(measured.exposition), media_type=CONTENT_TYPE)

    app = Starlette(routes=[Route("/metrics", read)])
    return app if token is not None else Door(app, LOOPBACK)


def _is_shown(request: Request, token: str) -> bool:
    shown = bearer(request.headers.get("authorization", "")) or ""
    return hmac.compare_digest(shown.encode(), token.encode())


@contextmanager
def beside(server: uvicorn.Server) -> Generator[None]:
    """Runs `server` in a thread of its own until this ends."""
    thread = threading.Thread(target=server.run, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
