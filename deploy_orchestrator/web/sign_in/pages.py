"""The pages by which somebody signs in and out."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from secrets import compare_digest, token_urlsafe
from typing import Final, ParamSpec, Protocol, TypeVar
from urllib.parse import urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from deploy_orchestrator.identity import Expected, NotProved, Provider, ProviderUnreachable, prove
from deploy_orchestrator.registries import Web
from deploy_orchestrator.web.forms import read_form
from deploy_orchestrator.web.people import NOBODY, Person, Role
from deploy_orchestrator.web.sign_in.client import Client
from deploy_orchestrator.web.sign_in.configuration import IssuerFile, SignInFile
from deploy_orchestrator.web.sign_in.cookies import Cookies, CookieTooLarge, Session, SignInAttempt
from deploy_orchestrator.web.templates import templates

PATH: Final = "/sign-in"
ATTEMPT_SECONDS: Final = 600
"""How long somebody may take at the provider."""
MAX_CODE: Final = 4096
MAX_ASKERS: Final = 4
"""Threads in which providers are asked."""
Asked = ParamSpec("Asked")
Given = TypeVar("Given")
_SESSION: Final = "deploy-orchestrator"
_ATTEMPT: Final = "deploy-orchestrator-attempt"
_TEMPLATES: Final = templates(Path(__file__).parent / "templates")
_POLICY: Final = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"


@dataclass(frozen=True, slots=True)
class Returned(Exception):
    """Somebody came back from the provider with what does not let them in: a `status`, and why."""

    status: int
    why: str


class SignIn:
    """Sign-in as `file` says it, with client `secrets` by the issuer's name, and cookies signed with `key`.
    Providers are asked over `web`.
    """

    def __init__(self, file: SignInFile, secrets: Mapping[str, str], key: bytes, web: Web) -> None:
        self.file = file
        self.cookies = Cookies(key, file.is_secure)
        self._clients: dict[str, Client] = {}
        self._deciding: dict[str, Client] = {}
        self._askers = ThreadPoolExecutor(MAX_ASKERS, "provider")
        for each in file.issuers:
            provider, name = Provider(each.issuer, web), each.name
            back = f"{file.url}{PATH}/{name}/back"
            self._clients[name] = Client(provider, each.client, secrets.get(name, ""), back, each.scopes)
            if each.decisions:
                secret, back = secrets.get(f"{name}.decisions", ""), f"{file.url}/decide/{name}/back"
                self._deciding[name] = Client(provider, each.decisions, secret, back, ("openid", "email"))

    def person(self, asked: HTTPConnection) -> Person:
        """Who asks, by the cookie from when they signed in, as far as its issuer may still say so."""
        session = self.cookies.read(asked, _SESSION, Session, self.file.hours * 3600)
        issuer = self.file.issuer(session.issuer) if session else None
        if session is None or issuer is None or issuer.issuer != session.url:
            return NOBODY
        email = session.email if session.email and issuer.speaks_for(session.email) else None
        who = email or f"{session.subject} of {session.issuer}"
        held = tuple(each for each in session.held if email or each != session.email)
        return Person(who, session.name, self.file.role(held), email, session.issuer)

    def over(self, asked: HTTPConnection) -> datetime | None:
        """When whoever asks has to sign in anew; None for whoever has not signed in."""
        return self.cookies.end(asked, _SESSION, self.file.hours * 3600)

    async def asks(self, do: Callable[Asked, Given], *args: Asked.args, **kwargs: Asked.kwargs) -> Given:
        """What `do` returns, which asks a provider: in threads of their own, so that none but those who sign
        in or decide wait for a slow one.
        """
        return await asyncio.get_running_loop().run_in_executor(self._askers, partial(do, *args, **kwargs))

    def deciding(self, issuer: str) -> Client:
        """The client that asks the issuer of this name for decisions. Raises KeyError where it has none."""
        return self._deciding[issuer]

    def routes(self) -> list[BaseRoute]:
        return [
            Route(PATH, self._choose, name="sign-in"),
            Route(f"{PATH}/{{issuer}}", self._begin, methods=["POST"]),
            Route(f"{PATH}/{{issuer}}/back", self._back),
            Route("/sign-out", self._end, methods=["POST"], name="sign-out"),
        ]

    def asking(self, request: Request, then: str, status: int = 200, trouble: str = "") -> Response:
        """The page that asks somebody to sign in, and leads them to `then`."""
        person = self.person(request)
        shown = {"issuers": self.file.issuers, "then": _own(then), "trouble": trouble, "person": person}
        return _TEMPLATES.TemplateResponse(
            request,
            "sign_in.html",
            shown,
            status,
            headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"},
        )

    async def _choose(self, request: Request) -> Response:
        then = _own(request.query_params.get("then", "/"))
        if self.person(request).role > Role.NOTHING:
            return RedirectResponse(then, 303)
        return self.asking(request, then)

    async def _begin(self, request: Request) -> Response:
        then = _own((await read_form(request)).get("then", "/"))
        issuer = self.file.issuer(request.path_params["issuer"])
        if issuer is None:
            return self.asking(request, then, 404, "There is no such provider here.")
        attempt = SignInAttempt(
            issuer=issuer.name,
            state=token_urlsafe(32),
            nonce=token_urlsafe(32),
            verifier=token_urlsafe(48),
            then=then,
        )
        try:
            there = await self.asks(
                self._clients[issuer.name].begin, attempt.state, attempt.nonce, attempt.verifier
            )
        except ProviderUnreachable as error:
            return self.asking(request, then, 502, error.what)
        answer = RedirectResponse(there, 303)
        self.cookies.give(answer, _ATTEMPT, attempt, ATTEMPT_SECONDS)
        return answer

    async def _back(self, request: Request) -> Response:
        attempt = self.cookies.read(request, _ATTEMPT, SignInAttempt, ATTEMPT_SECONDS)
        try:
            session = await self.asks(self._returned, request, attempt)
            answer: Response = RedirectResponse(attempt.then if attempt else "/", 303)
            self.cookies.give(answer, _SESSION, session, self.file.hours * 3600)
        except Returned as error:
            answer = self.asking(request, attempt.then if attempt else "/", error.status, error.why)
        except CookieTooLarge:
            answer = self.asking(
                request, "/", 403, "You are in more groups than a cookie holds: roles should name fewer."
            )
        self.cookies.take(answer, _ATTEMPT)
        return answer

    async def _end(self, request: Request) -> Response:
        answer = RedirectResponse(PATH, 303)
        self.cookies.take(answer, _SESSION)
        return answer

    def _returned(self, request: Request, attempt: SignInAttempt | None) -> Session:
        """Who somebody is who came back from the provider. Raises Returned."""
        issuer = self.file.issuer(request.path_params["issuer"])
        attempt, issuer, code = came_back(request, attempt, issuer)
        try:
            return self._session(issuer, attempt, code)
        except ProviderUnreachable as error:
            raise Returned(502, error.what) from error
        except NotProved as error:
            raise Returned(403, f"You are not signed in: {error.what}.") from error

    def _session(self, issuer: IssuerFile, attempt: SignInAttempt, code: str) -> Session:
        client = self._clients[issuer.name]
        token = client.finish(code, attempt.verifier)
        expected = Expected(
            issuer.issuer, issuer.client, attempt.nonce, issuer.groups, issuer.verified, issuer.domains
        )
        proved = prove(token, client.provider.keys_for(token), expected, datetime.now(UTC))
        return Session(
            issuer=issuer.name,
            url=issuer.issuer,
            subject=proved.subject,
            name=proved.name,
            email=proved.email,
            held=self.file.held(issuer.name, proved),
        )


class _Attempt(Protocol):
    @property
    def issuer(self) -> str: ...

    @property
    def state(self) -> str: ...


_Any = TypeVar("_Any", bound=_Attempt)


def came_back(
    request: Request, attempt: _Any | None, issuer: IssuerFile | None
) -> tuple[_Any, IssuerFile, str]:
    """The attempt with which somebody went to `issuer`, that issuer, and the code that they bring back.

    Raises:
        Returned: they bring none, or what belongs to another attempt.
    """
    said = request.query_params
    state, code = said.get("state", ""), said.get("code", "")
    if attempt is None or issuer is None or attempt.issuer != issuer.name:
        raise Returned(400, "This browser did not ask for it, or too long ago. Try again.")
    if not compare_digest(state.encode(), attempt.state.encode()):
        raise Returned(400, "This is the answer to another attempt. Try again.")
    if said.get("iss", issuer.issuer) != issuer.issuer:
        raise Returned(400, "This is the answer of another provider. Try again.")
    if not 0 < len(code) <= MAX_CODE:
        why = said.get("error_description") or said.get("error") or "it does not say why"
        raise Returned(403, f"The provider refuses: {why[:200]}")
    return attempt, issuer, code


def to_sign_in(path: str) -> Response:
    """Leads to the page that asks somebody to sign in, and from there back to `path`."""
    return RedirectResponse(f"{PATH}?{urlencode({'then': path})}", 303)


def _own(path: str) -> str:
    """`path` where it leads to a page of this server; else the first one."""
    is_own = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable() and len(path) < 1000
    return path if is_own and not path.startswith(PATH) else "/"
