"""All chart repositories that a chart may name, each found where it really is, read once and kept."""

import difflib
import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from deploy_orchestrator.charts.errors import ChartNotFound
from deploy_orchestrator.charts.loading import Chart, load_package
from deploy_orchestrator.charts.published import PublishedChart
from deploy_orchestrator.charts.sources.index_repository import IndexRepository
from deploy_orchestrator.charts.sources.oci import OciRepository
from deploy_orchestrator.charts.version import Version
from deploy_orchestrator.registries import (
    Access,
    DigestMismatch,
    Egress,
    Internet,
    RepositoryError,
    Web,
    access,
    access_in,
    normalized,
    repository_names,
    scheme,
    told,
)
from deploy_orchestrator.storage import Cache

NO_MIRRORS: Mapping[str, str] = MappingProxyType({})


class ChartSource(Protocol):
    """One place with charts in it. Everything here may raise RepositoryError."""

    identity: str

    def names(self) -> tuple[str, ...]: ...

    def versions(self, name: str) -> tuple[PublishedChart, ...]: ...

    def exactly(self, name: str, version: str) -> PublishedChart | None: ...

    def described(self, chart: PublishedChart) -> PublishedChart: ...

    def package(self, chart: PublishedChart) -> bytes: ...


class Repositories:
    """Every chart repository by its URL: HTTP(S), OCI, or a folder. Safe for several threads.

    `mirrors` maps a repository's URL to where it is really read: another URL, a folder, or an index, YAML or
    JSON, plain or gzipped. URLs that are read at the same place are one repository. What is downloaded is
    kept below `cache`, so that an index that has not changed is neither sent nor parsed again. `web` is the
    network, which `Offline()` switches off; by default any public server, and those that `mirrors` names.
    `names` are the repositories that `@name` and `alias:name` stand for, by default the user's own of Helm.
    """

    def __init__(
        self,
        mirrors: Mapping[str, str] = NO_MIRRORS,
        cache: Path | None = None,
        web: Web | None = None,
        names: Callable[[], Mapping[str, str]] = repository_names,
    ) -> None:
        self._mirrors = {normalized(url): place for url, place in mirrors.items()}
        self._names = lru_cache(maxsize=None)(names)
        self._cache = Cache(cache)
        self._web = web or Internet(Egress().naming(*mirrors, *mirrors.values()))
        self._places: dict[str, str] = {}
        self._identities: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._opened: dict[str, ChartSource] = {}
        self._failures: dict[tuple[str, str], RepositoryError] = {}
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._lock = threading.RLock()
        for url in mirrors:
            self._identities.setdefault(normalized(self._place(url)), told(normalized(url)))
        self.mirrored = tuple(dict.fromkeys(self._identities.values()))
        """The repositories that `mirrors` names, in its order, each under one URL."""
        self.packages: dict[str, str] = {}
        """What was given out: the SHA-256 of each package in hex, by its repository, name and version."""

    def identity(self, url: str) -> str:
        """The one URL of the repository that `url` leads to, without credentials and query.

        Raises:
            RepositoryError: it leads nowhere.
        """
        with self._lock:
            if url in self._known:
                return self._known[url]
            try:
                place = self._places.get(url) or self._place(url)
                location = normalized(place)
            except ValueError as error:
                raise RepositoryError(f"not a repository's URL: {error}", url=told(url)) from error
            identity = self._identities.setdefault(location, told(location))
            if identity not in self._places or (access_in(place) and identity not in self._opened):
                self._places[identity] = place
            self._known[url] = identity
            return identity

    def url_of(self, repository: str) -> str:
        """What a lock holds for a repository: as it is written, or the URL that Helm's name for it means."""
        if not repository.startswith(("@", "alias:")):
            return repository
        name = normalized(repository)
        url = self._names().get(name.removeprefix("@")) or self._mirrors.get(name, "")
        return url if "://" in url else repository

    def names(self, url: str) -> tuple[str, ...]:
        """The names of all charts in a repository, none where it cannot tell them. Raises RepositoryError."""
        with self._remembering(url, "") as repository:
            return repository.names()

    def find(self, url: str, name: str) -> tuple[PublishedChart, ...]:
        """Every version of the chart `name` in the repository at `url`, newest first.

        Raises:
            ChartNotFound: the repository has no such chart.
            RepositoryError: the repository cannot be read. It is not tried again.
        """
        with self._remembering(url, name) as repository:
            versions = repository.versions(name)
            if not versions:
                raise ChartNotFound(
                    f"{repository.identity} has no chart {name}", fix=_suggestion(name, repository.names())
                )
            return versions

    def exactly(self, url: str, name: str, version: str) -> PublishedChart | None:
        """The chart in this version; a registry is asked for it without a list of its tags.

        None where it is not there. Raises RepositoryError and VersionError.
        """
        Version.parse(version)
        with self._remembering(url, name) as repository:
            return repository.exactly(name, version)

    def described(self, chart: PublishedChart) -> PublishedChart:
        """`chart` with everything that its repository tells about it. Raises RepositoryError."""
        if chart.dependencies_json is not None:
            return chart
        return self._at(chart.repository).described(chart)

    def package(self, chart: PublishedChart) -> bytes:
        """The bytes of a chart's package, as its repository promised them.

        Raises:
            DigestMismatch: they are others.
            RepositoryError: they cannot be had.
        """
        chart = self.described(chart)
        data = self._package(chart)
        self.packages[f"{chart.repository}/{chart}"] = hashlib.sha256(data).hexdigest()
        return data

    def _package(self, chart: PublishedChart) -> bytes:
        kept = self._cache.of("packages").read(chart.digest) if chart.digest else None
        if kept is not None:
            return kept
        data = self._at(chart.repository).package(chart)
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

    def _place(self, url: str) -> str:
        """Where `url` is really read, with the credentials and the query that are given for it."""
        passed: set[str] = set()
        while (known := normalized(url)) not in passed:
            passed.add(known)
            named = self._names().get(known.removeprefix("@"), url) if known.startswith("@") else url
            url = self._mirrors.get(known, named) if self._mirrors.get(known) != known else named
        return url

    def _at(self, url: str) -> ChartSource:
        identity = self.identity(url)
        with self._lock:
            if identity not in self._opened:
                self._opened[identity] = self._open(identity, self._places[identity])
            return self._opened[identity]

    @contextmanager
    def _remembering(self, url: str, name: str) -> Generator[ChartSource]:
        identity = self.identity(url)
        with self._lock:
            lock = self._locks[identity]
        with lock:
            key = (identity, name if identity.startswith("oci://") else "")
            if key in self._failures:
                raise self._failures[key]
            try:
                yield self._at(identity)
            except RepositoryError as error:
                self._failures[key] = error
                raise

    def _open(self, identity: str, place: str) -> ChartSource:
        location = normalized(place)
        match scheme(location):
            case "oci":
                return OciRepository(identity, location, self._web, self._cache)
            case "http" | "https":

                def accesses(location: str) -> Access | None:
                    return access_in(place) or access(location)

                return IndexRepository(identity, location, self._web, self._cache, accesses)
            case "" if location != identity and not location.startswith("@"):
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
