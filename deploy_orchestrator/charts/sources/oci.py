"""A chart repository in an OCI registry: https://github.com/opencontainers/distribution-spec/blob/main/spec.md."""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from deploy_orchestrator.charts.loading import MAX_PACKAGE_BYTES
from deploy_orchestrator.charts.metadata import ChartMetadata, read_metadata
from deploy_orchestrator.charts.published import PublishedChart, dependencies_as_json
from deploy_orchestrator.charts.version import Version, VersionError
from deploy_orchestrator.registries import (
    CREATED,
    MANIFEST,
    MAX_ANSWER_BYTES,
    Answer,
    Blob,
    DigestMismatch,
    Login,
    Manifest,
    Registry,
    RepositoryError,
    Web,
    decoded,
    login,
)
from deploy_orchestrator.storage import Cache
from deploy_orchestrator.terms import is_digest

MAX_PAGES = 200

CONFIG = "application/vnd.cncf.helm.config.v1+json"
CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')


class _Tags(msgspec.Struct, frozen=True):
    tags: tuple[str, ...] | None = None


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
        self._registry = Registry(location, identity, web, logins)
        self._cache = cache
        self._known: dict[tuple[str, str], PublishedChart] = {}

    def names(self) -> tuple[str, ...]:
        """Nothing: a registry does not tell."""
        return ()

    def versions(self, name: str) -> tuple[PublishedChart, ...]:
        """Every tag of a chart that is a version, newest first. Raises RepositoryError."""
        url: str | None = f"{self._registry.of(name)}/tags/list?n=1000"
        tags: list[str] = []
        for _ in range(MAX_PAGES):
            if url is None:
                break
            answer = self._registry.ask(url, name, accept=(200, 404))
            if answer.status == 404:
                return ()
            tags += decoded(answer.body, _Tags, self.identity).tags or ()
            url = self._next(answer)
        found = sorted(filter(None, map(_version, tags)), key=Version.parse, reverse=True)
        return tuple(self._undescribed(name, version) for version in found)

    def exactly(self, name: str, version: str) -> PublishedChart | None:
        """The chart in exactly this version, described, without asking for a list of them.

        None where there is no such tag. Raises as `described`.
        """
        return self._described(self._undescribed(name, version), accept=(200, 404))

    def described(self, chart: PublishedChart) -> PublishedChart:
        """`chart` with what its manifest and its metadata tell. Raises RepositoryError and ChartInvalid."""
        described = self._described(chart, accept=(200,))
        if described is None:
            raise RepositoryError(f"{chart} is not there", url=self.identity)
        return described

    def _undescribed(self, name: str, version: str) -> PublishedChart:
        urls = (self._registry.manifest_of(name, version),)
        return PublishedChart(self.identity, name, version, urls=urls, dependencies_json=None)

    def _described(self, chart: PublishedChart, accept: tuple[int, ...]) -> PublishedChart | None:
        key = (chart.name, chart.version)
        if key not in self._known:
            described = self._asked(chart, accept)
            if described is None:
                return None
            self._known[key] = described
        return self._known[key]

    def _asked(self, chart: PublishedChart, accept: tuple[int, ...]) -> PublishedChart | None:
        url = self._registry.manifest_of(chart.name, chart.version)
        answer = self._registry.ask(url, chart.name, headers={"Accept": MANIFEST}, accept=accept)
        if answer.status == 404:
            return None
        manifest = decoded(answer.body, Manifest, self.identity)
        content = package_of(manifest)
        if content is None:
            raise RepositoryError(f"{chart} is no Helm chart", url=self.identity)
        metadata = read_metadata(
            self._blob(chart.name, manifest.config, MAX_ANSWER_BYTES), str(chart), ChartMetadata
        )
        return msgspec.structs.replace(
            chart,
            created=_time((manifest.annotations or {}).get(CREATED, "")),
            digest=content.digest.removeprefix("sha256:"),
            type=metadata.type,
            deprecated=metadata.deprecated,
            app_version=metadata.app_version,
            dependencies_json=dependencies_as_json(metadata.dependencies),
        )

    def package(self, chart: PublishedChart) -> bytes:
        """The bytes of the chart's package. Raises RepositoryError."""
        described = chart if chart.digest else self.described(chart)
        blob = Blob(CONTENT, f"sha256:{described.digest}", MAX_PACKAGE_BYTES)
        return self._blob(chart.name, blob, MAX_PACKAGE_BYTES)

    def _blob(self, name: str, blob: Blob, limit: int) -> bytes:
        if not is_digest(blob.digest):
            raise RepositoryError(f"{name}: no digest: {blob.digest!r}", url=self.identity)
        kept = self._cache.of("blobs").read(blob.digest)
        if kept is not None:
            return kept
        data = self._registry.ask(f"{self._registry.of(name)}/blobs/{blob.digest}", name, limit=limit).body
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if found != blob.digest:
            raise DigestMismatch(
                f"{name}: asked for {blob.digest}, the registry sent {found}", url=self.identity
            )
        self._cache.of("blobs").write(blob.digest, data)
        return data

    def _next(self, answer: Answer) -> str | None:
        link = _NEXT.search(answer.headers.get("link", ""))
        return self._registry.within(link[1]) if link else None


def package_of(manifest: Manifest) -> Blob | None:
    """The package of the chart that `manifest` is about; None where it is about no chart."""
    content = (layer for layer in manifest.layers if layer.media_type == CONTENT)
    return next(content, None) if manifest.config.media_type == CONFIG else None


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
