"""What can be wrong with charts, repositories and their dependencies, as types with data."""

from deploy_orchestrator.errors import OrchestratorError, Place


class ChartError(OrchestratorError):
    """Anything wrong with a chart or where it comes from."""


class ChartInvalid(ChartError, ValueError):
    """A chart, or one of its files, that is not what Helm would accept."""


class UnsafeChart(ChartError, ValueError):
    """A chart that climbs out of its folder, or is out of bounds in size, count or depth."""


class RepositoryError(ChartError):
    """A chart repository that cannot be used. `url` is the repository as it was asked for."""

    def __init__(self, what: str, *, url: str, place: Place | None = None, fix: str | None = None) -> None:
        super().__init__(what, place=place, fix=fix)
        self.url = url


class RepositoryUnreachable(RepositoryError):
    """A repository that did not answer, or answered that it will not."""


class IndexInvalid(RepositoryError, ValueError):
    """A repository index that is no Helm index, or is out of bounds."""


class DigestMismatch(RepositoryError):
    """A downloaded chart whose bytes are not those that the index, lock or registry promised."""


class ChartNotFound(ChartError, LookupError):
    """A chart, or a version of it, that is not where it was looked up."""


class VersionNotFound(ChartNotFound):
    """A chart of which no published version will do."""


class NotCarried(ChartNotFound):
    """A dependency that a chart should bring along, or name a folder for, and does not."""

    def __init__(self, repository: str) -> None:
        where = f"nor at {repository}" if repository else "and no repository is named"
        super().__init__(f"not in charts/ {where}", fix="put the chart into charts/, or name its repository")


class DependencyCycle(ChartError, ValueError):
    """Charts that need each other in a circle. `cycle` names them in order, the first again at the end."""

    def __init__(self, cycle: tuple[str, ...], *, place: Place | None = None) -> None:
        super().__init__(
            f"dependencies go in a circle: {' > '.join(cycle)}",
            place=place,
            fix="remove one of these dependencies",
        )
        self.cycle = cycle


class ChartsMeet(ChartError, ValueError):
    """Different charts that would come to the same place."""
