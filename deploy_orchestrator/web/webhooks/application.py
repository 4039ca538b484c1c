"""The receiver of webhooks: an ASGI application that answers at once, and starts runs afterwards."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.web.bodies import MAX_SECONDS, TooMuchSent, read_body
from deploy_orchestrator.web.webhooks.deliveries import Deliveries
from deploy_orchestrator.web.webhooks.errors import Refused
from deploy_orchestrator.web.webhooks.followed import FollowedBranch
from deploy_orchestrator.web.webhooks.push import authenticate, read_push

MAX_BODY = 5 * 1024 * 1024

_log = logging.getLogger("uvicorn.error")


class Runs(Protocol):
    """Whoever starts the runs that a sensor would ask for, and says how many; see `DagsterRuns`."""

    async def start(self, sensor: str) -> int: ...


def receiver(
    followed: Iterable[FollowedBranch], secret: str, runs: Runs, deliveries: Deliveries
) -> Starlette:
    """The application: `POST /webhooks` takes what a forge tells, `GET /healthz` says that it is up.

    A delivery is answered with 202 when it starts a look, 200 when nothing follows what it tells of, 400
    when it cannot be read, 401 without a good signature, 408 when it takes longer than `MAX_SECONDS`, 409
    when it came before, and 413 over `MAX_BODY` bytes. Only the repository and the branch are taken from
    it: what is there now is looked up. Sensors that many deliveries ask for are looked at once. A delivery
    whose look failed may come again.
    """
    looks = _Looks(runs, deliveries)
    branches = tuple(followed)

    async def webhook(request: Request) -> PlainTextResponse:
        try:
            body = await _body(request)
            authenticate(request.headers, body, secret)
            push = read_push(request.headers, body)
            sensors = {name for each in branches if push and each.moved(push) for name in each.sensors}
            if not sensors:
                return PlainTextResponse("nothing follows that here\n", 200)
            if body in looks.asking or await run_in_threadpool(deliveries.knows, body):
                raise Refused(409, "this was delivered before")
        except Refused as refused:
            _log.info("webhook refused: %s", refused.what)
            return PlainTextResponse(f"{refused.what}\n", refused.status)
        looks.ask(body, sensors)
        return PlainTextResponse(f"looking: {', '.join(sorted(sensors))}\n", 202)

    async def health(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @asynccontextmanager
    async def looking(app: Starlette) -> AsyncGenerator[None]:
        task = asyncio.create_task(looks.forever())
        try:
            yield
        finally:
            task.cancel()

    return Starlette(
        routes=[Route("/webhooks", webhook, methods=["POST"]), Route("/healthz", health)],
        lifespan=looking,
    )


@dataclass(slots=True)
class _Looks:
    """One look at a time. Whatever is asked for during one is done after it, each sensor once.

    `asking` has the sensors that each delivery still waits for; one is remembered when there are none left.
    """

    runs: Runs
    deliveries: Deliveries
    asking: dict[bytes, set[str]] = field(default_factory=dict[bytes, set[str]])
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, delivery: bytes, sensors: Iterable[str]) -> None:
        self.asking[delivery] = set(sensors)
        self.asked.set()

    async def forever(self) -> None:
        while await self.asked.wait():
            self.asked.clear()
            wanted = {delivery: frozenset(sensors) for delivery, sensors in self.asking.items()}
            for sensor in sorted(frozenset[str]().union(*wanted.values())):
                waiting = [delivery for delivery, sensors in wanted.items() if sensor in sensors]
                try:
                    started = await self.runs.start(sensor)
                    for delivery in waiting:
                        await self._looked(delivery, sensor)
                except Exception as error:
                    # Whatever it is, the next push is heard.
                    _log.error("%s: %s", sensor, error, exc_info=not isinstance(error, OrchestratorError))
                    for delivery in waiting:
                        self.asking.pop(delivery, None)
                else:
                    _log.info("%s: %d runs started", sensor, started)

    async def _looked(self, delivery: bytes, sensor: str) -> None:
        left = self.asking.get(delivery)
        if left is None:
            return
        left.discard(sensor)
        if not left:
            await run_in_threadpool(self.deliveries.remember, delivery)
            del self.asking[delivery]


async def _body(request: Request) -> bytes:
    try:
        return await read_body(request, MAX_BODY)
    except TooMuchSent as error:
        raise Refused(413, f"a delivery may have {MAX_BODY} bytes; the sensors follow without it") from error
    except TimeoutError as error:
        raise Refused(408, f"the body did not arrive within {MAX_SECONDS:.0f} seconds") from error
