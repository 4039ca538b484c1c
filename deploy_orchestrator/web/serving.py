"""The one web process: the board, with Dagster's own web UI beside it, behind the door."""

import logging
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy_orchestrator.errors import OrchestratorError, Transient
from deploy_orchestrator.pipeline import Orchestrator
from deploy_orchestrator.web.acting_as import ActingAs
from deploy_orchestrator.web.board import COMPRESSION, SurveyPage, Watch, board
from deploy_orchestrator.web.deciding import Deciding
from deploy_orchestrator.web.door import Door
from deploy_orchestrator.web.impatience import HEADER_SECONDS, impatient
from deploy_orchestrator.web.machines import Machines
from deploy_orchestrator.web.people import person_of
from deploy_orchestrator.web.sign_in import Guard, SignIn

GRACE_SECONDS: Final = 3
MAX_UNHEARD: Final = 256
"""Connections that have not sent a whole request, or wait for the next one; of more, the oldest is closed."""
TURN_SECONDS: Final = 0.0005
"""How long a thread computes while another one wants to. Each answer takes some turns."""
MAX_MESSAGE: Final = 1024 * 1024
"""Bytes of one message to a web socket."""
_LOG: Final = logging.getLogger(__name__)


def site(
    watch: Watch,
    orchestrator: Orchestrator,
    dagster: ASGIApp | None,
    names: frozenset[str],
    sign_in: SignIn | None = None,
    acting_as: ActingAs | None = None,
    surveyed: Callable[[], SurveyPage] = SurveyPage,
) -> Door:
    """The application: the board at `/`, `dagster` below its own prefix, `/healthz` for who looks whether it
    runs; for requests to one of the host `names`, of people who signed in where there is a `sign_in`. Where
    there is none, whoever asks may be `acting_as` others. `surveyed` tells what the fleet is built on.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        with _taking_turns():
            async with watch.running():
                yield

    async def healthy(_: Request) -> PlainTextResponse:
        return PlainTextResponse("fine\n")

    deciding = Deciding(sign_in, orchestrator) if sign_in else acting_as
    routes = [*board(watch, orchestrator, deciding, surveyed), Route("/healthz", healthy)]
    if deciding:
        routes += deciding.routes()
    if sign_in:
        routes += sign_in.routes()
    if dagster:
        routes.append(Mount("/", _ForPeople(dagster)))
    middleware = [
        Middleware(GZipMiddleware, compresslevel=COMPRESSION),
        Middleware(_Labelled),
        Middleware(Guard, sign_in, Machines(orchestrator)),
    ]
    failing = {OrchestratorError: _not_answered}
    app = Starlette(routes=routes, lifespan=lifespan, middleware=middleware, exception_handlers=failing)
    return Door(app, names)


def _not_answered(request: Request, error: Exception) -> PlainTextResponse:
    """What a page or a button cannot be answered with: why, and not as if the server had broken."""
    _LOG.error("%s %s is not answered: %s", request.method, request.url.path, error)
    again = "; try it again later" if isinstance(error, Transient) else ""
    return PlainTextResponse(f"{error}{again}\n", 503, headers={"Cache-Control": "no-store"})


@contextmanager
def _taking_turns() -> Generator[None]:
    """Threads that look make room for whoever asks within `TURN_SECONDS`, and not within ten times that."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _ForPeople:
    """`app` for all but machines: a token of fleet.yaml opens the board alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = PlainTextResponse("a machine's token opens the board, and not Dagster\n", 403)
        app = refused if scope["type"] == "http" and person_of(scope).is_machine else self._app
        await app(scope, receive, send)


class _Labelled:
    """Answers that browsers take for what they say they are, and send no other site's address about."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
            await send(message)

        await self._app(scope, receive, labelled)


def site_server(app: ASGIApp, host: str, port: int, header_seconds: float = HEADER_SECONDS) -> uvicorn.Server:
    """A server of `app`, to be run, that hears strangers out as `impatient` does. Told to end, it waits
    `GRACE_SECONDS` for who listens for news.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=impatient(header_seconds, MAX_UNHEARD),
            ws_max_size=MAX_MESSAGE,
            server_header=False,
            access_log=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
