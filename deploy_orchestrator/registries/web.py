"""Read from HTTP servers that nobody vouches for: bounded in size and in time, errors told in one way."""

import logging
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from deploy_orchestrator.registries.bodies import BodyRefused, BodyTooLarge, body_of
from deploy_orchestrator.registries.egress import ANYWHERE, Egress, mended_by
from deploy_orchestrator.registries.errors import (
    AnswerTooLarge,
    EgressRefused,
    NoAnswer,
    RepositoryUnreachable,
)
from deploy_orchestrator.registries.location import address_of, told

if TYPE_CHECKING:
    import httpx

DEADLINE = 120.0
"""Seconds that one answer may take, all of it."""

SLOWEST = 100_000
"""Bytes a second that must arrive of what is streamed, over all of it and `DEADLINE`."""

SILENCE = 20.0
"""Seconds that a server may keep silent in the middle of an answer."""

ATTEMPTS = 3
"""How often a read is tried that a busy server refuses."""

PATIENCE = 30.0
"""The longest time in seconds that a server may ask to be left alone for, and still be asked again."""

_Asked = TypeVar("_Asked")

_PORTS = {"http": 80, "https": 443}
_READS = ("GET", "HEAD")
_BUSY = (429, 500, 502, 503, 504)

logging.getLogger("stamina").addHandler(logging.NullHandler())

_LOGIN_FIX = "log in with `helm repo add NAME URL --username USER`, or `helm registry login HOST`"
_FIX = "check the URL and the network, or give a copy of the repository with --repository URL=PATH_OR_URL"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: the status, the headers, the whole body, and the `url` after all redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


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
        content: bytes | Iterable[bytes] | None = None,
        form: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (200,),
        tls: Tls | None = None,
    ) -> Answer:
        """The answer to a request that carries `content`, or a `form`, at most `limit` bytes long.

        `repository` is the one to name in messages. Redirects of reads are followed, without an
        `Authorization` header to another server, and not at all with `tls`. A read is tried again where the
        server is busy, after the time that it asks for.

        Raises:
            RepositoryUnreachable: no answer, a status not in `accept`, or larger or slower than it may be.
            EgressRefused: the server, or one that it redirects to, may not be reached.
        """
        ...

    def stream(
        self, url: str, *, size: int, repository: str, headers: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """The body of a read as it comes, of which `size` bytes are expected; not held against that.

        Raises as `fetch`, and while it is read.
        """
        ...


class Offline:
    """No network: every URL is out of reach."""

    def fetch(self, url: str, *, limit: int, repository: str, **_: object) -> Answer:
        raise _offline(repository)

    def stream(
        self, url: str, *, size: int, repository: str, **_: object
    ) -> AbstractContextManager[Iterator[bytes]]:
        raise _offline(repository)


def _offline(repository: str) -> RepositoryUnreachable:
    return RepositoryUnreachable(
        f"offline, and no copy of {repository} is given",
        url=repository,
        fix=f"give one with --repository {repository}=PATH",
    )


class Internet:
    """The real network, as far as `egress` lets, through the proxies that the environment names.

    Safe for several threads. Its client is imported and made at the first request: most analyses read copies,
    and need none. Behind a proxy, which looks names up itself, names are held against `egress`, and addresses
    only where a URL has them.
    """

    def __init__(self, egress: Egress = ANYWHERE) -> None:
        self._egress = egress
        self._client = lru_cache(maxsize=None)(_client)
        self._proxies = cache(_proxies)

    def fetch(
        self,
        url: str,
        *,
        limit: int,
        repository: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
        form: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (200,),
        tls: Tls | None = None,
    ) -> Answer:
        import httpx

        # Whoever takes many bytes may keep them from itself for a while before it says so.
        patience = httpx.USE_CLIENT_DEFAULT if content is None else httpx.Timeout(SILENCE, read=DEADLINE)

        def ask() -> Answer:
            sent = self._client(tls).stream(
                method,
                url,
                headers=dict(headers or {}),
                content=content,
                data=form,
                timeout=patience,
                follow_redirects=tls is None and method in _READS,
                extensions={"trace": _Watch(self._egress, self._proxies(), repository)},
            )
            with sent as response:
                if response.status_code not in accept:
                    raise _refused(response, url, repository)
                body = body_of(response.iter_raw(), response.headers, limit, time.monotonic() + DEADLINE)
                return Answer(response.status_code, response.headers, body, str(response.url))

        with _told(url, repository):
            return _retried(ask, method)

    @contextmanager
    def stream(
        self, url: str, *, size: int, repository: str, headers: Mapping[str, str] | None = None
    ) -> Generator[Iterator[bytes]]:
        def ask() -> "httpx.Response":
            client = self._client(None)
            request = client.build_request(
                "GET",
                url,
                headers={**(headers or {}), "Accept-Encoding": "identity"},
                extensions={"trace": _Watch(self._egress, self._proxies(), repository)},
            )
            response = client.send(request, stream=True, follow_redirects=True)
            if response.status_code != 200:
                response.close()
                raise _refused(response, url, repository)
            return response

        with _told(url, repository):
            response = _retried(ask, "GET")
        try:
            yield _arriving(response, url, repository, time.monotonic() + DEADLINE + size / SLOWEST)
        finally:
            response.close()


def _arriving(response: "httpx.Response", url: str, repository: str, until: float) -> Iterator[bytes]:
    with _told(url, repository):
        for chunk in response.iter_raw():
            if time.monotonic() > until:
                raise BodyRefused("no whole answer in time")
            yield chunk


def _retried(ask: Callable[[], _Asked], method: str) -> _Asked:
    import httpx

    def again(error: Exception) -> bool | float:
        if isinstance(error, _Busy) and method in _READS:
            return error.worth_waiting
        return isinstance(error, httpx.ConnectError)

    try:
        return ask()
    except (_Busy, httpx.ConnectError) as error:
        return _asked_again(ask, error, again)


def _asked_again(
    ask: Callable[[], _Asked], failed: Exception, again: Callable[[Exception], bool | float]
) -> _Asked:
    """The first attempt has `failed`: the others, as far as they are worth it."""
    import stamina

    first = [failed]

    def attempt() -> _Asked:
        if first:
            raise first.pop()
        return ask()

    _tell_retries_to_the_log()
    caller = stamina.RetryingCaller(attempts=ATTEMPTS, timeout=DEADLINE, wait_initial=0.2, wait_jitter=0.2)
    return caller(again, attempt)


@cache
def _tell_retries_to_the_log() -> None:
    """By itself stamina tells them on standard output where structlog is there."""
    from stamina.instrumentation import LoggingOnRetryHook, set_on_retry_hooks

    set_on_retry_hooks([LoggingOnRetryHook])


@contextmanager
def _told(url: str, repository: str) -> Generator[None]:
    """What goes wrong with the network, in words."""
    import httpx

    try:
        yield
    except BodyRefused as error:
        kind = AnswerTooLarge if isinstance(error, BodyTooLarge) else RepositoryUnreachable
        raise kind(f"{error} for {told(url)}", url=repository) from error
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
        reason = str(error) or type(error).__name__
        raise NoAnswer(f"no answer from {told(url)}: {reason}", url=repository, fix=_FIX) from error


class _Busy(RepositoryUnreachable):
    """A server that may answer when it is asked again. `wait`: the seconds that it asks for."""

    def __init__(self, what: str, *, url: str, fix: str, wait: float | None) -> None:
        asks = "" if wait is None else f", and asks to come back in {wait:.0f} seconds"
        super().__init__(f"{what}{asks}", url=url, fix=fix)
        self._wait = wait

    @property
    def worth_waiting(self) -> bool | float:
        """Whether to ask again: after so many seconds where that is a number."""
        if self._wait is None:
            return True
        return self._wait if self._wait <= PATIENCE else False


def _refused(response: "httpx.Response", url: str, repository: str) -> RepositoryUnreachable:
    what = f"the server answered {response.status_code} {response.reason_phrase} for {told(url)}"
    if response.status_code in _BUSY:
        wait = _seconds(response.headers.get("retry-after", ""))
        return _Busy(what, url=repository, fix=_FIX, wait=wait)
    fix = _LOGIN_FIX if response.status_code in (401, 403) else _FIX
    return RepositoryUnreachable(what, url=repository, fix=fix)


def _seconds(retry_after: str) -> float | None:
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after).astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


