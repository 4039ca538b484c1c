"""Copy charts with everything that they need to another registry."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from deploy_orchestrator.charts.catalog import Catalog
from deploy_orchestrator.charts.closure import Closure, Node
from deploy_orchestrator.charts.errors import ChartError, ChartsMeet
from deploy_orchestrator.charts.published import ChartIdentity
from deploy_orchestrator.charts.push import SOURCE, Destination
from deploy_orchestrator.charts.repositories import Repositories


class CopyState(StrEnum):
    """What became of a chart that was to be copied."""

    COPIED = "copied"
    THERE = "already there"
    FOLDER = "not published"
    """It was read from disk, so that there is no package to copy."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Copy:
    """What became of one `chart`, the repository `to` which it goes, and why it `failed` if it did."""

    chart: Node
    to: str
    state: CopyState
    failure: ChartError | None = None


def mirror(closure: Closure, repositories: Repositories, destination: Destination) -> Iterator[Copy]:
    """Copy every chart of `closure`, one after the other, even what is switched off; may be repeated.

    Raises:
        ChartsMeet: two charts of one name, from different repositories, would come to the same place.
    """
    _require_apart(closure, destination)
    catalog = Catalog(repositories)
    for node in closure.graph:
        yield _copy(node, catalog, repositories, destination)


def _copy(node: Node, catalog: Catalog, repositories: Repositories, destination: Destination) -> Copy:
    if _is_local(node):
        return Copy(node, "", CopyState.FOLDER)
    to = destination.of(node.identity)
    try:
        chart = catalog.exactly(node.identity, node.version)
        new = destination.push(chart, repositories.package(chart))
    except ChartError as error:
        return Copy(node, to, CopyState.FAILED, error)
    return Copy(node, to, CopyState.COPIED if new else CopyState.THERE)


def _require_apart(closure: Closure, destination: Destination) -> None:
    meeting: defaultdict[tuple[str, str], set[ChartIdentity]] = defaultdict(set)
    for node in closure.graph:
        if not _is_local(node):
            meeting[destination.of(node.identity), node.name].add(node.identity)
    for (place, name), charts in meeting.items():
        if len(charts) > 1:
            raise ChartsMeet(
                f"{' and '.join(sorted(map(str, charts)))} would both become {place}/{name}",
                fix=f"keep them apart: write {SOURCE} in the path, as in oci://HOST/PATH/{SOURCE}",
            )


def _is_local(node: Node) -> bool:
    return not node.repository or node.repository.startswith("file://")
