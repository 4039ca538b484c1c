"""How much harm conflicts do, found in what the charts contain."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from deploy_orchestrator.charts.conflicts import Conflict
from deploy_orchestrator.charts.errors import RepositoryError
from deploy_orchestrator.charts.harm import worst
from deploy_orchestrator.charts.load import Chart
from deploy_orchestrator.charts.repositories import Repositories
from deploy_orchestrator.charts.templates import Owner, clashes, duplicates, harm_among


def judge(
    found: Iterable[Conflict],
    chart: Chart,
    repositories: Repositories,
    values: Mapping[str, Any] | None = None,
) -> tuple[Conflict, ...]:
    """The conflicts that were found in `chart`, each with the harm that it does when `values` are given.

    `chart` has all its dependencies in `charts/`, as `assemble` leaves it.

    Raises:
        ChartInvalid: a file that is no template, or values of a subchart that are no mapping.
    """
    named, brought = clashes(chart, values), duplicates(chart, values)

    def judged(conflict: Conflict) -> Conflict:
        def takes_part(owner: Owner) -> bool:
            return _is_of(owner, conflict, repositories)

        objects = (
            duplicate.harm
            for duplicate in brought
            if sum(takes_part(source.owner) for source in duplicate.sources) > 1
        )
        return replace(conflict, harm=worst([harm_among(named, takes_part), *objects]))

    return tuple(map(judged, found))


def _is_of(owner: Owner, conflict: Conflict, repositories: Repositories) -> bool:
    if owner.name != conflict.name or owner.version not in conflict.resolved:
        return False
    if not owner.repository or owner.repository.startswith("file://"):
        return True
    try:
        return repositories.identity(owner.repository) == conflict.repository
    except RepositoryError:
        return owner.repository == conflict.repository
