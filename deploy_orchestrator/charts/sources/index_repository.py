"""A chart repository with an `index.yaml`, on a web server or in a folder."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

import msgspec

from deploy_orchestrator.charts.errors import ChartError, IndexInvalid
from deploy_orchestrator.charts.loading import MAX_PACKAGE_BYTES
from deploy_orchestrator.charts.published import PublishedChart, exactly
from deploy_orchestrator.charts.sources.index import MAX_BYTES, Index
from deploy_orchestrator.charts.sources.oci import OciRepository
from deploy_orchestrator.registries import (
    Access,
    Answer,
    NoAnswer,
    RepositoryError,
    RepositoryUnreachable,
    Web,
    access,
    scheme,
    told,
)
from deploy_orchestrator.storage import Cache, fingerprint

_PARSED = "indexes-3"
"""Where parsed indexes are kept; another number for another form."""

_FEW = 16
"""Of more charts than these, the whole index is read at once, and kept as it is then."""

_INDEX_SUFFIXES = (".yaml", ".yml", ".json", ".gz")


class _Seen(msgspec.Struct, frozen=True, array_like=True):
    etag: str
    last_modified: str
    fingerprint: str


class IndexRepository:
    """The charts of the index at `location`, a URL or a path of a repository or of its index itself.

    `identity` is the repository's own URL. The index is read once, when the first chart is asked for.
    """

    def __init__(
        self,
        identity: str,
        location: str,
        web: Web,
        cache: Cache,
        accesses: Callable[[str], Access | None] = access,
    ) -> None:
        self.identity = identity
        self._web = web
        self._accesses = accesses
        self._cache = cache
        self._address = _index_address(location)
        self._index: Index | None = None
        self._key = ""
        self._is_whole = False
        self._silent: dict[str, NoAnswer] = {}

    def names(self) -> tuple[str, ...]:
        """The names of all charts. Raises RepositoryError."""
        return self._load().names

    def versions(self, name: str) -> tuple[PublishedChart, ...]:
        """Every version of a chart, newest first. Raises RepositoryError."""
        index = self._load()
        if index.read >= _FEW and not self._is_whole:
            self._is_whole = True
            if index.read_all():
                self._cache.of(_PARSED).write(self._key, index.keep())
        return index.versions(name)

    def exactly(self, name: str, version: str) -> PublishedChart | None:
        """The chart in this version. Raises RepositoryError."""
        return exactly(self.versions(name), version)

    def described(self, chart: PublishedChart) -> PublishedChart:
        """The chart itself: an index tells everything at once."""
        return chart

    def package(self, chart: PublishedChart) -> bytes:
        """The bytes of the chart's package, not yet checked. A server that gave no answer is not asked again.

        Raises:
            RepositoryError: none of its URLs gives a package.
        """
        failure: ChartError | RepositoryError | None = None
        for url in chart.urls:
            host = urlsplit(url).netloc
            try:
                if host in self._silent:
                    raise self._silent[host]
                if url.startswith("oci://"):
                    return self._from_registry(url)
                return self._read(self._package_address(url), MAX_PACKAGE_BYTES)
            except RepositoryError as error:
                if isinstance(error, NoAnswer):
                    self._silent[host] = error
                failure = error
        why = failure.what if failure else "the index has no URL for it"
        raise RepositoryError(
            f"the package of {chart} from {self.identity} cannot be read: {why}",
            url=self.identity,
            fix=f"give a copy that has its packages too: --repository {self.identity}=FOLDER_OR_URL",
        ) from failure

    def _from_registry(self, url: str) -> bytes:
        place, _, tag = url.rpartition(":")
        location, _, name = place.rpartition("/")
        if not name or not location.removeprefix("oci://"):
            raise RepositoryError(f"no chart in a registry: {told(url)}", url=self.identity)
        chart = PublishedChart(self.identity, name, tag.replace("_", "+"))
        return OciRepository(self.identity, location, self._web, self._cache).package(chart)

    def _load(self) -> Index:
        if self._index is None:
            self._index = (
                self._fetch()
                if scheme(self._address)
                else self._parsed(self._read_file(self._address, MAX_BYTES))
            )
        return self._index

    def _fetch(self) -> Index:
        seen = _seen(self._cache.of("responses").read(self._address))
        kept = self._cache.of(_PARSED).read(seen.fingerprint) if seen else None
        conditions = (
            {"If-None-Match": seen.etag, "If-Modified-Since": seen.last_modified} if seen and kept else {}
        )
        answer = self._ask(
            self._address,
            MAX_BYTES,
            {name: value for name, value in conditions.items() if value},
            accept=(200, 304) if kept else (200,),
        )
        if answer.status == 304 and kept and seen:
            self._key = seen.fingerprint
            return Index.restore(kept, self.identity)
        index = self._parsed(answer.body)
        new = _Seen(answer.headers.get("etag", ""), answer.headers.get("last-modified", ""), self._key)
        self._cache.of("responses").write(self._address, msgspec.msgpack.encode(new))
        return index

    def _parsed(self, data: bytes) -> Index:
        self._key = fingerprint(data)
        if kept := self._cache.of(_PARSED).read(self._key):
            return Index.restore(kept, self.identity)
        index = Index.parse(data, self.identity)
        self._cache.of(_PARSED).write(self._key, index.keep())
        return index

    def _read(self, address: str, limit: int) -> bytes:
        if scheme(address):
            return self._ask(address, limit, {}).body
        return self._read_file(address, limit)

    @cached_property
    def _access(self) -> Access | None:
        return self._accesses(self._address)

    def _ask(
        self, address: str, limit: int, headers: dict[str, str], accept: tuple[int, ...] = (200,)
    ) -> Answer:
        own = self._access if self._access and self._access.is_for(address) else None
        return self._web.fetch(
            address,
            limit=limit,
            repository=self.identity,
            headers={**headers, **(own.headers if own else {})},
            accept=accept,
            tls=own.tls if own else None,
        )

    def _read_file(self, path: str, limit: int) -> bytes:
        try:
            with Path(path).open("rb") as file:
                data = file.read(limit + 1)
        except (OSError, ValueError) as error:
            raise RepositoryUnreachable(f"cannot read {path}: {error}", url=self.identity) from error
        if len(data) > limit:
            raise IndexInvalid(f"{path} is larger than {limit:,} bytes", url=self.identity)
        return data

    def _package_address(self, url: str) -> str:
        if scheme(self._address):
            address = urljoin(self._address, url)
            if urlsplit(address).scheme in ("http", "https"):
                query = "" if urlsplit(url).scheme else urlsplit(self._address).query
                return urlunsplit(urlsplit(address)._replace(query=query)) if query else address
        elif "://" in url:
            if urlsplit(url).scheme in ("http", "https"):
                return url
        else:
            folder = Path(self._address).parent.resolve()
            file = (folder / url).resolve()
            if file.is_relative_to(folder):
                return str(file)
        raise RepositoryError(f"a package outside the repository: {told(url)}", url=self.identity)


def _index_address(location: str) -> str:
    """Where the index is; the query of a repository's URL goes along with all that is asked of it."""
    place, asks, query = location.partition("?") if scheme(location) else (location, "", "")
    if not place.lower().endswith(_INDEX_SUFFIXES):
        place = f"{place.rstrip('/')}/index.yaml"
    return f"{place}{asks}{query}"


def _seen(kept: bytes | None) -> _Seen | None:
    return msgspec.msgpack.decode(kept, type=_Seen) if kept else None
