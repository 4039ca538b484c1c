"""What the repositories have published, today or up to a given time."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain, islice

from deploy_orchestrator.charts.constraint import Constraint
from deploy_orchestrator.charts.errors import ChartError, ChartInvalid, ChartNotFound, VersionNotFound
from deploy_orchestrator.charts.loading import Chart
from deploy_orchestrator.charts.pinning import pinned
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart, exactly, is_legitimate
from deploy_orchestrator.charts.sources.repositories import Repositories
from deploy_orchestrator.charts.version import Version, VersionError
from deploy_orchestrator.errors import Place, instead_of
from deploy_orchestrator.registries import RepositoryError

AT_ONCE = 8
"""How many versions are asked about at the same time, where a repository tells the time of each alone."""


class Catalog:
    """The published versions of charts, as they were at the time `as_of`, or are now.

    A version whose repository does not tell when it was published counts as always there.
    """

    def __init__(self, repositories: Repositories, as_of: datetime | None = None) -> None:
        self._repositories = repositories
        self._as_of = as_of
        self._newest: dict[tuple[ChartIdentity, str, datetime | None], PublishedChart | None] = {}
        self._opened: dict[PublishedChart, Chart | None] = {}
        self.unread: dict[ChartIdentity, ChartError | RepositoryError] = {}
        """Why contents could not be read: for each chart one reason."""

    def identity(self, url: str, name: str) -> ChartIdentity:
        """The chart that is called `name` in the repository at `url`. Raises RepositoryError."""
        return ChartIdentity(self._repositories.identity(url), name)

    def versions(self, chart: ChartIdentity) -> tuple[PublishedChart, ...]:
        """Every version, newest first. Raises ChartNotFound and RepositoryError."""
        published = self._repositories.find(*chart)
        return published if self._as_of is None else tuple(filter(self._was_there, published))

    def described(self, chart: PublishedChart) -> PublishedChart:
        """`chart` with everything that its repository tells about it. Raises RepositoryError."""
        return self._repositories.described(chart)

    def contents(self, chart: PublishedChart) -> Chart:
        """`chart` with its contents, downloaded. Raises as `Repositories.chart`, the same each time."""
        contents = self.opened(chart)
        if contents is None:
            raise self.unread[chart.identity]
        return contents

    def opened(self, chart: PublishedChart) -> Chart | None:
        """`chart` with its contents; None where its package is out of reach, as `unread` then says."""
        if chart not in self._opened:
            try:
                self._opened[chart] = self._read(chart)
            except (ChartError, RepositoryError) as error:
                self.unread[chart.identity] = error
                self._opened[chart] = None
        return self._opened[chart]

    def newest(self, chart: ChartIdentity, constraint: str, by: datetime | None = None) -> PublishedChart:
        """The highest version that `constraint` allows, described.

        With `by` the highest of those that were published by then, if there are any, as far as the repository
        tells it with its list of versions.

        Raises:
            VersionNotFound: none is allowed.
            ConstraintError: that is no constraint.
            ChartNotFound, RepositoryError: the chart cannot be looked up.
        """
        key = (chart, constraint, by)
        if key not in self._newest:
            self._newest[key] = self._at_once(chart, constraint) or self._highest(chart, constraint, by)
        found = self._newest[key]
        if found is None:
            raise self._missing(chart, constraint)
        return self._repositories.described(found)

    def _at_once(self, chart: ChartIdentity, constraint: str) -> PublishedChart | None:
        """What an exact version of a chart in a registry is, as Helm pulls it: without a list of tags."""
        try:
            is_exact = chart.repository.startswith("oci://") and bool(Version.parse(constraint))
        except VersionError:
            return None
        found = self._repositories.exactly(*chart, constraint.strip()) if is_exact else None
        return found if found and self._was_there(found) else None

    def _highest(self, chart: ChartIdentity, constraint: str, by: datetime | None) -> PublishedChart | None:
        allowed = Constraint.parse(constraint)
        published = [one for one in self._repositories.find(*chart) if is_legitimate(one)]
        early = (one for one in published if by is None or one.created is None or one.created <= by)
        candidates = (one for one in chain(early, published if by else ()) if allowed.allows(one.version))
        return next(self._in_time(candidates), None)

    def _in_time(self, candidates: Iterable[PublishedChart]) -> Iterator[PublishedChart]:
        """Those that were there, several at a time where each has to be asked for."""
        left = iter(candidates)
        while some := list(islice(left, 1 if self._as_of is None else AT_ONCE)):
            if self._as_of and any(one.dependencies_json is None for one in some):
                with ThreadPoolExecutor(len(some)) as threads:
                    some = list(threads.map(self._repositories.described, some))
            yield from filter(self._was_there, some)

    def exactly(self, chart: ChartIdentity, version: str) -> PublishedChart:
        """The version that `version` means, described. Raises as `newest`."""
        found = self._repositories.exactly(*chart, version)
        versions = () if found else self._repositories.find(*chart)
        found = found or exactly(versions, version)
        if found is None:
            raise VersionNotFound(
                f"{chart.repository} has no {chart.name} in version {version}",
                fix=instead_of(version, (each.version for each in versions)),
            )
        return self._repositories.described(found)

    def _read(self, chart: PublishedChart) -> Chart:
        contents = self._repositories.chart(chart)
        if contents.name != chart.name:
            raise ChartInvalid(f"the package of {chart} holds {contents}", place=Place(chart.repository))
        for key, version in chart.pins:
            contents = pinned(contents, key, version)
        return contents

    def _was_there(self, chart: PublishedChart) -> bool:
        if self._as_of is None:
            return True
        created = self._repositories.described(chart).created
        return created is None or created <= self._as_of

    def _missing(self, chart: ChartIdentity, wanted: str) -> ChartNotFound:
        versions = self.versions(chart)
        then = f" by {self._as_of:%Y-%m-%d}" if self._as_of else ""
        has = f"{len(versions)}, the newest {versions[0].version}" if versions else "none"
        return VersionNotFound(
            f"no version of {chart} is allowed by {wanted!r}; published{then}: {has}",
            fix="mend the constraint, or publish such a version",
        )
