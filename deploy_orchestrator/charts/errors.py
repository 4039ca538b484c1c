"""What can be wrong with charts, repositories and their dependencies, as types with data."""

from pathlib import Path

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

    def __init__(self, repository: str, boundary: Path | None = None) -> None:
        where = f"nor at {repository}" if repository else "and no repository is named"
        fix = "put the chart into charts/, or name its repository"
        if boundary:
            where = f"and {repository} leads out of {boundary}"
            fix = "follow it from a Git work tree, or a current folder, that both charts stand in"
        super().__init__(f"not in charts/ {where}", fix=fix)


class NotBuilt(ChartNotFound):
    """A dependency that a package declares and does not bring, so that Helm loads nothing for it."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"the package of {package} declares it and does not bring it: Helm loads nothing there",
            fix="tell whoever publishes that chart",
        )


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
