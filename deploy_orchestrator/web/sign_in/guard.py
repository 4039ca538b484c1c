"""Who has not signed in, and shows no token of a machine, gets nothing but the page that asks for it."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.web.door import READING
from deploy_orchestrator.web.machines import Machines, shown_token
from deploy_orchestrator.web.people import LOCAL, NOBODY, Role, known_as
from deploy_orchestrator.web.sign_in.pages import PATH, SignIn, to_sign_in

_OPEN: Final = frozenset({"/healthz", "/sign-out", "/static/board.css", PATH})
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Guard:
    """`app`, told who asks: everybody whom `sign_in` knows and lets see something; without it, whoever sits
    at this machine. Who shows a token is one of the `machines`, or nobody.
    """

    app: ASGIApp
    sign_in: SignIn | None
    machines: Machines | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked, path = HTTPConnection(scope), str(scope["path"])
        token = shown_token(asked.headers.get("authorization", ""))
        if token is not None:
            answer = await self._of_machine(scope, token)
            await answer(scope, receive, send)
            return
        person = self.sign_in.person(asked) if self.sign_in else LOCAL
        if person.role > Role.NOTHING or path in _OPEN or path.startswith(f"{PATH}/"):
            over = self.sign_in.over(asked) if self.sign_in and scope["type"] == "websocket" else None
            await _until(over, self.app)(known_as(scope, person), receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(WS_1008_POLICY_VIOLATION, "sign in first")(scope, receive, send)
        else:
            await self._refused(Request(scope), person.signed_in)(scope, receive, send)

    async def _of_machine(self, scope: Scope, token: str) -> ASGIApp:
        """What answers the request of whoever shows `token`; whatever changes something asks anew who that
        is.
        """
        if scope["type"] == "websocket":
            return WebSocketClose(WS_1008_POLICY_VIOLATION, "this is for people")
        anew = scope["method"] not in READING
        try:
            person = (
                await run_in_threadpool(self.machines.person, token, anew=anew) if self.machines else NOBODY
            )
        except OrchestratorError as error:
            _LOG.error("nobody can tell whose token is shown: %s", error)
            return PlainTextResponse("nobody can tell whose token this is: see the server's log\n", 503)
        if person is NOBODY:
            said = "this token opens nothing: it was never good, is over, or was taken out of fleet.yaml\n"
            return PlainTextResponse(said, 401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})

        async def known(scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(known_as(scope, person), receive, send)

        return known

    def _refused(self, request: Request, is_known: bool) -> Response:
        is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if self.sign_in is not None and is_page:
            then = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return self.sign_in.asking(request, then, 403) if is_known else to_sign_in(then)
        said = "nobody gave you a role here" if is_known else f"sign in first, at {PATH}"
        return PlainTextResponse(f"{said}\n", 403 if is_known else 401)


def _until(over: datetime | None, app: ASGIApp) -> ASGIApp:
    """`app`, whose web socket is closed when the session of who opened it is `over`."""
    if over is None:
        return app

    async def ending(scope: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.timeout((over - datetime.now(UTC)).total_seconds())
        try:
            async with left:
                await app(scope, receive, send)
        except TimeoutError:
            if not left.expired():
                raise
            await WebSocketClose(WS_1008_POLICY_VIOLATION, "sign in anew")(scope, receive, send)

    return ending
