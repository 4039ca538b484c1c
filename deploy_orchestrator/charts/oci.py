"""A chart repository in an OCI registry: https://github.com/opencontainers/distribution-spec/blob/main/spec.md."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec

from deploy_orchestrator.charts.cache import Cache
from deploy_orchestrator.charts.credentials import Login, login
from deploy_orchestrator.charts.errors import DigestMismatch, RepositoryError, RepositoryUnreachable
from deploy_orchestrator.charts.load import MAX_PACKAGE_BYTES
from deploy_orchestrator.charts.metadata import ChartMetadata, read
from deploy_orchestrator.charts.published import PublishedChart, dependencies_as_json
from deploy_orchestrator.charts.version import Version, VersionError
from deploy_orchestrator.charts.web import Answer, Web

MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_PAGES = 200

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.cncf.helm.config.v1+json"
_CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_CREATED = "org.opencontainers.image.created"
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_PARAMETER = re.compile(r'([a-z]+)="([^"]*)"')
_PATH = re.compile(r"[A-Za-z0-9]+(?:[._/-]+[A-Za-z0-9]+)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class _Tags(msgspec.Struct, frozen=True):
    tags: tuple[str, ...] | None = None


class _Blob(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    digest: str
    size: int


class _Manifest(msgspec.Struct, frozen=True):
    config: _Blob
    layers: tuple[_Blob, ...]
    annotations: dict[str, str] | None = None


class _Token(msgspec.Struct, frozen=True):
    token: str | None = None
    access_token: str | None = None


class OciRepository:
    """The charts below `location`, an `oci://` URL; `identity` is the repository's own URL.

    A tag is a version of a chart. What it depends on is told only when it is described.
    """

    def __init__(
        self,
        identity: str,
        location: str,
        web: Web,
        cache: Cache,
        logins: Callable[[str], Login | None] = login,
    ) -> None:
        self.identity = identity
        parts = urlsplit(location)
        self._host = parts.netloc
        self._path = parts.path.strip("/")
        scheme = "http" if parts.hostname in _LOOPBACK else "https"
        self._base = f"{scheme}://{parts.netloc}/v2/"
        self._web = web
        self._cache = cache
        self._logins = logins
        self._authorizations: dict[str, str] = {}

    def names(self) -> tuple[str, ...]:
        """Nothing: a registry does not tell."""
        return ()

    def versions(self, name: str) -> tuple[PublishedChart, ...]:
        """Every tag of a chart that is a version, newest first. Raises RepositoryError."""
        url: str | None = f"{self._of(name)}/tags/list?n=1000"
        tags: list[str] = []
        for _ in range(MAX_PAGES):
            if url is None:
                break
            answer = self._get(url, name, accept=(200, 404))
            if answer.status == 404:
                return ()
            tags += _decoded(answer.body, _Tags, self.identity).tags or ()
            url = self._next(answer)
        found = sorted(filter(None, map(_version, tags)), key=Version.parse, reverse=True)
        return tuple(
            PublishedChart(self.identity, name, version, dependencies_json=None) for version in found
        )

    def described(self, chart: PublishedChart) -> PublishedChart:
        """`chart` with what its manifest and its metadata tell. Raises RepositoryError and ChartInvalid."""
        tag = chart.version.replace("+", "_")
        url = f"{self._of(chart.name)}/manifests/{tag}"
        answer = self._get(url, chart.name, headers={"Accept": _MANIFEST})
        manifest = _decoded(answer.body, _Manifest, self.identity)
        content = next((layer for layer in manifest.layers if layer.media_type == _CONTENT), None)
        if manifest.config.media_type != _CONFIG or content is None:
            raise RepositoryError(f"{chart} is no Helm chart", url=self.identity)
        metadata = read(self._blob(chart.name, manifest.config, MAX_ANSWER_BYTES), str(chart), ChartMetadata)
        return msgspec.structs.replace(
            chart,
            created=_time((manifest.annotations or {}).get(_CREATED, "")),
            digest=content.digest.removeprefix("sha256:"),
            type=metadata.type,
            deprecated=metadata.deprecated,
            app_version=metadata.app_version,
            dependencies_json=dependencies_as_json(metadata.dependencies),
        )

    def package(self, chart: PublishedChart) -> bytes:
        """The bytes of the chart's package. Raises RepositoryError."""
        described = chart if chart.digest else self.described(chart)
        blob = _Blob(_CONTENT, f"sha256:{described.digest}", MAX_PACKAGE_BYTES)
        return self._blob(chart.name, blob, MAX_PACKAGE_BYTES)

    def _blob(self, name: str, blob: _Blob, limit: int) -> bytes:
        if not _DIGEST.fullmatch(blob.digest):
            raise RepositoryError(f"{name}: no digest: {blob.digest!r}", url=self.identity)
        kept = self._cache.read("blobs", blob.digest)
        if kept is not None:
            return kept
        data = self._get(f"{self._of(name)}/blobs/{blob.digest}", name, limit=limit).body
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if found != blob.digest:
            raise DigestMismatch(
                f"{name}: asked for {blob.digest}, the registry sent {found}", url=self.identity
            )
        self._cache.write("blobs", blob.digest, data)
        return data

    def _of(self, name: str) -> str:
        path = f"{self._path}/{name}" if self._path else name
        if not _PATH.fullmatch(path):
            raise RepositoryError(f"{path!r} is no name in a registry", url=self.identity)
        return f"{self._base}{path}"

    def _next(self, answer: Answer) -> str | None:
        link = _NEXT.search(answer.headers.get("link", ""))
        if link is None:
            return None
        url = urljoin(self._base, link[1])
        if not url.startswith(self._base):
            raise RepositoryError("the list of tags goes on at another server", url=self.identity)
        return url

    def _get(
        self,
        url: str,
        name: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_ANSWER_BYTES,
        accept: tuple[int, ...] = (200,),
    ) -> Answer:
        def ask(accept: tuple[int, ...]) -> Answer:
            authorization = self._authorizations.get(name)
            sent = {**(headers or {}), **({"Authorization": authorization} if authorization else {})}
            return self._web.fetch(url, limit=limit, repository=self.identity, headers=sent, accept=accept)

        answer = ask((*accept, 401))
        if answer.status != 401:
            return answer
        self._authorizations[name] = self._authorized(answer.headers.get("www-authenticate", ""))
        return ask(accept)

    def _authorized(self, challenge: str) -> str:
        kind, _, rest = challenge.partition(" ")
        user = self._logins(self._host)
        if kind.lower() == "basic" and user:
            return user.basic
        parameters = dict(_PARAMETER.findall(rest))
        realm = parameters.pop("realm", "")
        if kind.lower() != "bearer" or not realm.startswith(("https://", self._base.partition("/v2/")[0])):
            raise RepositoryUnreachable(
                f"{self._host} wants a login",
                url=self.identity,
                fix=f"log in with `helm registry login {self._host}`",
            )
        return f"Bearer {self._token(realm, parameters, user)}"

    def _token(self, realm: str, parameters: Mapping[str, str], user: Login | None) -> str:
        wanted = {key: value for key, value in parameters.items() if key in ("service", "scope")}
        if user and user.is_token:
            form = {
                **wanted,
                "grant_type": "refresh_token",
                "refresh_token": user.secret,
                "client_id": user.user,
            }
            answer = self._web.fetch(realm, limit=MAX_ANSWER_BYTES, repository=self.identity, form=form)
        else:
            url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(wanted)}"
            headers = {"Authorization": user.basic} if user else {}
            answer = self._web.fetch(url, limit=MAX_ANSWER_BYTES, repository=self.identity, headers=headers)
        token = _decoded(answer.body, _Token, self.identity)
        return token.token or token.access_token or ""


_Answered = TypeVar("_Answered", bound=msgspec.Struct)


def _decoded(body: bytes, kind: type[_Answered], repository: str) -> _Answered:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RepositoryError(f"not what a registry answers: {error}", url=repository) from error


def _version(tag: str) -> str | None:
    version = tag.replace("_", "+")
    try:
        Version.parse(version)
    except VersionError:
        return None
    return version


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
