"""An OCI registry: where it is, and the user's login to it.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import hashlib
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from deploy_orchestrator.registries.ahead import ahead
from deploy_orchestrator.registries.credentials import Login, login
from deploy_orchestrator.registries.errors import DigestMismatch, RepositoryError, RepositoryUnreachable
from deploy_orchestrator.registries.location import origin
from deploy_orchestrator.registries.web import Answer, Web
from deploy_orchestrator.terms import LOOPBACK

MAX_ANSWER_BYTES = 4 * 1024 * 1024

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CREATED = "org.opencontainers.image.created"

_MAX_CHALLENGE = 8192
_CHALLENGE = re.compile(
    r"""(?P<name>[\w-]++)\s*+=\s*+(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<plain>[^\s,"]++))|(?P<scheme>[\w-]++)""",
    re.ASCII,
)
"""A parameter, or the name of a scheme, in a `WWW-Authenticate` header: RFC 9110, section 11.6.1."""
_PATH = re.compile(r"[A-Za-z0-9]+(?:[._/-]+[A-Za-z0-9]+)*")
_SERVER = re.compile(r"[A-Za-z0-9._-]+(?::\d+)?|\[[0-9A-Fa-f:.]+\](?::\d+)?")


class Blob(msgspec.Struct, frozen=True, rename="camel"):
    """What a manifest says about bytes in the registry; `digest` is `sha256:<hex>`."""

    media_type: str
    digest: str
    size: int


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What is under a tag: of a chart, its metadata and its package; of an image, its
    configuration and its layers.
    """

    config: Blob
    layers: tuple[Blob, ...]
    annotations: dict[str, str] | None = None
    schema_version: int = 2
    media_type: str = MANIFEST


class _Token(msgspec.Struct, frozen=True):
    token: str | None = None
    access_token: str | None = None


class Registry:
    """The charts below `location`, an `oci://` URL; plain HTTP for this machine, HTTPS for all others.

    `identity` is the URL to name in messages. Every method may raise RepositoryError.
    """

    def __init__(
        self, location: str, identity: str, web: Web, logins: Callable[[str], Login | None] = login
    ) -> None:
        parts = urlsplit(location)
        self.identity = identity
        self._host = parts.netloc
        self._path = parts.path.strip("/")
        scheme = "http" if parts.hostname in LOOPBACK else "https"
        self._base = f"{scheme}://{parts.netloc}/v2/"
        self._web = web
        self._logins = logins
        self._authorizations: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The URL of everything about one chart."""
        path = f"{self._path}/{name}" if self._path else name
        if not _PATH.fullmatch(path):
            raise RepositoryError(f"{path!r} is no name in a registry", url=self.identity)
        return f"{self._base}{path}"

    def manifest_of(self, name: str, version: str) -> str:
        """The URL of the manifest of one version, whose tag has `_` for `+`, as Helm has it."""
        return f"{self.of(name)}/manifests/{version.replace('+', '_')}"

    def within(self, address: str) -> str:
        """The URL that the registry answered with, which leads to the registry itself."""
        url = urljoin(self._base, address)
        if not url.startswith(self._base):
            raise RepositoryError("the registry leads to another server", url=self.identity)
        return url

    def ask(
        self,
        url: str,
        name: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
        limit: int = MAX_ANSWER_BYTES,
        accept: tuple[int, ...] = (200,),
    ) -> Answer:
        """The answer about the chart `name`, with the user's login where the registry wants one."""

        def ask(accept: tuple[int, ...]) -> Answer:
            authorization = self._authorizations.get(name)
            return self._web.fetch(
                url,
                limit=limit,
                repository=self.identity,
                method=method,
                headers={**(headers or {}), **({"Authorization": authorization} if authorization else {})},
                content=content,
                accept=accept,
            )

        answer = ask((*accept, 401))
        if answer.status != 401:
            return answer
        if origin(answer.url) != origin(self._base):
            raise RepositoryUnreachable(
                f"{self._host} leads to {urlsplit(answer.url).netloc}, which wants a login of its own",
                url=self.identity,
                fix="ask who runs the registry; a login is shown to the registry alone",
            )
        self._authorizations[name] = self._authorized(answer.headers.get("www-authenticate", ""))
        return ask(accept)

    def upload(self, name: str, blob: Blob, data: bytes) -> None:
        """Put `data`, which `blob` describes, under `name`, unless it is there."""
        if not self.holds(name, blob.digest):
            self.finish(name, self.begin(name), blob, data)

    def holds(self, name: str, digest: str) -> bool:
        """Whether the blob of that `digest` is under `name`."""
        url = f"{self.of(name)}/blobs/{digest}"
        return self.ask(url, name, method="HEAD", accept=(200, 404)).status == 200

    def mount(self, name: str, digest: str, source: str) -> str | None:
        """Take the blob of that `digest` over from under `source`; where the registry will not, the URL of an
        upload that it has begun instead.
        """
        url = f"{self.of(name)}/blobs/uploads/?{urlencode({'mount': digest, 'from': source})}"
        answer = self.ask(url, name, method="POST", accept=(201, 202))
        return None if answer.status == 201 else self.within(answer.headers.get("location", ""))

    def begin(self, name: str) -> str:
        """The URL of an upload that is begun."""
        answer = self.ask(f"{self.of(name)}/blobs/uploads/", name, method="POST", accept=(202,))
        return self.within(answer.headers.get("location", ""))

    def finish(self, name: str, upload: str, blob: Blob, data: bytes | Iterable[bytes]) -> None:
        """Send all of the `data`, which `blob` describes, to an `upload` that was begun."""
        self.ask(
            f"{upload}{'&' if '?' in upload else '?'}digest={quote(blob.digest)}",
            name,
            method="PUT",
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)},
            content=data,
            accept=(201,),
        )

    @contextmanager
    def blob(self, name: str, blob: Blob) -> Generator[Iterator[bytes]]:
        """The bytes under `name` that `blob` describes, as they come. The last ones come only where all of
        them are what it says.

        Raises:
            DigestMismatch: they are not; while they are read.
        """
        url = f"{self.of(name)}/blobs/{blob.digest}"
        if not self.holds(name, blob.digest):
            raise RepositoryError(f"there is no blob {blob.digest}", url=f"{self.identity}/{name}")
        authorization = self._authorizations.get(name)
        headers = {"Authorization": authorization} if authorization else {}
        with (
            self._web.stream(url, size=blob.size, repository=self.identity, headers=headers) as chunks,
            ahead(_proved(chunks, blob, f"{self.identity}/{name}")) as proved,
        ):
            yield proved

    def _authorized(self, challenge: str) -> str:
        challenges = _challenges(challenge)
        user = self._logins(self._host)
        if "bearer" not in challenges and "basic" in challenges and user:
            return user.basic
        parameters = dict(challenges.get("bearer", {}))
        realm = parameters.pop("realm", "")
        if "bearer" not in challenges or not self._may_ask(realm):
            raise RepositoryUnreachable(
                f"{self._host} wants a login",
                url=self.identity,
                fix=f"log in with `helm registry login {self._host}`",
            )
        return f"Bearer {self._token(realm, parameters, user)}"

    def _may_ask(self, realm: str) -> bool:
        """Whether a realm that the registry names may see the login: one over TLS, or the registry itself."""
        try:
            parts = urlsplit(realm)
            is_itself = origin(realm) == origin(self._base)
        except ValueError:
            return False
        return bool(_SERVER.fullmatch(parts.netloc)) and (parts.scheme == "https" or is_itself)

    def _token(self, realm: str, parameters: Mapping[str, str], user: Login | None) -> str:
        wanted = {key: value for key, value in parameters.items() if key in ("service", "scope")}
        if user and user.is_token:
            form = {
                **wanted,
                "grant_type": "refresh_token",
                "refresh_token": user.secret,
                "client_id": user.user,
            }
            answer = self._web.fetch(
                realm, limit=MAX_ANSWER_BYTES, repository=self.identity, method="POST", form=form
            )
        else:
            url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(wanted)}"
            headers = {"Authorization": user.basic} if user else {}
            answer = self._web.fetch(url, limit=MAX_ANSWER_BYTES, repository=self.identity, headers=headers)
        token = decoded(answer.body, _Token, self.identity)
        return token.token or token.access_token or ""


