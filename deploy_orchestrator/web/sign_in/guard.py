"""Who has not signed in gets nothing but the page that asks for it."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from deploy_orchestrator.web.people import LOCAL, Role, known_as
from deploy_orchestrator.web.sign_in.pages import PATH, SignIn, to_sign_in

_OPEN: Final = frozenset({"/healthz", "/sign-out", "/static/board.css", PATH})
_POLICY_VIOLATION: Final = 1008


@dataclass(frozen=True, slots=True)
class Guard:
    """`app`, told who asks: everybody whom `sign_in` knows and lets see something; without it, whoever sits
    at this machine.
    """

    app: ASGIApp
    sign_in: SignIn | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        person = self.sign_in.person(HTTPConnection(scope)) if self.sign_in else LOCAL
        path: str = scope["path"]
        if person.role > Role.NOTHING or path in _OPEN or path.startswith(f"{PATH}/"):
            await self.app(known_as(scope, person), receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(_POLICY_VIOLATION, "sign in first")(scope, receive, send)
        else:
            await self._refused(Request(scope), person.signed_in)(scope, receive, send)

    def _refused(self, request: Request, is_known: bool) -> Response:
        is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if self.sign_in is not None and is_page:
            then = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return self.sign_in.asking(request, then, 403) if is_known else to_sign_in(then)
        said = "nobody gave you a role here" if is_known else f"sign in first, at {PATH}"
        return PlainTextResponse(f"{said}\n", 403 if is_known else 401)
