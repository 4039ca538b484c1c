"""What every request must be before anything behind the door sees it: asked of this server, by this site."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import URL, Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from deploy_orchestrator.terms import LOOPBACK as LOOPBACK

_READING: Final = frozenset({"GET", "HEAD"})
_OWN: Final = frozenset({"same-origin", "none"})
_POLICY_VIOLATION: Final = 1008


@dataclass(frozen=True, slots=True)
class Refusal:
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
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(_POLICY_VIOLATION, refusal.why)(scope, receive, send)
        else:
            await PlainTextResponse(f"{refusal.why}\n", refusal.status)(scope, receive, send)

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why this request is refused; None where it is not."""
        asked = HTTPConnection(scope)
        host = asked.headers.get("host", "")
        if len(asked.headers.getlist("host")) != 1 or _name(host) not in self.names:
            return Refusal(421, f"this server does not go by the name {host!r}")
        if scope["type"] == "http" and scope["method"] in _READING and _is_question(asked.url):
            return Refusal(405, "GraphQL is asked by POST")
        if _is_page(scope, asked.headers):
            return None
        if not _is_own(asked.headers, host):
            return Refusal(403, "another site asks this")
        return None


def _name(host: str) -> str:
    """The name in a `Host` header, without port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_question(url: URL) -> bool:
    return url.path.rstrip("/").endswith("/graphql") and bool(url.query)


def _is_page(scope: Scope, headers: Headers) -> bool:
    """A link that was followed, from wherever: it shows a page, and changes nothing."""
    return (
        scope["type"] == "http"
        and scope["method"] in _READING
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _is_own(headers: Headers, host: str) -> bool:
    origins = headers.getlist("origin")
    return headers.get("sec-fetch-site", "none") in _OWN and all(
        urlsplit(each).netloc.lower() == host.lower() for each in origins
    )
