"""All chart repositories that a chart may name, each found where it really is, read once and kept."""

import difflib
import hashlib
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from deploy_orchestrator.charts.errors import ChartNotFound
from deploy_orchestrator.charts.loading import Chart, load_package
from deploy_orchestrator.charts.published import PublishedChart
from deploy_orchestrator.charts.sources.index_repository import IndexRepository
from deploy_orchestrator.charts.sources.oci import OciRepository
from deploy_orchestrator.registries import (
    DigestMismatch,
    Egress,
    Internet,
    RepositoryError,
    Web,
    normalized,
    scheme,
)
from deploy_orchestrator.storage import Cache

NO_MIRRORS: Mapping[str, str] = MappingProxyType({})


class ChartRepository(Protocol):
    """One place with charts in it. Everything here may raise RepositoryError."""

    identity: str

    def names(self) -> tuple[str, ...]: ...

    def versions(self, name: str) -> tuple[PublishedChart, ...]: ...

    def described(self, chart: PublishedChart) -> PublishedChart: ...

    def package(self, chart: PublishedChart) -> bytes: ...


class Repositories:
    """Every chart repository by its URL: HTTP(S), OCI, or a folder. Safe for several threads.

    `mirrors` maps a repository's URL to where it is really read: another URL, a folder, or an index, YAML or
    JSON, plain or gzipped. URLs that are read at the same place are one repository. What is downloaded is
    kept below `cache`, so that an index that has not changed is neither sent nor parsed again. `web` is the
    network, which `Offline()` switches off; by default any public server, and those that `mirrors` names.
    """

    def __init__(
        self, mirrors: Mapping[str, str] = NO_MIRRORS, cache: Path | None = None, web: Web | None = None
    ) -> None:
        self._mirrors = {normalized(url): normalized(place) for url, place in mirrors.items()}
        self._identities: dict[str, str] = {}
        for url in self._mirrors:
            self._identities.setdefault(self._location(url), url)
        self._cache = Cache(cache)
        self._web = web or Internet(Egress().naming(*mirrors, *mirrors.values()))
        self._opened: dict[str, ChartRepository] = {}
        self._failures: dict[str, RepositoryError] = {}
        self._lock = threading.RLock()

    @property
    def mirrored(self) -> tuple[str, ...]:
        """The repositories that `mirrors` names, in its order, each under one URL."""
        return tuple(dict.fromkeys(self._identities.values()))

    def identity(self, url: str) -> str:
        """The one URL of the repository that `url` leads to.

        Raises:
            RepositoryError: it leads nowhere.
        """
        try:
            location = self._location(normalized(url))
        except ValueError as error:
            raise RepositoryError(f"not a repository's URL: {error}", url=url) from error
        return self._identities.get(location, location)

    def names(self, url: str) -> tuple[str, ...]:
        """The names of all charts in a repository, none where it cannot tell them. Raises RepositoryError."""
        with self._lock, self._remembering(url) as repository:
            return repository.names()

    def find(self, url: str, name: str) -> tuple[PublishedChart, ...]:
        """Every version of the chart `name` in the repository at `url`, newest first.

        Raises:
            ChartNotFound: the repository has no such chart.
            RepositoryError: the repository cannot be read. It is not tried again.
        """
        with self._lock, self._remembering(url) as repository:
            versions = repository.versions(name)
            if not versions:
                raise ChartNotFound(
                    f"{repository.identity} has no chart {name}", fix=_suggestion(name, repository.names())
                )
            return versions

    def described(self, chart: PublishedChart) -> PublishedChart:
        """`chart` with everything that its repository tells about it. Raises RepositoryError."""
        if chart.dependencies_json is not None:
            return chart
        with self._lock:
            return self._at(chart.repository).described(chart)

    def package(self, chart: PublishedChart) -> bytes:
        """The bytes of a chart's package, as its repository promised them.

        Raises:
            DigestMismatch: they are others.
            RepositoryError: they cannot be had.
        """
        chart = self.described(chart)
        kept = self._cache.of("packages").read(chart.digest) if chart.digest else None
        if kept is not None:
            return kept
        with self._lock:
            repository = self._at(chart.repository)
        data = repository.package(chart)
        found = hashlib.sha256(data).hexdigest()
        if not chart.digest:
            return data
        if found != chart.digest:
            raise DigestMismatch(
                f"the package of {chart} has the digest {found}, the repository promised {chart.digest}",
                url=chart.repository,
                fix="do not use it; ask who runs the repository",
            )
        self._cache.of("packages").write(chart.digest, data)
        return data

    def chart(self, chart: PublishedChart) -> Chart:
        """A published chart with its contents. Raises as `package` and `load` do."""
        return load_package(self.package(chart), f"{chart.repository}/{chart}")

    def _location(self, url: str) -> str:
        passed: set[str] = set()
        while url in self._mirrors and url not in passed:
            passed.add(url)
            url = self._mirrors[url]
        return url

    def _at(self, url: str) -> ChartRepository:
        identity = self.identity(url)
        if identity not in self._opened:
            self._opened[identity] = self._open(identity)
        return self._opened[identity]

    @contextmanager
    def _remembering(self, url: str) -> Generator[ChartRepository]:
        identity = self.identity(url)
        if identity in self._failures:
            raise self._failures[identity]
        try:
            yield self._at(identity)
        except RepositoryError as error:
            self._failures[identity] = error
            raise

    def _open(self, identity: str) -> ChartRepository:
        location = self._location(identity)
        match scheme(location):
            case "oci":
                return OciRepository(identity, location, self._web, self._cache)
            case "http" | "https":
                return IndexRepository(identity, location, self._web, self._cache)
            case "" if location != identity:
                return IndexRepository(identity, location, self._web, self._cache)
            case _:
                raise RepositoryError(
                    f"{identity} is no repository that can be read",
                    url=identity,
                    fix=f"say where it is with --repository {identity}=PATH_OR_URL",
                )


def _suggestion(name: str, names: tuple[str, ...]) -> str | None:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else None