def _challenges(header: str) -> dict[str, dict[str, str]]:
    """The parameters of each scheme that a server offers, by its name in lower case."""
    found: dict[str, dict[str, str]] = {}
    parameters = dict[str, str]()
    for each in _CHALLENGE.finditer(header[:_MAX_CHALLENGE]):
        if each["scheme"]:
            parameters = found.setdefault(each["scheme"].lower(), {})
        else:
            quoted = each["quoted"]
            said = each["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters.setdefault(each["name"].lower(), said)
    return found


def _proved(chunks: Iterable[bytes], blob: Blob, place: str) -> Iterator[bytes]:
    """The chunks, the last one kept back until all of them are what `blob` says."""
    algorithm, _, expected = blob.digest.partition(":")
    found, count, kept = hashlib.new(algorithm), 0, b""
    for chunk in chunks:
        found.update(chunk)
        count += len(chunk)
        if count > blob.size:
            break
        if kept:
            yield kept
        kept = chunk
    if count != blob.size:
        more = "more than " if count > blob.size else f"{count:,} of "
        raise DigestMismatch(f"{place} sends {more}{blob.size:,} bytes for {blob.digest}", url=place)
    if found.hexdigest() != expected:
        raise DigestMismatch(f"{place} sends other bytes than those of {blob.digest}", url=place)
    if kept:
        yield kept


_Answered = TypeVar("_Answered", bound=msgspec.Struct)


def decoded(body: bytes, kind: type[_Answered], repository: str) -> _Answered:
    """What a registry answered, as the `kind` of answer that it should be. Raises RepositoryError."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RepositoryError(f"not what a registry answers: {error}", url=repository) from error
