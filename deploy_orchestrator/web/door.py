"""What every request must be before anything behind the door sees it: asked of this server, by this site."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import URL, Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from deploy_orchestrator.terms import LOOPBACK as LOOPBACK

READING: Final = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""
MAX_BODY: Final = 2 * 1024 * 1024
"""Bytes of a request."""
_OWN: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a request goes no further, as an HTTP status and a sentence."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Door:
    """`app` for requests to one of the host `names` of this server, and for none that another site makes.

    A browser tells by `Origin` and `Sec-Fetch-Site` which site asks; a program tells neither, and no page can
    send requests as one. A name that is not this server's own is what a page of another name asks for after
    it had that resolved to this machine. GraphQL takes questions in the body only: a link alone asks nothing.
    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """

    app: ASGIApp
    names: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self.refusal(scope) if scope["type"] in {"http", "websocket"} else None
        if refusal is None:
            await self.app(scope, _within(receive) if scope["type"] == "http" else receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(WS_1008_POLICY_VIOLATION, refusal.why)(scope, receive, send)
        else:
            await PlainTextResponse(f"{refusal.why}\n", refusal.status)(scope, receive, send)

    def refusal(self, scope: Scope) -> Denial | None:
        """Why this request is refused; None where it is not."""
        asked = HTTPConnection(scope)
        host = asked.headers.get("host", "")
        if len(asked.headers.getlist("host")) != 1 or _name(host) not in self.names:
            return Denial(421, f"this server does not go by the name {host!r}")
        if _said_length(asked.headers) > MAX_BODY:
            return TOO_LARGE
        if scope["type"] == "http" and scope["method"] in READING and _is_question(asked.url):
            return Denial(405, "GraphQL is asked by POST")
        if _is_page(scope, asked.headers):
            return None
        if not _is_own(asked.headers, host):
            return Denial(403, "another site asks this")
        return None


TOO_LARGE: Final = Denial(413, f"a request may have {MAX_BODY:,} bytes")


def _within(receive: Receive) -> Receive:
    """What is received, up to `MAX_BODY` bytes of it."""
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY:
            raise HTTPException(TOO_LARGE.status, TOO_LARGE.why)
        return message

    return counted


def _said_length(headers: Headers) -> int:
    said = headers.get("content-length", "")
    return int(said[:20]) if said.isascii() and said.isdigit() else 0


def _name(host: str) -> str:
    """The name in a `Host` header, without port; empty where there is more in it."""
    parts = _split(f"//{host}")
    return (parts.hostname or "").lower() if parts.netloc == host and "@" not in host else ""


def _split(url: str) -> SplitResult:
    """Its parts; all of them empty where it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _is_question(url: URL) -> bool:
    return url.path.rstrip("/").endswith("/graphql") and bool(url.query)


def _is_page(scope: Scope, headers: Headers) -> bool:
    """A link that was followed, from wherever: it shows a page, and changes nothing."""
    return (
        scope["type"] == "http"
        and scope["method"] in READING
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _is_own(headers: Headers, host: str) -> bool:
    origins = headers.getlist("origin")
    return headers.get("sec-fetch-site", "none") in _OWN and all(
        _split(each).netloc.lower() == host.lower() for each in origins
    )