class _Watch:
    """Holds one request and each redirect of it against the egress: the name first, and then the address of
    the connection, before anything is sent over it. Called by httpcore as its `trace`.
    """

    def __init__(self, egress: Egress, proxies: frozenset[tuple[str, int]], repository: str) -> None:
        self._egress = egress
        self._proxies = proxies
        self._repository = repository
        self._to = ("", 0)

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self._to = info["host"], info["port"]
        elif event == "connection.connect_tcp.complete" and self._to not in self._proxies:
            stream = info["return_value"]
            address: str = stream.get_extra_info("server_addr")[0]
            if refusal := self._egress.refusal_of_address(*self._to, address):
                stream.close()
                raise self._refused(refusal, *self._to)

    def look(self, url: "httpx.URL") -> None:
        """Raises EgressRefused where nothing may be asked of the HTTP server at `url`."""
        if url.scheme not in _PORTS:
            return
        host = url.host.lower()
        port = url.port or _PORTS[url.scheme]
        if refusal := self._egress.refusal(host, port):
            raise self._refused(refusal, host, port)

    def _refused(self, refusal: str, host: str, port: int) -> EgressRefused:
        return EgressRefused(refusal, url=self._repository, fix=mended_by(host, port))


def _proxies() -> frozenset[tuple[str, int]]:
    """Where the proxies are that the environment names."""
    from urllib.request import getproxies

    return frozenset(filter(None, map(address_of, getproxies().values())))


def _client(tls: Tls | None) -> "httpx.Client":
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx

    return httpx.Client(
        timeout=httpx.Timeout(SILENCE, connect=8.0),
        max_redirects=5,
        headers={"User-Agent": "deploy-orchestrator", "Accept-Encoding": "gzip"},
        event_hooks={"request": [_look]},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        verify=_context(tls) if tls else True,
    )


def _look(request: "httpx.Request") -> None:
    watch: _Watch = request.extensions["trace"]
    watch.look(request.url)


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.authority or None)
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key or None)
    return context
