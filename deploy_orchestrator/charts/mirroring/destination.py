"""Put charts into an OCI registry, in the form in which `helm push` does: https://helm.sh/docs/topics/registries/."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from deploy_orchestrator import documents
from deploy_orchestrator.charts.errors import ChartInvalid
from deploy_orchestrator.charts.files import Budget, archive_files
from deploy_orchestrator.charts.loading import load_package
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.sources.oci import CONFIG, CONTENT, package_of
from deploy_orchestrator.errors import Place
from deploy_orchestrator.registries import (
    CREATED,
    MANIFEST,
    Blob,
    DigestMismatch,
    Egress,
    Internet,
    Login,
    Manifest,
    Registry,
    RepositoryError,
    Web,
    decoded,
    login,
)

SOURCE = "{repository}"
"""Stands in a destination for the repository that a chart comes from."""

_TITLE = "org.opencontainers.image.title"
_VERSION = "org.opencontainers.image.version"
_URL = re.compile(r"oci://[A-Za-z0-9.\[\]:_-]+(?:/[a-z0-9{}._/-]+)?")


class MirrorTarget:
    """Where charts are put: `oci://HOST/PATH`, with `{repository}` for the host and path that each is from.

    Raises:
        RepositoryError: that is no such URL.
    """

    def __init__(
        self, url: str, web: Web | None = None, logins: Callable[[str], Login | None] = login
    ) -> None:
        if not _URL.fullmatch(url):
            raise RepositoryError(
                f"{url!r} is no place in a registry",
                url=url,
                fix="write it as oci://HOST/PATH, in lower case",
            )
        self._url = url.rstrip("/")
        self._web = web or Internet(Egress().naming(url))
        self._logins = logins
        self._registries: dict[str, Registry] = {}

    def of(self, chart: ChartIdentity) -> str:
        """The repository's URL that a chart is put under."""
        parts = urlsplit(chart.repository)
        source = re.sub(r"[^a-z0-9/.]+", "-", f"{parts.netloc}{parts.path}".lower()).strip("/.-")
        return self._url.replace(SOURCE, source)

    def push(self, chart: PublishedChart, package: bytes) -> bool:
        """Put a chart there, with `package` to the byte; False where exactly that is there already.

        What a run that was broken off has uploaded is not uploaded again; the tag comes last.

        Raises:
            DigestMismatch: the same version is there with other bytes; it is left alone.
            ChartInvalid, UnsafeChart: the package is not that chart.
            RepositoryError: the registry cannot be used.
        """
        url = self.of(chart.identity)
        registry = self._registries.setdefault(url, Registry(url, url, self._web, self._logins))
        content = Blob(CONTENT, _digest(package), len(package))
        there = self._there(registry, chart)
        if there == content.digest:
            return False
        if there is not None:
            raise DigestMismatch(
                f"{url}/{chart} is there as {there}, and {chart.repository} has {content.digest}",
                url=url,
                fix="find out which is right; mirror to another path, or delete that tag",
            )
        config = _config(chart, package)
        described = Blob(CONFIG, _digest(config), len(config))
        registry.upload(chart.name, content, package)
        registry.upload(chart.name, described, config)
        created = {CREATED: chart.created.astimezone(UTC).isoformat()} if chart.created else {}
        annotations = {_TITLE: chart.name, _VERSION: chart.version, **created}
        registry.ask(
            registry.manifest_of(chart.name, chart.version),
            chart.name,
            method="PUT",
            headers={"Content-Type": MANIFEST},
            content=msgspec.json.encode(Manifest(described, (content,), annotations)),
            accept=(201,),
        )
        return True

    def _there(self, registry: Registry, chart: PublishedChart) -> str | None:
        answer = registry.ask(
            registry.manifest_of(chart.name, chart.version),
            chart.name,
            headers={"Accept": MANIFEST},
            accept=(200, 404),
        )
        if answer.status == 404:
            return None
        package = package_of(decoded(answer.body, Manifest, registry.identity))
        return package.digest if package else "something that is no chart"


def _config(chart: PublishedChart, package: bytes) -> bytes:
    loaded = load_package(package, str(chart))
    if (loaded.name, loaded.version) != (chart.name, chart.version):
        raise ChartInvalid(f"the package holds {loaded}", place=Place(chart.repository, field=str(chart)))
    text = archive_files(package, str(chart), Budget())["Chart.yaml"]
    metadata = cast(dict[str, Any], documents.parse(text, f"{chart}/Chart.yaml").value)
    needs = [one.model_dump(by_alias=True, exclude_defaults=True) for one in loaded.metadata.dependencies]
    return json.dumps(metadata | ({"dependencies": needs} if needs else {})).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
