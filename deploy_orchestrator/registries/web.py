"""Read from HTTP servers that nobody vouches for: bounded in size and in time, errors told in one way."""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from deploy_orchestrator.registries.errors import RepositoryUnreachable

if TYPE_CHECKING:
    import httpx

DEADLINE = 120.0
"""Seconds that one answer may take, all of it."""

_LOGIN_FIX = "log in with `helm repo add NAME URL --username USER`, or `helm registry login HOST`"
_FIX = "check the URL and the network, or give a copy of the repository with --repository URL=PATH_OR_URL"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: the status, the headers, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: the client's `certificate` with its `key`, and the `authority` to trust; "" for none."""

    certificate: str
    key: str
    authority: str


class Web(Protocol):
    """The network, as far as repositories need it."""

    def fetch(
        self,
        url: str,
        *,
        limit: int,
        repository: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (200,),
        tls: Tls | None = None,
    ) -> Answer:
        """The answer to a request that carries `content`, or a `form`, at most `limit` bytes long.

        `repository` is the one to name in messages. Redirects are followed, without an `Authorization` header
        to another server, and not at all with `tls`.

        Raises:
            RepositoryUnreachable: no answer, a status not in `accept`, or larger or slower than it may be.
        """
        ...


class Offline:
    """No network: every URL is out of reach."""

    def fetch(self, url: str, *, limit: int, repository: str, **_: object) -> Answer:
        raise RepositoryUnreachable(
            f"offline, and no copy of {repository} is given",
            url=repository,
            fix=f"give one with --repository {repository}=PATH",
        )


class Internet:
    """The real network, through the proxies that the environment names. Safe for several threads.

    Its client is imported and made at the first request: most analyses read copies, and need none.
    """

    def __init__(self) -> None:
        self._client = lru_cache(maxsize=None)(_client)

    def fetch(
        self,
        url: str,
        *,
        limit: int,
        repository: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (200,),
        tls: Tls | None = None,
    ) -> Answer:
        import httpx

        def ask() -> Answer:
            sent = self._client(tls).stream(
                method, url, headers=dict(headers or {}), content=content, data=form
            )
            with sent as response:
                if response.status_code not in accept:
                    raise RepositoryUnreachable(
                        f"the server answered {response.status_code} {response.reason_phrase} for {url}",
                        url=repository,
                        fix=_LOGIN_FIX if response.status_code in (401, 403) else _FIX,
                    )
                return Answer(response.status_code, response.headers, _body(response, limit, repository))

        try:
            try:
                return ask()
            except httpx.ConnectError:
                return ask()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, OSError) as error:
            reason = str(error) or type(error).__name__
            raise RepositoryUnreachable(
                f"no answer from {url}: {reason}", url=repository, fix=_FIX
            ) from error


def _client(tls: Tls | None) -> "httpx.Client":
    import httpx

    return httpx.Client(
        timeout=httpx.Timeout(20.0, connect=8.0),
        follow_redirects=tls is None,
        max_redirects=5,
        headers={"User-Agent": "deploy-orchestrator"},
        verify=_context(tls) if tls else True,
    )


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.authority or None)
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key or None)
    return context


def _body(response: "httpx.Response", limit: int, repository: str) -> bytes:
    until = time.monotonic() + DEADLINE
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > limit:
            raise RepositoryUnreachable(
                f"the answer is larger than {limit:,} bytes for {response.url}", url=repository
            )
        if time.monotonic() > until:
            raise RepositoryUnreachable(
                f"no whole answer within {DEADLINE:.0f} seconds for {response.url}", url=repository
            )
    return bytes(body)
