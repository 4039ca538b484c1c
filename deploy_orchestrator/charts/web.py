"""Read from HTTP servers that nobody vouches for: bounded in size and in time, errors told in one way."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from deploy_orchestrator.charts.errors import RepositoryUnreachable

if TYPE_CHECKING:
    import httpx

DEADLINE = 120.0
"""Seconds that one answer may take, all of it."""

_FIX = "check the URL and the network, or give a copy of the repository with --repository URL=PATH_OR_URL"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: the status, the headers, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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
    ) -> Answer:
        """The answer to a request that carries `content`, or a `form`, at most `limit` bytes long.

        `repository` is the one to name in messages.

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

    @cached_property
    def client(self) -> "httpx.Client":
        import httpx

        return httpx.Client(
            timeout=httpx.Timeout(20.0, connect=8.0),
            follow_redirects=True,
            max_redirects=5,
            headers={"User-Agent": "deploy-orchestrator"},
        )

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
    ) -> Answer:
        import httpx

        def ask() -> Answer:
            sent = self.client.stream(method, url, headers=dict(headers or {}), content=content, data=form)
            with sent as response:
                if response.status_code not in accept:
                    raise RepositoryUnreachable(
                        f"the server answered {response.status_code} {response.reason_phrase} for {url}",
                        url=repository,
                        fix=_FIX,
                    )
                return Answer(response.status_code, response.headers, _body(response, limit, repository))

        try:
            try:
                return ask()
            except httpx.ConnectError:
                return ask()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict) as error:
            reason = str(error) or type(error).__name__
            raise RepositoryUnreachable(
                f"no answer from {url}: {reason}", url=repository, fix=_FIX
            ) from error


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
