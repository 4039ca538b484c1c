"""What can be wrong with charts, repositories and their dependencies, as types with data."""

from deploy_orchestrator.errors import OrchestratorError, Place
from deploy_orchestrator.registries import RepositoryError


class ChartError(OrchestratorError):
    """Anything wrong with a chart or where it comes from."""


class ChartInvalid(ChartError, ValueError):
    """A chart, or one of its files, that is not what Helm would accept."""


class UnsafeChart(ChartError, ValueError):
    """A chart that climbs out of its folder, or is out of bounds in size, count or depth."""


class IndexInvalid(RepositoryError, ValueError):
    """A repository index that is no Helm index, or is out of bounds."""


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
